import { describe, expect, it, test } from 'vitest';
import { switchoverSteps } from '../../src/core/plan.js';
import { type PlanServers, stepCommands } from '../../src/core/plan-commands.js';
import { planSwitchover } from '../../src/core/switchover.js';
import { type Change, answers, asReplica, def, lsn, onDemand, policy, serverDef, situation } from './build.js';

const byName = (candidates: readonly { readonly server: string }[]): readonly string[] =>
  candidates.map((one) => one.server).toSorted();

function chosen(...changes: readonly Change[]): unknown {
  const choice = planSwitchover(situation(...changes), 'db1', byName);
  return choice.kind === 'plan' ? [choice.plan.new_master, choice.plan.others, choice.plan.remaster] : 'nobody';
}

describe('who takes over', () => {
  it.each<[string, unknown, ...Change[]]>([
    ['the first by the selection method', ['db2', ['db3'], true]],
    ['the one that is asked for', ['db3', ['db2'], true], onDemand({ to: 'db3' })],
    ['not one that does not answer', ['db3', [], true], answers('db2', 'timeout')],
    ['not one that is never to be promoted', ['db3', ['db2'], true], def('db2', { failover_priority: null })],
    ['not a disabled one', ['db3', [], true], def('db2', { enabled: false })],
    [
      'one that is behind by more than its limit goes last',
      ['db3', ['db2'], true],
      asReplica('db2', { lsn: lsn(1) }),
      def('db2', { lag_limit: 1000 }),
    ],
    [
      'nobody, where the one that is asked for is not fit',
      'nobody',
      onDemand({ to: 'db2' }),
      answers('db2', 'refused'),
    ],
    ['nobody, where nobody is fit', 'nobody', answers('db2', 'refused'), answers('db3', 'refused')],
    ['without the others, as configured', ['db2', ['db3'], false], policy({ remaster: false })],
    ['without the others, as asked', ['db2', ['db3'], false], onDemand({ no_remaster: true })],
  ])('%s', (_, expected, ...changes) => {
    expect(chosen(...changes)).toEqual(expected);
  });
});

const PLAN = { old_master: 'db1', new_master: 'db2', others: ['db3'], connection_method: null, remaster: true };

test('nobody is promoted before the old master is stopped and the candidate proved', () => {
  const kinds = switchoverSteps({ ...PLAN, connection_method: 'multi_pgbouncer' }).map((step) => step.kind);
  expect(kinds).toEqual([
    'checkpoint',
    'pause_connections',
    'stop_old_master',
    'prove_candidate',
    'promote',
    'prove_writes',
    'record',
    'move_connections',
    'remaster',
    'return_old_master',
    'extra_commands',
  ]);
  expect(switchoverSteps({ ...PLAN, remaster: false }).map((step) => step.kind)).not.toContain('remaster');
});

test('the plan names every command and its server, and no password', () => {
  const servers = { db1: serverDef('db1'), db2: serverDef('db2'), db3: serverDef('db3', { use_slots: false }) };
  const who: PlanServers = { servers, new_master: 'db2', replication_user: 'replicator' };
  expect(switchoverSteps(PLAN).map((step) => stepCommands(step, who))).toMatchInlineSnapshot(`
    [
      [
        "db1: CHECKPOINT",
        "db2: CHECKPOINT",
      ],
      [
        "db1: touch /var/lib/postgresql/15/main/standby.signal",
        "db1: restart_pg_ctl: stop, fast",
        "db1: read /var/lib/postgresql/15/main/global/pg_control until it says "shut down"",
      ],
      [
        "db2: SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(): past the shutdown checkpoint",
      ],
      [
        "db2: SELECT pg_promote()",
      ],
      [
        "db2: SELECT pg_logical_emit_message(true, 'handyrep', …)",
      ],
      [],
      [
        "db3: ALTER SYSTEM SET primary_conninfo = 'host=db2.example.com port=5432 user=replicator application_name=db3 …'; ALTER SYSTEM SET primary_slot_name = ''; SELECT pg_reload_conf()",
      ],
      [
        "db2: SELECT pg_create_physical_replication_slot('handyrep_db1', true)",
        "db1: primary_conninfo = 'host=db2.example.com port=5432 user=replicator application_name=db1 …' into /var/lib/postgresql/15/main/postgresql.auto.conf",
        "db1: restart_pg_ctl: start",
      ],
      [],
    ]
  `);
});
