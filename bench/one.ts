import { BENCHES } from './catalogue.js';

/** Runs one bench in this process, which the runner can end; its findings go to standard output as JSON. */
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(1));
const spec = BENCHES[process.argv[2] ?? ''];
if (spec === undefined) throw new Error(`there is no bench ${process.argv[2] ?? ''}`);
const bench = await spec.load();
process.stdout.write(JSON.stringify(await bench()));
