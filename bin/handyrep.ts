#!/usr/bin/env node
import { LINGER_MS, run } from '../src/commands/program.js';

// A reader that goes away (`| head`) must not end a run in the middle of a failover.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = 1;
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`handyrep: internal error, please report it: ${trace}\n`);
}

// The answer is given. A connection that a plugin has left open must not hold the process: cron would start the next one beside it.
setTimeout(() => process.exit(), LINGER_MS).unref();
