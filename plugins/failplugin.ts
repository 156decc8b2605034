import { fail } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'any',
  description: 'always fails; for tests and examples',
  run: () => () =>
    Promise.resolve(
      fail('plugin_failed', 'failplugin always fails', { hint: 'it is for tests: configure another plugin' }),
    ),
});
