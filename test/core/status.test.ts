import { describe, expect, it } from 'vitest';
import type { SavedFacts, ServerStatusName } from '../../src/core/model.js';
import type { ReachKind, ServerObservation } from '../../src/core/observation.js';
import { type StatusInput, judgeServer, letUsIn, unknownStatus } from '../../src/core/status.js';
import { NOW, OTHER_SYSTEM, QUIET, SYSTEM, factsOf, iso, observation, savedServer, serverDef } from './build.js';

function input(seen: ServerObservation, change: Partial<StatusInput> = {}): StatusInput {
  return {
    def: serverDef(seen.server),
    seen,
    previous: savedServer(seen.server).status,
    depth: 'verify',
    system_identifier: SYSTEM,
    replication: null,
    issues: [],
    ...change,
  };
}

/** How it answered is what it is, when it does not let us in. */
const BY_REACH: Readonly<Record<ReachKind, ServerStatusName>> = {
  accepting: 'healthy',
  saturated: 'warning',
  starting: 'unavailable',
  stopping: 'unavailable',
  rejected: 'warning',
  refused: 'down',
  timeout: 'unavailable',
  unreachable: 'unavailable',
  unresolved: 'unknown',
};

const NUMBER: Readonly<Record<ServerStatusName, number>> = {
  unknown: 0,
  healthy: 1,
  lagged: 2,
  warning: 3,
  unavailable: 4,
  down: 5,
};

describe.each(['db1', 'db2'])('%s', (name) => {
  it.each(Object.entries(BY_REACH))('%s: %s', (kind, status) => {
    const judged = judgeServer(input(observation(name, kind as ReachKind)));
    expect(judged).toMatchObject({ status, status_no: NUMBER[status], status_ts: iso(NOW) });
    expect(judged.status_message).not.toBe('');
  });
});

const master = (change = {}): ServerObservation => observation('db1', 'accepting', factsOf('master', change));
const replica = (change = {}): ServerObservation => observation('db2', 'accepting', factsOf('replica', change));
const lag = (lagged: boolean): Partial<StatusInput> => ({
  replication: { lagged, lag_bytes: 5, message: 'behind by 5 bytes' },
});

describe('a server that lets us in is', () => {
  it.each<[ServerStatusName, string, ServerObservation, Partial<StatusInput>?]>([
    ['healthy', 'a master that takes writes', master()],
    ['warning', 'a master made read only', master({ read_only: true })],
    ['down', 'a master in recovery', observation('db1', 'accepting', factsOf('replica'))],
    ['down', 'of another cluster', master({ system_identifier: OTHER_SYSTEM })],
    ['healthy', 'a master whose cluster is not known yet', master(), { system_identifier: null }],
    ['warning', 'a master with an issue', master(), { issues: ['ssh does not work'] }],
    ['healthy', 'a replica that streams', replica()],
    ['healthy', 'a replica that is behind a little', replica(), lag(false)],
    ['lagged', 'a replica that is behind', replica(), lag(true)],
    ['warning', 'a replica without a WAL receiver', replica({ receiver: { kind: 'none' } })],
    ['warning', 'a replica without a WAL receiver, and behind', replica({ receiver: { kind: 'none' } }), lag(true)],
    ['warning', 'a replica whose WAL receiver waits', replica({ receiver: { ...QUIET, status: 'waiting' } })],
    ['warning', 'a replica whose WAL receiver cannot be seen', replica({ receiver: { kind: 'hidden' } })],
    ['warning', 'a replica with replay paused', replica({ replay_paused: true })],
    ['warning', 'a replica that takes writes', observation('db2', 'accepting', factsOf('master'))],
    ['warning', 'a replica with an issue', replica(), { issues: ['its disk is nearly full'] }],
    ['lagged', 'a replica that is behind, with an issue', replica(), { ...lag(true), issues: ['x'] }],
  ])('%s: %s', (status, _, seen, change) => {
    expect(judgeServer(input(seen, change)).status).toBe(status);
  });
});

describe('a master is asked for a write, and', () => {
  const wrote = (name: string, write: NonNullable<ServerObservation['write']>): ServerObservation => ({
    ...(name === 'db1' ? master() : replica()),
    write,
  });
  it.each<[ServerStatusName, string, ServerObservation]>([
    ['healthy', 'acknowledges it', wrote('db1', { kind: 'acknowledged' })],
    ['down', 'does not in time', wrote('db1', { kind: 'hangs', detail: 'no acknowledgement' })],
    ['down', 'says no', wrote('db1', { kind: 'fails', detail: 'No space left on device' })],
    [
      'healthy',
      'a replica acknowledges none, which is as it should be',
      wrote('db2', { kind: 'fails', detail: 'read-only' }),
    ],
  ])('%s: it %s', (status, _, seen) => {
    expect(judgeServer(input(seen)).status).toBe(status);
  });
});

it('a server that does not tell its system identifier is no stranger', () => {
  expect(judgeServer(input(master({ system_identifier: null }))).status).toBe('healthy');
});

describe('the words tell apart', () => {
  it.each<[string, ServerObservation, Partial<StatusInput>?]>([
    ['starting up: answer starting', observation('db1', 'starting')],
    ['shutting down: answer stopping', observation('db1', 'stopping')],
    ['no answer in time: answer timeout', observation('db1', 'timeout')],
    ['its host cannot be reached: answer unreachable', observation('db1', 'unreachable')],
    ['nothing listens on its port', { ...observation('db1', 'refused'), reach: { kind: 'refused', detail: '' } }],
    ['it has no WAL receiver', replica({ receiver: { kind: 'none' } })],
    ['its WAL receiver is waiting', replica({ receiver: { ...QUIET, status: 'waiting' } })],
    ['behind by 5 bytes', replica(), lag(false)],
    ['in recovery, streaming', replica()],
  ])('%s', (words, seen, change) => {
    const { status_message } = judgeServer(input(seen, change));
    expect(status_message).toContain(words);
    expect(status_message).not.toMatch(/: $/);
  });
});

describe('what was known before', () => {
  const before = (status: ServerStatusName): Partial<StatusInput> => ({
    previous: { status, status_no: NUMBER[status], status_ts: iso(0), status_message: 'before' },
  });
  it.each<['poll' | 'verify', ServerStatusName, ServerStatusName]>([
    ['poll', 'warning', 'warning'],
    ['poll', 'lagged', 'lagged'],
    ['poll', 'healthy', 'healthy'],
    ['poll', 'down', 'healthy'],
    ['poll', 'unavailable', 'healthy'],
    ['poll', 'unknown', 'healthy'],
    ['verify', 'warning', 'healthy'],
    ['verify', 'lagged', 'healthy'],
  ])('a %s that finds a %s server well says %s', (depth, previous, status) => {
    const judged = judgeServer(input(replica(), { ...before(previous), depth }));
    expect(judged).toMatchObject({ status, status_ts: iso(NOW) });
  });
  it('is forgotten for worse news', () => {
    expect(judgeServer(input(observation('db2', 'refused'), { ...before('warning'), depth: 'poll' })).status).toBe(
      'down',
    );
  });
});

it('unknown is 0 and has no time', () => {
  expect(unknownStatus('never asked')).toEqual({
    status: 'unknown',
    status_no: 0,
    status_ts: null,
    status_message: 'never asked',
  });
});

describe('whether a server let us in when it was looked at last', () => {
  const at = iso(NOW);
  const facts: SavedFacts = {
    at,
    in_recovery: true,
    timeline: 1,
    lsn: null,
    lag_bytes: null,
    streaming: true,
    version: 150018,
    took: 12,
  };
  it.each<[string, ServerStatusName, SavedFacts | null, boolean]>([
    ['it is well, though its poll method tells no facts', 'healthy', null, true],
    ['it lags', 'lagged', facts, true],
    ['something is wrong with it, and it answered', 'warning', facts, true],
    ['it is full, or rejects us: the facts are older', 'warning', { ...facts, at: iso(NOW - 5000) }, false],
    ['it is full, and never told anything', 'warning', null, false],
    ['it is shutting down', 'unavailable', facts, false],
    ['nothing listens', 'down', facts, false],
    ['the trouble was ours', 'unknown', facts, false],
  ])('%s', (_, status, known, expected) => {
    const saved = savedServer('db2');
    expect(letUsIn({ status: { ...saved.status, status, status_ts: at }, facts: known })).toBe(expected);
  });
});
