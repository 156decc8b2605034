/** A contender for a lock, run as a child: tells on stdout what it holds, and holds it as long as it is told to. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLock } from '../../src/state/lock.js';

const [path = '', wait = '0', hold = 'forever', journal = ''] = process.argv.slice(2);
const taken = await acquireLock(path, { run: `run-${process.pid.toString()}`, command: 'test', wait_ms: Number(wait) });
if (!taken.ok) {
  process.stdout.write(`${JSON.stringify(taken.error)}\n`);
  process.exit(3);
}
// Appended lines are whole and in order: two that begin without an end between them would be two holders.
const note = (what: string) => {
  if (journal !== '' && taken.value.held()) appendFileSync(journal, `${what} ${process.pid.toString()}\n`);
};
note('begin');
process.stdout.write('held\n');
if (hold === 'forever') await sleep(120_000);
else await sleep(Number(hold));
if (hold === 'die') process.kill(process.pid, 'SIGKILL');
note('end');
await taken.value.release();
