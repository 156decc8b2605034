import { startWriter, type WriterOptions } from '../../src/demo/writer.js';

/**
 * An application on a host of a laboratory: `node --import tsx writer-process.ts OPTIONS`. Says each acknowledgement in a
 * line of JSON at once, since its host may lose power the next moment; ends when its standard input does.
 */
const options = JSON.parse(process.argv[2] ?? '') as WriterOptions;
const writer = await startWriter(
  { ...options, onAck: (ack) => process.stdout.write(`${JSON.stringify(ack)}\n`) },
  60_000,
);
process.stdin.resume();
process.stdin.once('end', () => {
  void writer.stop().then(() => process.exit(0));
});
