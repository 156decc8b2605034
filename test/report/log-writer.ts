/** Logs as fast as it can, with a small file, so that several of these rotate at once. */
import { openLog } from '../../src/report/log.js';

const [path = '', count = '0', run = ''] = process.argv.slice(2);
const log = openLog({
  path,
  run,
  verbose: true,
  max_size: 20_000,
  keep: 100,
  redact: (text) => text,
  onWarning: (message) => {
    throw new Error(message);
  },
  clock: Date.now,
});
for (let n = 1; n <= Number(count); n++) log.write({ category: 'POLL', message: n.toString() });
process.stdout.write('done\n');
