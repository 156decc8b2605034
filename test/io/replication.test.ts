import { expect, test } from 'vitest';
import { createSql } from '../../src/io/sql.js';
import { startCluster, waitFor } from '../pg/harness.js';
import { serverDef, sqlSettings } from './builders.js';

test('a promoted replica tells where it left the old timeline', async () => {
  const cluster = await startCluster({ replicas: 1 });
  const replica = cluster.server('db2');
  const def = serverDef({ name: 'db2', port: replica.port });
  const sql = createSql(sqlSettings());
  expect(await sql.identify(def)).toMatchObject({ ok: true, value: { timeline: 1 } });
  await replica.sql('SELECT pg_promote()');
  const now = await waitFor(
    async () => {
      const done = await sql.identify(def);
      return done.ok && done.value.timeline === 2 ? done.value : null;
    },
    { deadline: 20_000, what: 'timeline 2' },
  );
  const history = await sql.timelineHistory(def, 2);
  expect(history).toMatchObject({ ok: true, value: { timeline: 2, forks: [{ timeline: 1 }] } });
  if (history.ok) expect(history.value?.forks[0]?.lsn).toBeLessThanOrEqual(now.lsn);
}, 120_000);
