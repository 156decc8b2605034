/** Logs as fast as it can, with a small file, so that several of these rotate at once; or without rotating, at some pace. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openLog } from '../../src/report/log.js';

const [path = '', count = '0', run = '', max_size = '20000', pace = '0'] = process.argv.slice(2);
const log = openLog({
  path,
  run,
  verbose: true,
  max_size: Number(max_size),
  keep: 100,
  redact: (text) => text,
  onWarning: (message) => {
    throw new Error(message);
  },
  clock: Date.now,
});
for (let n = 1; n <= Number(count); n++) {
  log.write({ category: 'POLL', message: n.toString() });
  if (pace !== '0') await sleep(Number(pace));
}
process.stdout.write('done\n');
