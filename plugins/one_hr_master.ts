import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'master_check_method',
  description: 'there is one HandyRep, and it is always the active one',
  run: () => () => Promise.resolve(ok({ active: true, detail: 'one_hr_master: this is the only one' })),
});
