import { setTimeout as sleep } from 'node:timers/promises';
import { HandyRepError } from '../core/outcome.js';
import { HandyRep } from '../service/handyrep.js';
import type { CheckReport } from '../service/reports.js';
import { findBinaries } from './binaries.js';
import { createCluster, type DemoCluster } from './cluster.js';
import { writeConfig } from './demo-config.js';
import type { DemoPromise, DemoResult, Tell } from './demo-event.js';
import { rejoinAndSwitchBack, returnOfTheOldMaster } from './demo-old-master.js';
import type { DemoServer } from './server.js';
import { type DemoOptions, type Stage, checkOnce, failure, unlessInterrupted, within } from './demo-stage.js';
import { lostWrites, startWriter, WRITTEN_IDS, type Writer } from './writer.js';

/** The whole demo; it takes some ten seconds. */
const DEADLINE_MS = 180_000;
/** How long what is under way may take to end when it is interrupted. */
const SETTLE_MS = 10_000;
/** How long rows are written before the master dies, and on the new one. */
const CALM_MS = 1000;

/**
 * A commit waits for one replica, so that a kill at any instant loses nothing that was acknowledged; and a replica looks
 * for its new master at once.
 */
const SETTINGS = { synchronous_standby_names: 'ANY 1 (db2, db3)', wal_retrieve_retry_interval: '200ms' };

/**
 * Builds a throwaway cluster, kills its master, has HandyRep fail over, and brings the old master back. Leaves nothing
 * behind. Throws {@link HandyRepError} when it cannot be played to its end; promises that were not kept are in the result.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { tell, env } = options;
  const binaries = await findBinaries(env);
  if (!binaries.ok) throw new HandyRepError(binaries.error);
  const { bin_dir, major } = binaries.value;
  tell({ kind: 'scene', text: `Building a master and two replicas of PostgreSQL ${major.toString()} (${bin_dir})` });
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(DEADLINE_MS)]);
  try {
    const cluster = await createCluster({ binaries: binaries.value, settings: SETTINGS });
    return await playAndClean(cluster, { ...options, signal });
  } catch (error) {
    if (options.signal.aborted) throw failure('aborted', 'the demo was interrupted; its servers are gone');
    if (signal.aborted) throw failure('command_timeout', `the demo did not end within ${DEADLINE_MS / 1000} s`);
    throw error instanceof HandyRepError ? error : failure('step_failed', `the demo failed: ${String(error)}`);
  }
}

/** What is under way when it is interrupted ends by itself, and better while its servers are there. */
async function playAndClean(cluster: DemoCluster, options: DemoOptions): Promise<DemoResult> {
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(failure('aborted', 'interrupted'));
    options.signal.addEventListener('abort', stop, { once: true });
    if (options.signal.aborted) stop();
  });
  const playing = play(cluster, options);
  try {
    return await Promise.race([playing, interrupted]);
  } finally {
    await Promise.race([playing.catch(() => undefined), sleep(SETTLE_MS, undefined, { ref: false })]);
    await cluster.destroy();
    options.tell({ kind: 'fact', text: 'the servers are stopped and their folder is removed' });
  }
}

async function play(cluster: DemoCluster, options: DemoOptions): Promise<DemoResult> {
  const { tell, env, signal } = options;
  tellServers(cluster, tell);
  const config = await writeConfig(cluster);
  tell({ kind: 'fact', text: `configuration: ${config}` });
  const warn = (text: string): void => tell({ kind: 'fact', text: `warning: ${text}` });
  const handyrep = await HandyRep.open(config, { env, signal, warn });
  const made = await handyrep.init();
  if (made.exit_code !== 0) throw failure('step_failed', made.details);
  tell({ kind: 'fact', text: `handyrep init: ${made.details}` });

  tell({
    kind: 'scene',
    text: 'An application writes rows; HandyRep takes its first, thorough look (handyrep verify)',
  });
  const hosts = cluster.servers.map(({ host, port }) => ({ host, port }));
  const writer = await startWriter({ hosts, user: cluster.roles.app });
  try {
    const verified = await handyrep.verify();
    if (!('servers' in verified)) throw failure('step_failed', verified.details);
    tell({ kind: 'status', status: verified });
    await sleep(CALM_MS);
    return await killAndReturn({ ...options, cluster, handyrep, writer }, verified.cluster.status === 'healthy');
  } finally {
    await writer.stop();
  }
}

function tellServers(cluster: DemoCluster, tell: Tell): void {
  for (const server of cluster.servers) {
    const role = server === cluster.master ? 'master' : 'replica';
    tell({
      kind: 'fact',
      text: `${server.name}: ${role} on ${server.host}:${server.port.toString()}, ${server.pgdata}`,
    });
  }
}

async function killAndReturn(stage: Stage, healthy: boolean): Promise<DemoResult> {
  const { cluster, tell, writer } = stage;
  const postmasters = new Map(cluster.servers.map((server) => [server.name, server.pid()]));

  tell({ kind: 'scene', text: `SIGKILL to every process of ${cluster.master.name}, the master` });
  const killed = await cluster.master.killTree();
  tell({ kind: 'fact', text: `${killed.toString()} processes killed after ${acknowledged(writer)} acknowledged rows` });

  tell({ kind: 'scene', text: 'What crontab runs: handyrep failover-check' });
  const begun = performance.now();
  const report = await checkOnce(stage);
  const check_ms = Math.round(performance.now() - begun);
  const new_master = report.operation?.new_master ?? null;
  const promoted = cluster.servers.find((server) => server.name === new_master);
  if (!report.failed_over || promoted === undefined) {
    throw failure('step_failed', `no failover was made: ${report.details}`);
  }
  const moved = await promotionPromises(stage, report, promoted, postmasters);
  await sleep(CALM_MS);
  unlessInterrupted(stage);
  const returned = await returnOfTheOldMaster(stage);
  unlessInterrupted(stage);
  const again = await rejoinAndSwitchBack(stage);
  const kept = await countRows(stage, cluster.master);
  const promises: DemoPromise[] = [
    { promise: 'the cluster was healthy before', kept: healthy, seen: healthy ? 'it was' : 'it was not' },
    ...moved,
    ...returned,
    ...again,
    kept.promise,
  ];
  return {
    postgresql: cluster.binaries.major,
    old_master: cluster.master.name,
    new_master,
    check_ms,
    outage_ms: kept.outage_ms,
    acknowledged: kept.acknowledged,
    missing: kept.missing,
    promises,
  };
}

function acknowledged(writer: Writer): string {
  return writer.acks.length.toString();
}

/** What a failover is for: writes go on, and the other replica follows without having been restarted. */
async function promotionPromises(
  stage: Stage,
  report: CheckReport,
  promoted: DemoServer,
  postmasters: ReadonlyMap<string, number | null>,
): Promise<readonly DemoPromise[]> {
  const { cluster, tell, writer } = stage;
  const writes = await within(stage, 10_000, () => writer.acks.some((ack) => ack.port === promoted.port));
  const { ms } = writer.report().longest_gap;
  tell({ kind: 'fact', text: `the application writes to ${promoted.name} after ${ms.toFixed(0)} ms without writes` });
  const followers = cluster.replicas.filter((server) => server !== promoted);
  const streaming = await within(stage, 10_000, async () => {
    const rows = await promoted.sql("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'");
    return followers.every(({ name }) => rows.some((row) => row['application_name'] === name));
  });
  const restarted = followers.filter((server) => server.pid() !== postmasters.get(server.name));
  const names = followers.map(({ name }) => name).join(', ');
  return [
    { promise: 'the check failed over', kept: report.exit_code === 0, seen: report.details },
    { promise: 'the new master takes writes', kept: writes, seen: `${promoted.name}, ${ms.toFixed(0)} ms of outage` },
    {
      promise: 'the other replica follows it, without a restart',
      kept: streaming && restarted.length === 0,
      seen: `${names}: ${streaming ? 'streaming' : 'not streaming'}, ${restarted.length === 0 ? 'not ' : ''}restarted`,
    },
  ];
}

async function countRows(
  { writer, tell }: Stage,
  promoted: DemoServer,
): Promise<{ acknowledged: number; missing: number; outage_ms: number; promise: DemoPromise }> {
  const { acknowledged: count, longest_gap } = await writer.stop();
  tell({ kind: 'scene', text: `Counting the rows on ${promoted.name}` });
  const missing = lostWrites(writer.acks, await promoted.sql(WRITTEN_IDS)).length;
  const seen = `${count.toString()} acknowledged, ${missing.toString()} missing`;
  tell({ kind: 'fact', text: seen });
  const promise = { promise: 'no acknowledged row is missing', kept: missing === 0 && count > 0, seen };
  return { acknowledged: count, missing, outage_ms: Math.round(longest_gap.ms), promise };
}
