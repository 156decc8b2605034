import { setTimeout as sleep } from 'node:timers/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { findBinaries } from '../src/demo/binaries.js';
import { createCluster } from '../src/demo/cluster.js';
import { writeConfig } from '../src/demo/demo-config.js';
import { startBouncer } from '../test/hosts/pgbouncer.js';
import { initPgbench, startPgbench } from '../test/hosts/pgbench.js';
import { run } from './measure.js';

/**
 * What clients notice of planned switchovers: pgbench through two pgbouncers, and by a list of hosts, while `handyrep failover`
 * goes there and back. Ends with an error when a transaction behind pgbouncer fails.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const ROUNDS = Number(process.env['HANDYREP_BENCH_SWITCHOVERS'] ?? 10);
const CALM_MS = 1500;

const binaries = await findBinaries();
if (!binaries.ok) throw new Error(binaries.error.message);
const cluster = await createCluster({ binaries: binaries.value });
const bouncers = await Promise.all(['pgb1', 'pgb2'].map((name) => startBouncer(cluster, { name })));
try {
  const config = await withProxies(await writeConfig(cluster));
  const handyrep = (...argv: string[]): Promise<string> => run(process.execPath, [BIN, '-c', config, ...argv]);
  await handyrep('verify');
  await handyrep('proxy', 'init');
  await initPgbench(cluster);
  const names = bouncers.map(({ name, port }) => ({ name, argv: ['-h', '127.0.0.1', '-p', port.toString()] }));
  const loads = await Promise.all(
    names.map(async ({ name, argv }) => ({
      name,
      load: await startPgbench(cluster, [...argv, '-U', 'postgres', 'postgres']),
    })),
  );
  for (let n = 0; n < ROUNDS; n++) {
    await sleep(CALM_MS);
    await handyrep('--yes', 'failover', '--to', n % 2 === 0 ? 'db2' : 'db1');
  }
  await sleep(CALM_MS);
  const ends = await Promise.all(loads.map(async ({ name, load }) => ({ name, ...(await load.stop()) })));
  process.stdout.write(`${ROUNDS.toString()} switchovers there and back, pgbench through pgbouncer, 4 clients each\n`);
  for (const { name, transactions, failed, longest_wait, said } of ends) {
    process.stdout.write(
      `${name}: ${transactions.toString()} transactions, ${failed.toString()} failed, the longest waited ${longest_wait.toFixed(0)} ms\n`,
    );
    if (failed > 0) throw new Error(`a promise was broken: ${said}`);
  }
  await handyrep('verify');
} finally {
  await Promise.all(bouncers.map((one) => one.kill()));
  await cluster.destroy();
}

async function withProxies(config: string): Promise<string> {
  const written = parse(await readFile(config, 'utf8')) as Record<string, Record<string, unknown>>;
  await writeFile(
    config,
    stringify({
      ...written,
      failover: { ...written['failover'], connection_failover_method: 'multi_pgbouncer' },
      servers: { ...written['servers'], ...Object.fromEntries(bouncers.map(({ name, entry }) => [name, entry])) },
      plugins: { multi_pgbouncer: { databases: ['postgres'] } },
    }),
  );
  return config;
}
