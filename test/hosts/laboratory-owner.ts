import { createLaboratory } from './laboratory.js';

/** A test run with a laboratory of one host, until it is killed. Says the number of the host's first process. */
const plan = { name: 'one', address: '10.0.0.11', files: [], services: [], bin_dir: '' } as const;
const laboratory = await createLaboratory([plan]);
const host = laboratory.host('one');
await host.powerOn();
await host.must(['sh', '-c', 'sleep 1000 >/dev/null 2>&1 &']);
process.stdout.write(`${JSON.stringify({ pids: host.pids('sleep'), folder: laboratory.folder })}\n`);
setInterval(() => undefined, 1000);
