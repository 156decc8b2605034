import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.js';
import type { DiagnosisKind } from '../../src/core/diagnosis.js';
import { ruleTable } from '../../src/core/rules.js';
import { furthestAhead } from '../../src/core/select.js';
import {
  type Change,
  type Outline,
  HOSTS,
  OTHER_SYSTEM,
  QUIET,
  TROUBLE,
  answers,
  asMaster,
  asReplica,
  calm,
  control,
  crashed,
  def,
  failsOver,
  fine,
  STOPPED,
  frozen,
  hostLost,
  iso,
  looked,
  lookedCloser,
  lost,
  noHost,
  notAsked,
  operation,
  outline,
  policy,
  port,
  refused,
  retried,
  saved,
  savedServer,
  shutDown,
  silent,
  situation,
  state,
  candidateHost,
  where,
  withoutFacts,
  writes,
} from './build.js';

type Row = readonly [when: string, then: Outline, ...changes: readonly Change[]];

/** So many looks have begun, and the first has ended. */
const begun =
  (count: number): Change =>
  (s) => ({ ...s, attempts: { made: 1, wanted: 4, begun: count } });

const db1 = { master: 'db1' } as const;
const IN_PRODUCTION = {
  postmaster: { kind: 'running', pid: 7, state: 'S' },
  control: control('in production'),
} as const;
const HANGS = { kind: 'hangs', detail: 'a write has waited for 7 s' } as const;
const nobodyWitnesses: Change = (s) => ['db2', 'db3'].reduce((last, name) => calm(name, null)(last), s);
const cutOff: Change = (s) =>
  ['db1', 'db2', 'db3'].reduce((last, name) => answers(name, 'timeout')(last), where({ trouble_since: TROUBLE })(s));
const former = {
  server: 'db3',
  since: iso(TROUBLE),
  reason: 'replaced',
  timeline: 2,
  fenced: null,
  rejoin_failures: 0,
};
const newMaster: Change = (s) =>
  [asMaster('db1', { timeline: 2 }), asReplica('db2', { timeline: 2 })].reduce((last, change) => change(last), s);

/** Every situation that has a name, the ways into it, and what is decided then. */
const SITUATIONS: Readonly<Record<DiagnosisKind, readonly [Row, ...Row[]]>> = {
  no_master_recorded: [
    ['the master is disabled', refused(5, { kind: 'no_master_recorded' }, 'unknown'), def('db1', { enabled: false })],
    ['two masters are recorded', refused(5, { kind: 'no_master_recorded' }, 'unknown'), def('db2', { role: 'master' })],
  ],
  manager_cut_off: [
    ['nothing answers', refused(0, { kind: 'manager_cut_off' }, 'unknown'), cutOff],
    [
      'nothing answers, ssh neither, after every retry',
      refused(0, { kind: 'manager_cut_off' }, 'unknown'),
      cutOff,
      lookedCloser(HOSTS.no_answer),
      candidateHost(noHost('db2')),
      candidateHost(noHost('db3')),
      retried,
    ],
    [
      'the master is silent and no other name resolves',
      refused(0, { kind: 'manager_cut_off' }, 'unknown'),
      silent(),
      answers('db2', 'unresolved'),
      answers('db3', 'unresolved'),
    ],
    [
      'the only server of a cluster does not answer',
      refused(0, { kind: 'manager_cut_off' }, 'unknown'),
      state({ servers: { db1: savedServer('db1') } }),
      notAsked('db2'),
      notAsked('db3'),
      silent(),
    ],
  ],
  resolver_failing: [
    [
      "the master's name does not resolve",
      refused(0, { kind: 'resolver_failing' }, 'unknown'),
      answers('db1', 'unresolved'),
    ],
    [
      "the master's name stopped to resolve while it was looked at",
      refused(0, { kind: 'resolver_failing' }, 'unknown'),
      hostLost,
      answers('db1', 'unresolved'),
    ],
  ],
  not_active: [
    [
      'the address is elsewhere',
      fine(1, { kind: 'not_active', detail: 'not here' }, { cluster_status: 'unknown' }),
      where({ active: { active: false, detail: 'not here' } }),
    ],
    [
      'the address is elsewhere, and the master has crashed',
      fine(1, { kind: 'not_active', detail: 'not here' }, { cluster_status: 'unknown' }),
      crashed,
      where({ active: { active: false, detail: 'not here' } }),
    ],
  ],
  operation_unfinished: [
    [
      'a run was killed in a failover',
      refused(2, { kind: 'operation_unfinished', operation: 'failover-1' }, 'down', { action: { kind: 'resume' } }),
      state({ operation: operation() }),
    ],
    [
      'a former master is back as well',
      refused(2, { kind: 'operation_unfinished', operation: 'failover-1' }, 'down', { action: { kind: 'resume' } }),
      newMaster,
      asMaster('db3'),
      state({ operation: operation(), former_masters: [former] }),
    ],
  ],
  fenced_master_returned: [
    [
      'a former master takes writes on its old timeline',
      refused(3, { kind: 'fenced_master_returned', servers: ['db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db3'] },
      }),
      newMaster,
      asMaster('db3'),
      state({ former_masters: [former] }),
    ],
    [
      'it was fenced before, and somebody started it',
      refused(3, { kind: 'fenced_master_returned', servers: ['db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db3'] },
      }),
      newMaster,
      asMaster('db3'),
      state({ former_masters: [{ ...former, fenced: iso(TROUBLE) }] }),
    ],
    [
      'two are back, disabled as they are',
      refused(3, { kind: 'fenced_master_returned', servers: ['db2', 'db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db2', 'db3'] },
      }),
      asMaster('db1', { timeline: 3 }),
      asMaster('db2', { timeline: 1 }),
      asMaster('db3', { timeline: 2 }),
      def('db2', { enabled: false }),
      def('db3', { enabled: false }),
      state({
        former_masters: [
          { ...former, server: 'db2' },
          { ...former, timeline: 3 },
        ],
      }),
    ],
    [
      'the timeline that replaced its own is not known',
      refused(3, { kind: 'fenced_master_returned', servers: ['db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db3'] },
      }),
      newMaster,
      asMaster('db3'),
      state({ former_masters: [{ ...former, timeline: null }] }),
    ],
    [
      'its own timeline is not told',
      refused(3, { kind: 'fenced_master_returned', servers: ['db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db3'] },
      }),
      newMaster,
      asMaster('db3', { timeline: null }),
      state({ former_masters: [former] }),
    ],
    [
      'it is back while the new master is down: first things first',
      refused(3, { kind: 'fenced_master_returned', servers: ['db3'] }, 'warning', {
        action: { kind: 'fence_returned', servers: ['db3'] },
      }),
      crashed,
      asMaster('db3'),
      state({ former_masters: [former] }),
    ],
  ],
  two_masters: [
    [
      'a replica takes writes on the timeline of the master',
      refused(4, { kind: 'two_masters', servers: ['db1', 'db2'] }, 'down'),
      asMaster('db2'),
    ],
    [
      'a former master takes writes on the very timeline that replaced it: no relic',
      refused(4, { kind: 'two_masters', servers: ['db1', 'db3'] }, 'down'),
      newMaster,
      asMaster('db3', { timeline: 2 }),
      state({ former_masters: [former] }),
    ],
    [
      'a disabled server takes writes on a newer timeline',
      refused(4, { kind: 'two_masters', servers: ['db1', 'db3'] }, 'down'),
      asMaster('db3', { timeline: 2 }),
      def('db3', { enabled: false }),
    ],
    [
      'a former master was promoted by hand, on a newer timeline',
      refused(4, { kind: 'two_masters', servers: ['db1', 'db3'] }, 'down'),
      asMaster('db1', { timeline: 2 }),
      asMaster('db3', { timeline: 3 }),
      state({ former_masters: [former] }),
    ],
    [
      'two replicas were promoted while the master is dead',
      refused(4, { kind: 'two_masters', servers: ['db2', 'db3'] }, 'down'),
      crashed,
      asMaster('db2', { timeline: 2 }),
      asMaster('db3', { timeline: 2 }),
    ],
  ],
  foreign_master: [
    [
      "another cluster listens on the master's port",
      refused(5, { kind: 'foreign_master', ...db1 }, 'down'),
      asMaster('db1', { system_identifier: OTHER_SYSTEM }),
    ],
  ],
  promoted_by_hand: [
    [
      'the master is dead, and a replica takes writes on a newer timeline',
      fine(
        5,
        { kind: 'promoted_by_hand', old_master: 'db1', new_master: 'db2' },
        {
          action: { kind: 'record_master', old_master: 'db1', new_master: 'db2' },
          cluster_status: 'warning',
          alarm: true,
        },
      ),
      crashed,
      asMaster('db2', { timeline: 2 }),
    ],
    [
      'the old master was made a replica (a switchover by hand)',
      fine(
        5,
        { kind: 'promoted_by_hand', old_master: 'db1', new_master: 'db3' },
        {
          action: { kind: 'record_master', old_master: 'db1', new_master: 'db3' },
          cluster_status: 'warning',
          alarm: true,
        },
      ),
      asReplica('db1', { timeline: 2 }),
      asMaster('db3', { timeline: 2 }),
    ],
    [
      'the old master was made read only',
      fine(
        5,
        { kind: 'promoted_by_hand', old_master: 'db1', new_master: 'db2' },
        {
          action: { kind: 'record_master', old_master: 'db1', new_master: 'db2' },
          cluster_status: 'warning',
          alarm: true,
        },
      ),
      asMaster('db1', { read_only: true }),
      asMaster('db2', { timeline: 2 }),
    ],
  ],
  master_in_recovery: [
    ['it came back as a replica', refused(5, { kind: 'master_in_recovery', ...db1 }, 'down'), asReplica('db1')],
    [
      'another takes writes, on no newer timeline than the one recorded',
      refused(5, { kind: 'master_in_recovery', ...db1 }, 'down'),
      asReplica('db1'),
      asMaster('db2'),
    ],
  ],
  master_on_old_timeline: [
    [
      'a replica is on a newer timeline: somebody was promoted somewhere',
      refused(5, { kind: 'master_on_old_timeline', ...db1, newer: 'db3' }, 'warning'),
      asReplica('db3', { timeline: 2 }),
    ],
  ],
  master_read_only: [
    [
      'default_transaction_read_only is on',
      fine(5, { kind: 'master_read_only', ...db1 }, { cluster_status: 'warning', alarm: true }),
      asMaster('db1', { read_only: true }),
    ],
  ],
  master_wedged: [
    [
      'it answers reads, and a write hangs',
      refused(5, { kind: 'master_wedged', ...db1, detail: HANGS.detail }, 'down'),
      writes('db1', HANGS),
    ],
    [
      'it says no to a write',
      refused(5, { kind: 'master_wedged', ...db1, detail: '53100' }, 'down'),
      writes('db1', { kind: 'fails', detail: '53100' }),
    ],
    [
      'the poll method tells no facts',
      refused(5, { kind: 'master_wedged', ...db1, detail: HANGS.detail }, 'down'),
      withoutFacts('db1'),
      writes('db1', HANGS),
    ],
  ],
  master_healthy: [
    ['it acknowledged a write', fine(5, { kind: 'master_healthy', ...db1 }), writes('db1', { kind: 'acknowledged' })],
    ['all is well', fine(5, { kind: 'master_healthy', ...db1 })],
    ['the poll method tells no facts', fine(5, { kind: 'master_healthy', ...db1 }), withoutFacts('db1')],
    [
      'every replica is down',
      fine(5, { kind: 'master_healthy', ...db1 }),
      answers('db2', 'refused'),
      answers('db3', 'timeout'),
    ],
    [
      'a replica belongs to another cluster, on a newer timeline, and takes writes',
      fine(5, { kind: 'master_healthy', ...db1 }),
      asMaster('db3', { system_identifier: OTHER_SYSTEM, timeline: 9 }),
    ],
    [
      'a former master is back as a replica',
      fine(5, { kind: 'master_healthy', ...db1 }),
      asMaster('db1', { timeline: 2 }),
      asReplica('db3', { timeline: 2 }),
      state({ former_masters: [former] }),
    ],
    [
      'another cluster listens where a former master was',
      fine(5, { kind: 'master_healthy', ...db1 }),
      asMaster('db1', { timeline: 2 }),
      asReplica('db2', { timeline: 2 }),
      asMaster('db3', { system_identifier: OTHER_SYSTEM }),
      state({ former_masters: [former] }),
    ],
    ['it answered at the last retry', fine(5, { kind: 'master_healthy', ...db1 }), hostLost, asMaster('db1')],
  ],
  master_saturated: [
    [
      'its connections are all in use',
      fine(5, { kind: 'master_saturated', ...db1 }, { cluster_status: 'warning', alarm: true }),
      answers('db1', 'saturated'),
    ],
    [
      'its connections are all in use, and nobody else answers',
      fine(5, { kind: 'master_saturated', ...db1 }, { cluster_status: 'warning', alarm: true }),
      answers('db1', 'saturated'),
      answers('db2', 'timeout'),
      answers('db3', 'unreachable'),
    ],
  ],
  master_starting: [
    [
      'it is in crash recovery, which may take long',
      refused(5, { kind: 'master_starting', ...db1 }, 'down'),
      answers('db1', 'starting'),
    ],
  ],
  master_stopping: [
    ['somebody stops it', refused(5, { kind: 'master_stopping', ...db1 }, 'down'), answers('db1', 'stopping')],
  ],
  master_rejects_us: [
    ['the password is wrong', refused(5, { kind: 'master_rejects_us', ...db1 }, 'warning'), answers('db1', 'rejected')],
  ],
  master_silent: [
    [
      'it was looked at once',
      refused(6, { kind: 'master_silent', ...db1, next: 'closer_look' }, 'down', {
        action: { kind: 'look', what: 'closer_look' },
      }),
      silent(),
    ],
    [
      'nobody was looked at',
      refused(6, { kind: 'master_silent', ...db1, next: 'closer_look' }, 'down', {
        action: { kind: 'look', what: 'closer_look' },
      }),
      notAsked('db1'),
      notAsked('db2'),
      notAsked('db3'),
    ],
    [
      'its host says nothing, and the retries are not made',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent(),
      lookedCloser(HOSTS.no_answer),
    ],
    [
      'it was shut down: a restart, perhaps, so the retries are made',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent('refused'),
      lookedCloser(HOSTS.shut_down),
    ],
    [
      'it hangs: the retries are made',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent(),
      lookedCloser(HOSTS.frozen),
    ],
    [
      'its process is stopped, and not every retry has begun',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent(),
      lookedCloser(STOPPED),
      begun(3),
    ],
    [
      'every retry has begun, and its process is not stopped: they are waited for',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent(),
      lookedCloser(HOSTS.frozen),
      begun(4),
    ],
    [
      'every retry has begun, its process is stopped, and its port refused us: they are waited for',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent('refused'),
      lookedCloser(STOPPED),
      begun(4),
    ],
    [
      'every retry has begun, and its host says nothing: they are waited for',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent(),
      lookedCloser(HOSTS.no_answer),
      begun(4),
    ],
    [
      'no process, and the data directory is of another cluster: no crash of ours',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent('refused'),
      lookedCloser(
        looked('db1', {
          postmaster: { kind: 'not_running' },
          port: 'cannot_reach',
          control: control('in production', { system_identifier: OTHER_SYSTEM }),
        }),
      ),
    ],
    [
      'it has crashed, and somebody promoted a replica: looked at again before that is believed',
      refused(6, { kind: 'master_silent', ...db1, next: 'retry' }, 'down', { action: { kind: 'look', what: 'retry' } }),
      silent('refused'),
      lookedCloser(HOSTS.crashed),
      asMaster('db2', { timeline: 2 }),
    ],
  ],
  master_seen_by_replica: [
    [
      'only we cannot reach it',
      refused(6, { kind: 'master_seen_by_replica', ...db1, witnesses: ['db3'], hangs: false }, 'warning'),
      hostLost,
      port('db3', 'reaches'),
    ],
    [
      'a replica gets its WAL, and no host can be asked',
      refused(6, { kind: 'master_seen_by_replica', ...db1, witnesses: ['db2'], hangs: false }, 'warning'),
      lost(HOSTS.no_answer),
      port('db2', 'cannot_look'),
      port('db3', 'cannot_look'),
      asReplica('db2', { receiver: { ...QUIET, receipt_age_ms: 10 } }),
    ],
    [
      'its data directory seems dead, and a replica reaches it all the same',
      refused(6, { kind: 'master_seen_by_replica', ...db1, witnesses: ['db2', 'db3'], hangs: false }, 'warning'),
      crashed,
      port('db2', 'reaches'),
      port('db3', 'reaches'),
    ],
    [
      'it answers on its own host, and a replica reaches it',
      refused(6, { kind: 'master_seen_by_replica', ...db1, witnesses: ['db2'], hangs: false }, 'warning'),
      lost(HOSTS.alive),
      port('db2', 'reaches'),
    ],
    [
      'it hangs, and sessions that were open go on; before any retry: nothing more is to be asked',
      refused(6, { kind: 'master_seen_by_replica', ...db1, witnesses: ['db2'], hangs: true }, 'down'),
      silent(),
      lookedCloser(HOSTS.frozen, { db2: 'reaches' }),
    ],
  ],
  too_few_witnesses: [
    [
      'no replica was streaming before the trouble',
      refused(6, { kind: 'too_few_witnesses', ...db1, have: 0 }, 'unknown'),
      hostLost,
      nobodyWitnesses,
    ],
    [
      'it has crashed, and no replica answers',
      refused(6, { kind: 'too_few_witnesses', ...db1, have: 0 }, 'unknown'),
      crashed,
      answers('db2', 'timeout'),
      answers('db3', 'timeout'),
      port('db2', 'cannot_look'),
      port('db3', 'cannot_look'),
    ],
    [
      'min_witnesses is 2, and one confirms',
      refused(6, { kind: 'too_few_witnesses', ...db1, have: 1 }, 'unknown'),
      hostLost,
      policy({ min_witnesses: 2 }),
      port('db3', 'cannot_look'),
    ],
    [
      'its process hangs, and the replicas cannot say',
      refused(6, { kind: 'too_few_witnesses', ...db1, have: 0 }, 'unknown'),
      frozen,
      port('db2', 'cannot_look'),
      port('db3', 'cannot_look'),
    ],
    [
      'the host is silent, and the replicas cannot say',
      refused(6, { kind: 'too_few_witnesses', ...db1, have: 0 }, 'unknown'),
      hostLost,
      port('db2', 'cannot_look'),
      port('db3', 'unresolved'),
    ],
  ],
  master_alive_to_its_host: [
    [
      'it answers on its own host',
      refused(6, { kind: 'master_alive_to_its_host', ...db1 }, 'warning'),
      lost(HOSTS.alive),
    ],
    [
      'it answers on its own host, and its control file is not read',
      refused(6, { kind: 'master_alive_to_its_host', ...db1 }, 'warning'),
      lost(looked('db1', { postmaster: { kind: 'unknown', detail: 'no rights' }, port: 'reaches' })),
    ],
    [
      'its process runs, and the port refuses: a changed port',
      refused(8, { kind: 'master_alive_to_its_host', ...db1 }, 'warning'),
      lost(HOSTS.frozen, 'refused'),
    ],
  ],
  master_untold: [
    [
      'its process cannot be told',
      refused(7, { kind: 'master_untold', ...db1, why: 'pgdata is not readable' }, 'down'),
      lost(HOSTS.unknown),
    ],
    [
      'its control file cannot be read',
      refused(7, { kind: 'master_untold', ...db1, why: 'its control file cannot be read: input/output error' }, 'down'),
      lost(looked('db1', { postmaster: { kind: 'not_running' }, port: 'cannot_reach', detail: 'input/output error' })),
    ],
    [
      'the data directory is of another cluster',
      refused(
        7,
        { kind: 'master_untold', ...db1, why: `the data directory there belongs to system identifier ${OTHER_SYSTEM}` },
        'down',
      ),
      lost(
        looked('db1', {
          postmaster: { kind: 'not_running' },
          port: 'cannot_reach',
          control: control('in production', { system_identifier: OTHER_SYSTEM }),
        }),
      ),
    ],
    [
      'somebody made it a replica',
      refused(
        7,
        {
          kind: 'master_untold',
          ...db1,
          why: 'its control file says "shut down in recovery": somebody made it a replica',
        },
        'down',
      ),
      lost(
        looked('db1', {
          postmaster: { kind: 'not_running' },
          port: 'cannot_reach',
          control: control('shut down in recovery'),
        }),
      ),
    ],
    [
      'its process runs, and its own host could not try the port',
      refused(
        8,
        {
          kind: 'master_untold',
          ...db1,
          why: 'the postmaster runs, and its own host could not try whether it answers there',
        },
        'down',
      ),
      lost(looked('db1', { port: 'cannot_look' })),
    ],
  ],
  unrecorded_writer: [
    [
      'the master has crashed, and a replica takes writes on the same timeline',
      refused(5, { kind: 'unrecorded_writer', ...db1, writer: 'db2' }, 'down'),
      crashed,
      asMaster('db2'),
    ],
    [
      'the master has crashed, and a disabled server was promoted',
      refused(5, { kind: 'unrecorded_writer', ...db1, writer: 'db3' }, 'down'),
      crashed,
      asMaster('db3', { timeline: 2 }),
      def('db3', { enabled: false }),
    ],
    [
      'the master has crashed, and a promoted replica was made read only',
      refused(5, { kind: 'unrecorded_writer', ...db1, writer: 'db2' }, 'down'),
      crashed,
      asMaster('db2', { timeline: 2, read_only: true }),
    ],
    [
      "the master's host is lost, and a promoted server does not tell its system identifier",
      refused(5, { kind: 'unrecorded_writer', ...db1, writer: 'db3' }, 'down'),
      hostLost,
      asMaster('db3', { timeline: 2, system_identifier: null }),
    ],
    [
      'the master has crashed, and a replica that does not answer us runs as a master on its host',
      refused(5, { kind: 'unrecorded_writer', ...db1, writer: 'db2' }, 'down'),
      crashed,
      answers('db2', 'timeout'),
      candidateHost(looked('db2', IN_PRODUCTION)),
    ],
  ],
  master_crashed: [
    [
      'a replica that does not answer was a master once, and none runs there',
      failsOver(7, { kind: 'master_crashed', ...db1 }, { kind: 'signal' }, ['db3']),
      crashed,
      answers('db2', 'refused'),
      candidateHost(looked('db2', { ...IN_PRODUCTION, postmaster: { kind: 'not_running' } })),
    ],
    [
      'where a replica does not answer, the master of another cluster runs',
      failsOver(7, { kind: 'master_crashed', ...db1 }, { kind: 'signal' }, ['db3']),
      crashed,
      answers('db2', 'refused'),
      candidateHost(
        looked('db2', { ...IN_PRODUCTION, control: control('in production', { system_identifier: OTHER_SYSTEM }) }),
      ),
    ],
    ['no process, and "in production"', failsOver(7, { kind: 'master_crashed', ...db1 }, { kind: 'signal' }), crashed],
    [
      'no retry was made: a crash is decisive',
      failsOver(7, { kind: 'master_crashed', ...db1 }, { kind: 'signal' }),
      silent('refused'),
      lookedCloser(HOSTS.crashed),
    ],
    [
      'the system identifier was never recorded: nobody is fit',
      refused(10, { kind: 'master_crashed', ...db1 }, 'down', { vetoes: ['no_candidate'] }),
      crashed,
      state({ system_identifier: null }),
    ],
  ],
  master_shut_down: [
    [
      'somebody shut it down',
      failsOver(7, { kind: 'master_shut_down', ...db1 }, { kind: 'signal' }, ['db2', 'db3'], 'none'),
      shutDown,
    ],
  ],
  master_stopped: [
    [
      'it died in crash recovery',
      failsOver(7, { kind: 'master_stopped', ...db1 }, { kind: 'signal' }),
      lost(
        looked('db1', {
          postmaster: { kind: 'not_running' },
          port: 'cannot_reach',
          control: control('in crash recovery'),
        }),
        'refused',
      ),
    ],
    [
      'it was killed while it shut down',
      failsOver(7, { kind: 'master_stopped', ...db1 }, { kind: 'signal' }),
      lost(
        looked('db1', { postmaster: { kind: 'not_running' }, port: 'cannot_reach', control: control('shutting down') }),
        'refused',
      ),
    ],
  ],
  master_hung: [
    ['its process runs and answers nobody', failsOver(8, { kind: 'master_hung', ...db1 }, { kind: 'kill' }), frozen],
    [
      'its process is stopped, and every retry has begun',
      failsOver(8, { kind: 'master_hung', ...db1 }, { kind: 'kill' }),
      silent(),
      lookedCloser(STOPPED),
      begun(4),
    ],
    [
      'an idle master froze: the receivers still show streaming, and nothing came',
      failsOver(8, { kind: 'master_hung', ...db1 }, { kind: 'kill' }),
      frozen,
      asReplica('db2', { receiver: { ...QUIET, receipt_age_ms: 29_000 } }),
      asReplica('db3', { receiver: { ...QUIET, receipt_age_ms: 29_000 } }),
    ],
  ],
  master_host_lost: [
    ['nothing reaches it', failsOver(9, { kind: 'master_host_lost', ...db1 }, { kind: 'owed' }), hostLost],
    [
      'nothing reaches it, and it can be powered off',
      failsOver(9, { kind: 'master_host_lost', ...db1 }, { kind: 'plugin', method: 'fence_command' }),
      hostLost,
      policy({ fence_method: 'fence_command' }),
    ],
    [
      'nothing answers by SQL, and one replica host of two by ssh: it is not we who are cut off',
      refused(10, { kind: 'master_host_lost', ...db1 }, 'down', { vetoes: ['no_candidate'] }),
      hostLost,
      answers('db2', 'timeout'),
      answers('db3', 'timeout'),
      candidateHost(noHost('db2')),
    ],
    [
      'nothing answers by SQL, and a replica host by ssh: it is not we who are cut off',
      refused(10, { kind: 'master_host_lost', ...db1 }, 'down', { vetoes: ['no_candidate'] }),
      hostLost,
      answers('db2', 'timeout'),
      answers('db3', 'timeout'),
    ],
    [
      'a cascaded replica still hears from its own upstream',
      failsOver(9, { kind: 'master_host_lost', ...db1 }, { kind: 'owed' }),
      hostLost,
      saved('db3', {}),
      asReplica('db3', { receiver: { ...QUIET, receipt_age_ms: 5, sender_host: 'db2.example.com' } }),
    ],
  ],
};

describe.each(Object.entries(SITUATIONS))('%s', (kind, rows) => {
  const cases = rows.map(([when, then, ...changes]) => ({ when, then, changes }));
  it.each(cases)('$when', ({ then, changes }) => {
    const decision = decide(situation(...changes), furthestAhead);
    expect(outline(decision)).toEqual(then);
    expect(decision.diagnosis.kind).toBe(kind);
    const row = ruleTable().find(
      ({ number, situations }) => situations.includes(decision.diagnosis.kind) && number === decision.rule,
    );
    expect(decision.vetoes.length > 0 || row !== undefined).toBe(true);
  });
});

it('the printed table of rules names every situation', () => {
  const named = new Set(ruleTable().flatMap(({ situations }) => situations));
  expect([...named].sort()).toEqual(Object.keys(SITUATIONS).sort());
});
