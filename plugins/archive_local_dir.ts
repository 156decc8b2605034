import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'archive_script_method',
  description: 'a folder of each database host: a mounted share, which is the same on all of them',
  settings: (z) =>
    z.strictObject({
      directory: z
        .string()
        .regex(/^\/[^\p{Cc}]*[^/\p{Cc}]$/u, { error: 'must be an absolute path' })
        .describe('the folder; it must exist, and belong to the postgres OS user'),
      timeout: z.number().int().min(1).max(3600).default(300).describe('for one file, seconds'),
      archive_template: z.string().default('archive.sh').describe('what archive.sh is made from'),
      restore_template: z.string().default('restore.sh').describe('what restore.sh is made from'),
    }),
  run:
    ({ directory, ...settings }) =>
    async () => {
      const place = { name: 'here', directory, ssh: [], get: [] };
      return ok({ ...settings, places: [place], copies: 1, sources: [place], kept_by: null });
    },
});
