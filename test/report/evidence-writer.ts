/** Records as fast as it can, in small files, so that several of these write and rotate at once. */
import { decide } from '../../src/core/decide.js';
import { furthestAhead } from '../../src/core/select.js';
import { EVIDENCE_BOUNDS, openEvidence } from '../../src/report/evidence.js';
import { crashed, policy, situation } from '../core/build.js';

const [journal = '', repeats = '', count = '0', run = ''] = process.argv.slice(2);
const bounds = { max_size: 200_000, keep: 1000, max_age: EVIDENCE_BOUNDS.journal.max_age };
for (let n = 1; n <= Number(count); n++) {
  const evidence = openEvidence({
    paths: { journal, repeats },
    run: `${run}${n.toString(16).padStart(4, '0')}`,
    selection_method: 'select_replica_furthest_ahead',
    redact: (text) => text,
    onWarning: (message) => {
      throw new Error(message);
    },
    bounds: { journal: bounds, repeats: bounds },
  });
  const s = situation(crashed, policy({ auto_failover: n % 3 === 0 }));
  evidence.record('failover-check', s, decide(s, furthestAhead));
  await evidence.settled();
}
process.stdout.write('done\n');
