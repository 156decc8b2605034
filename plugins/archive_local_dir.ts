import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';
import { folder, templateSettings, timeout } from './archive/settings.js';

export default definePlugin({
  kind: 'archive_script_method',
  description: 'a folder of each database host: a mounted share, which is the same on all of them',
  settings: (z) =>
    z.strictObject({
      directory: folder(z).describe('the folder; it must exist, and belong to the postgres OS user'),
      timeout: timeout(z, 'for one file, seconds'),
      ...templateSettings(z),
    }),
  run:
    ({ directory, ...settings }) =>
    async () => {
      const place = { name: 'here', directory, ssh: [], get: [] };
      return ok({ ...settings, places: [place], copies: 1, sources: [place], kept_by: null });
    },
});
