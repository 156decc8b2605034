import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';
import { folder, sshSettings, templateSettings, timeout } from './archive/settings.js';
import { sshTo } from './archive/ssh.js';

export default definePlugin({
  kind: 'archive_script_method',
  description: 'the folder of a barman host from which barman takes WAL (`incoming_wals_directory`), by ssh',
  settings: (z) => {
    const word = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/, { error: 'must be one word' });
    return z.strictObject({
      host: word.describe('the barman host'),
      directory: folder(z).describe('as `barman show-servers NAME` says incoming_wals_directory'),
      barman_server: word
        .nullable()
        .default(null)
        .describe(
          "barman's NAME of this cluster, for restore.sh by `barman get-wal`; null: only what barman has not taken yet",
        ),
      user: word.default('barman').describe('who logs in there'),
      port: z.number().int().min(1).max(65_535).default(22).describe('of its sshd'),
      timeout: timeout(z, 'for one file, seconds'),
      ...sshSettings(z),
      ...templateSettings(z),
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
