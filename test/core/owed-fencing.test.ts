import { describe, expect, it } from 'vitest';
import { payableFencing } from '../../src/core/owed-fencing.js';
import { CALM, type Change, answers, asMaster, iso, situation, where, rebuildOf } from './build.js';

const former =
  (fenced: string | null): Change =>
  (s) => ({
    ...s,
    state: {
      ...s.state,
      former_masters: [
        { server: 'db3', since: iso(CALM), reason: 'replaced', timeline: 2, fenced, rejoin_failures: 0 },
      ],
    },
  });
const owed = former(null);
const restarted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });
const jumped: Change = (s) => ({ ...s, manager: { ...s.manager, wall_ms: s.manager.wall_ms + 3_600_000 } });
const rebuilding =
  (server: string): Change =>
  (s) => ({
    ...s,
    state: {
      ...s.state,
      rebuilds: [rebuildOf(server)],
    },
  });

type Row = readonly [when: string, everywhere: boolean, payable: boolean, ...changes: readonly Change[]];
const ROWS: readonly Row[] = [
  ['its host says no to a connection', false, true, owed, answers('db3', 'refused')],
  ['its host says nothing', false, false, owed, answers('db3', 'timeout')],
  ['its host says nothing, and this is a verify', true, true, owed, answers('db3', 'timeout')],
  ['it is fenced already', true, false, former(iso(CALM)), answers('db3', 'refused')],
  ['it answers: rule 3 speaks, or a person did something', true, false, owed, asMaster('db3')],
  ['it is starting', true, false, owed, answers('db3', 'starting')],
  ['its name does not resolve', true, false, owed, answers('db3', 'unresolved')],
  ['it is being made anew', true, false, owed, answers('db3', 'refused'), rebuilding('db3')],
  ['another server is being made anew', false, true, owed, answers('db3', 'refused'), rebuilding('db2')],
  ['rule 0: the first round since our host booted', true, false, owed, answers('db3', 'refused'), restarted],
  ['rule 0: our clock jumped', true, false, owed, answers('db3', 'refused'), jumped],
  ['it was not looked at', true, false, owed, where({ servers: {} })],
];

describe('owed fencing is paid', () => {
  const rows = ROWS.map(([when, everywhere, payable, ...changes]) => ({ when, everywhere, payable, changes }));
  it.each(rows)('$when: $payable', ({ everywhere, payable, changes }) => {
    expect(payableFencing(situation(...changes), everywhere)).toEqual(payable ? ['db3'] : []);
  });
});
