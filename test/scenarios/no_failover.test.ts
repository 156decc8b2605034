import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { acquireLock } from '../../src/state/lock.js';
import { type DemoCluster, startCluster, startClusterWriter } from '../pg/harness.js';
import { type Lab, createLab, runCommand } from './lab.js';

const PASSWORD = "it's \\a secret";
let cluster: DemoCluster;
let lab: Lab;

const passwords = { handyrep_db_pass: PASSWORD, replication_pass: PASSWORD, superuser_pass: PASSWORD };

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, password: PASSWORD });
  lab = await createLab(cluster, { passwords });
  await lab.init();
  // Each lab here is a management host that knows nothing but its configuration.
  await cluster.master.sql('DROP TABLE handyrep.handyrep');
  expect((await lab.verify()).exit_code).toBe(0);
}, 90_000);

/** Nobody was promoted, and the master is still the one that takes writes. */
async function nothingHappened(): Promise<void> {
  const roles = await Promise.all(
    cluster.servers.map(async (server) => (await server.sql('SELECT pg_is_in_recovery() AS standby'))[0]?.['standby']),
  );
  expect(roles).toEqual(['f', 't', 't']);
}

describe('a master that is up, or of which nothing is known, is never replaced', () => {
  test('master_healthy: ssh down while SQL works', async () => {
    const blind = await createLab(cluster, {
      passwords,
      server_defaults: { connection: 'ssh', ssh_port: 1, ssh_user: 'nobody' },
      handyrep: { ssh_timeout: '1s' },
    });
    const verified = await blind.verify();
    expect(verified.cluster.status).toBe('warning');
    expect(verified.servers.find((one) => one.name === 'db1')?.status_message).toContain('remote commands fail');
    const report = await blind.check();
    expect(report).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy', action: 'none' } });
    await nothingHappened();
  });

  test('master_healthy: a check of a named replica looks at the master too, which is not down for being left out', async () => {
    for (const check of [lab.poll, lab.verify]) {
      const report = await check('db2');
      expect(report).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
      expect(report.cluster.status).not.toBe('down');
    }
  });

  test('master_saturated: every connection in use', async () => {
    const [limits] = await cluster.master.sql('SELECT current_setting($1) AS most', ['max_connections']);
    const clients: pg.Client[] = [];
    try {
      for (let n = 0; n < Number(limits?.['most']); n++) {
        const { host, port } = cluster.master;
        const client = new pg.Client({ host, port, user: 'postgres', password: PASSWORD, database: 'postgres' });
        client.on('error', () => undefined);
        const open = await client.connect().then(
          () => true,
          () => false,
        );
        if (!open) break;
        clients.push(client);
      }
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 0,
        decision: { rule: 5, diagnosis: 'master_saturated', action: 'none' },
      });
      expect(report.cluster.status).toBe('warning');
      expect(report.decision.evidence[0]?.text).toContain('IDENTIFY_SYSTEM answers: timeline 1');
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
    await nothingHappened();
  });

  test('master_rejects_us: a wrong password in our configuration', async () => {
    const wrong = await lab.reconfigure({ passwords: { ...passwords, handyrep_db_pass: 'not this one' } });
    const report = await wrong.check();
    expect(report).toMatchObject({
      exit_code: 1,
      decision: { rule: 5, diagnosis: 'master_rejects_us', action: 'none' },
    });
    expect(JSON.stringify(report)).not.toContain('not this one');
    await lab.reconfigure({ passwords });
    await nothingHappened();
  });

  test('master_seen_by_replica: only we cannot reach the master', async () => {
    const cut = await createLab(cluster, {
      passwords,
      failover: { poll_method: 'poll_cut' },
      plugin_files: { 'poll_cut.mjs': POLL_CUT },
      env: {},
    });
    process.env['HANDYREP_TEST_CUT'] = '';
    expect((await cut.verify()).exit_code).toBe(0);
    process.env['HANDYREP_TEST_CUT'] = 'db1';
    try {
      const report = await cut.check();
      expect(report).toMatchObject({
        exit_code: 1,
        decision: { rule: 6, diagnosis: 'master_seen_by_replica', action: 'none' },
      });
      expect(report.cluster.status).toBe('warning');
      expect(report.details).toContain('no failover');
    } finally {
      delete process.env['HANDYREP_TEST_CUT'];
    }
    await nothingHappened();
  });

  test('master_seen_by_replica: WAL that comes after the trouble began is contact, where no port can be tried', async () => {
    const cut = await createLab(cluster, {
      passwords,
      failover: { poll_method: 'poll_cut' },
      plugin_files: { 'poll_cut.mjs': POLL_CUT },
      handyrep: { ssh_timeout: '1s' },
      server_defaults: { connection: 'ssh', ssh_port: 1, ssh_user: 'nobody' },
    });
    const writer = await startClusterWriter(cluster, { password: PASSWORD });
    process.env['HANDYREP_TEST_CUT'] = '';
    await cut.verify();
    process.env['HANDYREP_TEST_CUT'] = 'db1';
    try {
      const report = await cut.check();
      expect(report.decision).toMatchObject({ rule: 6, diagnosis: 'master_seen_by_replica', action: 'none' });
    } finally {
      delete process.env['HANDYREP_TEST_CUT'];
      await writer.stop();
    }
    await nothingHappened();
  });

  test('lock_busy: another run holds the lock (exit code 3)', async () => {
    const lock = await acquireLock(join(lab.dir, 'servers.save'), { run: 'other', command: 'verify', wait_ms: 0 });
    if (!lock.ok) throw new Error(lock.error.message);
    const done = await runCommand(lab, ['--json', 'failover-check']);
    await lock.value.release();
    expect(done.code).toBe(3);
    expect(JSON.parse(done.stdout)).toMatchObject({ result: 'FAIL', exit_code: 3 });
    expect(done.stdout).toContain(String(process.pid));
  });

  test('a replica of another cluster is not fit and does not count', async () => {
    const other = await startCluster({ replicas: 0, fresh: true, password: PASSWORD });
    const foreign = await createLab(cluster, { passwords, servers: { db3: { port: other.master.port } } });
    // The stranger accepts writes, and is no second master of this cluster.
    const first = await foreign.handyrep.verify();
    expect(first.exit_code).toBe(4);
    const known = await createLab(cluster, { passwords });
    await known.verify();
    const moved = await known.reconfigure({
      handyrep: { override_server_file: true },
      servers: { db3: { port: other.master.port } },
    });
    const report = await moved.verify();
    expect(report.servers.find((one) => one.name === 'db3')).toMatchObject({ status: 'down' });
    expect(report.decision.diagnosis).toBe('master_healthy');
    await nothingHappened();
  });
});

describe('what is remembered', () => {
  test('a lost servers.save comes back from the cluster table, a newer table wins, an older one does not', async () => {
    await cluster.master.sql('DROP TABLE IF EXISTS handyrep.handyrep');
    const boss = await lab.reconfigure({ handyrep: { postgres_superuser: 'postgres' } });
    expect((await boss.handyrep.init()).exit_code).toBe(0);
    await lab.verify();
    const before = await lab.saved();
    await rm(join(lab.dir, 'servers.save'));
    await rm(join(lab.dir, 'servers.save.prev'));
    await lab.poll();
    const recovered = await lab.saved();
    expect(recovered.generation).toBeGreaterThan(before.generation);
    expect(recovered.servers['db1']?.def).toEqual(before.servers['db1']?.def);

    await cluster.master.sql(
      `UPDATE handyrep.handyrep SET generation = generation + 1000,
              state = jsonb_set(state, '{generation}', to_jsonb(generation + 1000))`,
    );
    await lab.poll();
    expect((await lab.saved()).generation).toBeGreaterThan(before.generation + 1000);

    await cluster.master.sql(
      `UPDATE handyrep.handyrep SET generation = 1, state = jsonb_set(state, '{generation}', '1')`,
    );
    await lab.poll();
    expect((await lab.saved()).generation).toBeGreaterThan(before.generation + 1000);
    const [row] = (await cluster.replicas[0]?.sql('SELECT 1 AS here FROM handyrep.handyrep')) ?? [];
    expect(row).toEqual({ here: '1' });
  });

  test('neither file nor table, and the configuration contradicts the live cluster: refused, with the reason', async () => {
    await cluster.master.sql('DROP TABLE IF EXISTS handyrep.handyrep');
    const swapped = await createLab(cluster, {
      passwords,
      servers: { db1: { role: 'replica' }, db2: { role: 'master' } },
    });
    const report = await swapped.handyrep.failoverCheck();
    expect(report.exit_code).toBe(4);
    expect(report.details).toContain('db1 is configured as replica and accepts writes');
    expect(report.details).toContain('db2 is configured as master and is in recovery');
    await nothingHappened();
  });
});

/** Polls as poll_connect does, but servers named in HANDYREP_TEST_CUT do not answer: a firewall between us and them. */
const POLL_CUT = `
const FACTS = ${JSON.stringify(new URL('../../src/core/facts.ts', import.meta.url).href)};
const { FACTS_SQL, parseFacts } = await import(FACTS);
export default {
  kind: 'poll_method',
  description: 'poll_connect behind a firewall',
  settings: (z) => z.strictObject({}),
  run: () => async (context, server) => {
    if ((process.env.HANDYREP_TEST_CUT ?? '').split(',').includes(server.name)) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { reach: { kind: 'timeout', detail: 'the test cut it off' }, facts: null };
    }
    const { reach, results } = await context.sql.look(server, [{ text: FACTS_SQL }]);
    return { reach, facts: results[0]?.ok ? parseFacts(results[0].value[0]) : null };
  },
};
`;
