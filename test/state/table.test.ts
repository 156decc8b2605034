import { beforeAll, describe, expect, test } from 'vitest';
import { fail, ok } from '../../src/core/outcome.js';
import { formatState } from '../../src/core/saved.js';
import type { SqlPort } from '../../src/plugin/contract.js';
import { quoteIdent, quoteLiteral } from '../../src/core/sqltext.js';
import {
  initStatements,
  parseRows,
  printInitSql,
  readStatement,
  readTable,
  writeStatement,
  writeTable,
  type InitNames,
} from '../../src/state/table.js';
import { fullState, serverDef } from '../core/saved-example.js';
import { startCluster, type DemoCluster, type DemoServer } from '../pg/harness.js';

/** Names that only quoting can bear. */
const names: InitNames = {
  cluster_name: "ap'p",
  handyrep_schema: 'handy"rep',
  handyrep_table: 'Table; --',
  handyrep_user: 'handyrep',
  replication_user: "repl'i\\cator",
  handyrep_db: 'postgres',
};
const state = (generation: number) => fullState({ generation, cluster_name: names.cluster_name });

/** The adapter's contract over one throwaway server. */
function portTo(server: DemoServer): SqlPort {
  const no = () => Promise.resolve(fail('sql_query', 'not in this test'));
  return {
    query: async (_, text, params = [], options = {}) => {
      try {
        return ok(await server.sql(text, params, options.timeout === undefined ? {} : { timeout: options.timeout }));
      } catch (error) {
        const cause = error instanceof Error && 'code' in error ? String(error.code) : undefined;
        return fail('sql_query', String(error), { cause });
      }
    },
    look: () => Promise.reject(new Error('not in this test')),
    hold: no,
    identify: no,
    timelineHistory: no,
  };
}

describe('on a real cluster', () => {
  let cluster: DemoCluster;
  const def = serverDef('db1');

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
  }, 120_000);

  test('no table is no state, and cannot be written', async () => {
    const sql = portTo(cluster.master);
    expect(await readTable(sql, def, names)).toEqual(ok(null));
    const written = await writeTable(sql, def, names, state(1));
    expect(written.ok ? null : [written.error.code, written.error.hint]).toEqual([
      'table_unwritable',
      'run `handyrep init`',
    ]);
  });

  test('init can be run twice; only a later generation is written; a replica gives it too', async () => {
    for (const statement of [...initStatements(names), ...initStatements(names)]) await cluster.master.sql(statement);
    const sql = portTo(cluster.master);
    expect(await readTable(sql, def, names)).toEqual(ok(null));
    expect(await writeTable(sql, def, names, state(2))).toEqual(ok('written'));
    expect(await writeTable(sql, def, names, state(2))).toEqual(ok('kept'));
    expect(await writeTable(sql, def, names, state(1))).toEqual(ok('kept'));
    expect(await writeTable(sql, def, names, state(3))).toEqual(ok('written'));
    expect(await readTable(sql, def, names)).toEqual(ok(state(3)));
    const [row] = await cluster.master.sql('SELECT pg_current_wal_lsn() AS lsn');
    const replica = cluster.server('db2');
    await expect
      .poll(() => replica.sql('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [row?.['lsn']]), {
        timeout: 10_000,
      })
      .toEqual([{ there: 't' }]);
    expect(await readTable(portTo(replica), def, names)).toEqual(ok(state(3)));
  });

  test('the handyrep role may read and write it, and not create or drop', async () => {
    const [row] = await cluster.master.sql(
      `SELECT has_table_privilege('handyrep', $1, 'insert') AND has_table_privilege('handyrep', $1, 'update') AS writes,
              has_schema_privilege('handyrep', $2, 'create') AS creates`,
      [`${quoteIdent(names.handyrep_schema)}.${quoteIdent(names.handyrep_table)}`, names.handyrep_schema],
    );
    expect(row).toEqual({ writes: 't', creates: 'f' });
  });

  test('a synchronous standby that is gone does not hold the writing up', async () => {
    await cluster.master.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await cluster.master.sql('SELECT pg_reload_conf()');
    await expect(cluster.master.sql('CREATE TABLE held_up ()', [], { timeout: 500 })).rejects.toThrow();
    expect(await writeTable(portTo(cluster.master), def, names, state(4), { timeout: 5000 })).toEqual(ok('written'));
    await cluster.master.sql('ALTER SYSTEM RESET synchronous_standby_names');
    await cluster.master.sql('SELECT pg_reload_conf()');
  });
});

test('every name reaches SQL quoted', () => {
  expect(readStatement(names).text).toContain('"handy""rep"."Table; --"');
  expect(writeStatement(names, state(1)).text).toContain('"handy""rep"."Table; --"');
  expect(quoteLiteral("it's \\ here")).toBe("E'it''s \\\\ here'");
});

test('the script for init is idempotent, for psql, and holds no password', () => {
  const script = printInitSql({ ...names, replication_user: 'replicator' });
  expect(script).toContain('CREATE TABLE IF NOT EXISTS "handy""rep"."Table; --"');
  expect(script).toContain('GRANT pg_checkpoint');
  expect(script).toContain('--   \\password "replicator"');
  expect(script).not.toMatch(/PASSWORD '/);
});

test('a damaged or a later row is a failure that names the table', () => {
  for (const text of ['{}', '{"format": 9}']) {
    const parsed = parseRows(names, ok([{ state: text }]));
    expect(parsed.ok ? '' : parsed.error.message).toContain('handy"rep.Table; --');
  }
  expect(parseRows(names, ok([{ state: formatState(state(5)) }]))).toEqual(ok(state(5)));
});
