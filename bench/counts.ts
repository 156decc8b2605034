/** How much is measured, from the environment. What is no number ends the run at once. */
function count(name: string, usual: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return usual;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  process.stderr.write(`${name} must be a whole number of 1 or more, not ${text}\n`);
  process.exit(2);
}

/** Runs of everything that is measured several times. */
export const RUNS = count('HANDYREP_BENCH_RUNS', 5);
/** Switchovers of one cluster, there and back. */
export const SWITCHOVERS = count('HANDYREP_BENCH_SWITCHOVERS', 10);
/** What is copied by a clone, MB. */
export const CLONE_MB = count('HANDYREP_BENCH_MB', 500);
/** The log whose end is read, MB. */
export const LOG_MB = count('HANDYREP_BENCH_LOG_MB', 1024);
/** The largest cluster that is polled. */
export const MOST_SERVERS = count('HANDYREP_BENCH_SERVERS', 50);
