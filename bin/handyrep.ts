#!/usr/bin/env node
import { LINGER_MS, run } from '../src/commands/program.js';

let lost = false;

/** Standard output could not be written: the answer is lost, and the exit code must not say that all is well. */
function answerIsLost({ code, message }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE' || lost) return;
  lost = true;
  process.stderr.write(`handyrep: standard output cannot be written: ${message}\n`);
  process.on('exit', (status) => {
    if (status === 0) process.exitCode = 1;
  });
}

// A reader that goes away (`| head`), or a full disk behind `>>`, must not end a run in the middle of a failover.
process.stdout.on('error', answerIsLost);
process.stderr.on('error', () => undefined);

// Not awaited here: the build makes a CommonJS module of it, which cannot wait at its top.
void run(process.argv.slice(2))
  .then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.exitCode = 1;
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`handyrep: internal error, please report it: ${trace}\n`);
    },
  )
  .finally(async () => {
    // A reader such as `less` may take its time.
    await Promise.all([written(process.stdout), written(process.stderr)]);
    // The answer is given. A connection that a plugin has left open must not hold the process: cron would start the next one beside it.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  });

/** Resolves when everything that was written to a stream has been taken, or nobody is there to take it. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => done());
  });
}
