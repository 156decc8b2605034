import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'any',
  description: 'always succeeds; for tests and examples',
  run: () => () => Promise.resolve(ok('successplugin always succeeds')),
});
