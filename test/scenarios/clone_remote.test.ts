import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { waitFor, withCluster } from '../pg/harness.js';
import { type LabOptions, calmLab, recovering, runCommand } from './lab.js';
import { hasBasebackup, spareServer } from './spare.js';

const SECRET = 'xyzzy-replication-secret';
let sshd: TestSshd;
beforeAll(async () => {
  sshd = await startSshd();
}, 30_000);
afterAll(() => sshd.stop());

function argumentLists(): string {
  return readdirSync('/proc')
    .flatMap((name) => {
      try {
        return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, 'utf8')] : [];
      } catch {
        return [];
      }
    })
    .join('\n');
}

describe.skipIf(!(await hasBasebackup()))('over ssh as another user, with passwords', () => {
  const all = { handyrep_db_pass: SECRET, superuser_pass: SECRET };
  test.each([
    ['the replication password as a secret', { ...all, replication_pass: SECRET }],
    ["the replication password in the postgres OS user's password file", all],
  ])('%s', async (_, passwords) => {
    await withCluster({ replicas: 1, password: SECRET }, async (cluster) => {
      const spare = await spareServer(cluster, 'db3', { auth: 'scram-sha-256' });
      const become = process.getuid?.() === 0 ? 'sudo' : 'none';
      const options: LabOptions = {
        passwords,
        servers: { db3: spare.entry },
        server_defaults: { connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become },
        plugins: { clone_basebackup: { max_rate: '16M' } },
        env: { HANDYREP_SSH_CONFIG: sshd.configFile },
      };
      const lab = await calmLab(cluster, options);
      const cloned = runCommand(lab, ['-v', '--json', 'clone', 'db3'], { HANDYREP_SSH_CONFIG: sshd.configFile });
      const during = await waitFor(
        () => {
          const lists = argumentLists();
          return lists.includes('pg_basebackup\0-D') ? lists : null;
        },
        { deadline: 20_000, what: 'pg_basebackup to run' },
      );
      expect(during).not.toContain(SECRET);
      const { code, stdout, stderr } = await cloned;
      expect(JSON.parse(stdout)).toMatchObject({ exit_code: 0, servers: [{ server: 'db3', result: 'SUCCESS' }] });
      expect(code).toBe(0);
      expect(await recovering(spare.server)).toBe(true);
      const log = readFileSync(join(lab.dir, 'handyrep.log'), 'utf8');
      const kept = readFileSync(join(lab.dir, 'servers.save'), 'utf8');
      expect(log).toContain('clone of db3 from db1 begins');
      expect(stdout + stderr + log + kept).not.toContain(SECRET);
    });
  });
});
