import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';
import { sshTo } from './archive/ssh.js';

export default definePlugin({
  kind: 'archive_script_method',
  description: 'the folder of a barman host from which barman takes WAL (`incoming_wals_directory`), by ssh',
  settings: (z) => {
    const word = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/, { error: 'must be one word' });
    return z.strictObject({
      host: word.describe('the barman host'),
      directory: z
        .string()
        .regex(/^\/[^\p{Cc}]*[^/\p{Cc}]$/u, { error: 'must be an absolute path' })
        .describe('as `barman show-servers NAME` says incoming_wals_directory'),
      barman_server: word
        .nullable()
        .default(null)
        .describe(
          "barman's NAME of this cluster, for restore.sh by `barman get-wal`; null: only what barman has not taken yet",
        ),
      user: word.default('barman').describe('who logs in there'),
      port: z.number().int().min(1).max(65_535).default(22).describe('of its sshd'),
      timeout: z.number().int().min(1).max(3600).default(300).describe('for one file, seconds'),
      connect_timeout: z.number().int().min(1).max(60).default(3).describe('for a host that does not answer, seconds'),
      ssh_options: z
        .array(z.string().regex(/^[^\p{Cc}]+$/u))
        .default([])
        .describe('more arguments for ssh, such as -i and a key'),
      archive_template: z.string().default('archive.sh').describe('what archive.sh is made from'),
      restore_template: z.string().default('restore.sh').describe('what restore.sh is made from'),
    });
  },
  run:
    ({ host, directory, barman_server, user, port, connect_timeout, ssh_options, ...settings }) =>
    async () => {
      const ssh = sshTo({ hostname: host, port, user }, { connect_timeout, ssh_options });
      const get = barman_server === null ? [] : ['barman', 'get-wal', barman_server];
      const place = { name: host, directory, ssh, get };
      const kept_by = 'barman deletes what its retention_policy lets go';
      return ok({ ...settings, places: [place], copies: 1, sources: [place], kept_by });
    },
});
