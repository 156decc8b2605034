import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Result } from '../test/faults/results.js';

/**
 * Writes docs/fault-scenarios.md from the results of a run of all scenarios:
 * `HANDYREP_FAULT_RESULTS=FOLDER npm run test:faults`, then `npm run docs:faults -- FOLDER`.
 */
const PAGE = fileURLToPath(new URL('../docs/fault-scenarios.md', import.meta.url));
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder of the results: npm run docs:faults -- FOLDER');

const results = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Result);

const rows = results.map((one) => [
  `\`${one.name}\``,
  one.what,
  one.replication === 'synchronous' ? 'sync' : 'async',
  one.decisions,
  seconds(one.outage_ms),
  `${one.lost.toString()} of ${one.acknowledged.toString()}`,
  one.two_masters_ms === 0 ? 'no' : seconds(one.two_masters_ms),
  seconds(one.longest_run_ms),
]);
const head = ['scenario', 'what happens', 'replication', 'decisions', 'outage', 'lost', 'two masters', 'longest run'];
const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const longest = Math.max(...results.map((one) => one.longest_run_ms));

const text = `# Fault scenarios

What HandyRep decided and what it cost, in one run of every scenario of [test/faults](../test/faults): \`npm run test:faults\`
plays them, \`npm test\` a short selection. Each has a cluster of its own, set up as the [README](../README.md#set-it-up-against-a-real-cluster)
says: a host for each server with its own network, processes, sshd and PostgreSQL, a management host that runs the built
\`handyrep\`, and a host of clients. An application writes rows all the time, about 150 a second, and keeps what was acknowledged.

- **decisions**: what the checks found, one after the other; a failover where they made one, a reason where they refused to.
- **outage**: the longest time without an acknowledged write for the application on the host of the clients. Cron is played by
  checks that follow the fault at once: in production up to \`poll_interval\` comes on top where the master's host is silent; a master whose
  processes end is noticed at once (\`cron\`).
- **lost**: acknowledged writes that are not on the master in the end, of all that were acknowledged. Every test fails when one is
  missing that the failover did not state: none at all where it stated none.
- **two masters**: how long the old master acknowledged writes while the new one did, until the first check that could reach
  it again. Every test fails when it took one after that check, and, where ssh reaches the old master, when it took one at all.
- **longest run**: of \`handyrep\`, from start to exit. The longest of all was ${seconds(longest)}.

Time-outs differ from the defaults: \`connect_timeout: 2s\`, \`ssh_timeout: 3s\`, \`fail_retries: 2\`, \`fail_retry_interval: 500ms\`. The
machine has two cores, and two scenarios run at a time. The clock of the management host is moved for \`handyrep\` alone (libfaketime),
since a machine has only one. This page is written by \`npm run docs:faults\`.

${table}
`;
writeFileSync(PAGE, text);

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
