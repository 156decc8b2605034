import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type RunTiming, boundOfRun } from '../../src/core/timings.js';
import { WRITTEN_IDS, type Ack } from '../../src/demo/writer.js';
import { type Application, startApplication } from '../hosts/application.js';
import { createHostCluster, type HostCluster, waitStreaming } from '../hosts/cluster.js';
import { CONFIG } from '../hosts/disks.js';
import { PGDATA, type Host } from '../hosts/host.js';
import { waitFor } from '../pg/wait.js';
import { beyondStatement, outage, reckon, readStatedLoss, twoMasters } from './checker.js';
import type { Scene, Who } from './faults.js';
import type { Expected, Scenario, Step } from './scenario.js';
import type { Result } from './results.js';

/** What of a report the scenarios look at. */
interface RunReport {
  readonly exit_code: number;
  readonly details: string;
  readonly failed_over?: boolean;
  readonly decision?: {
    readonly diagnosis: string;
    readonly action: string;
    readonly vetoes: readonly { readonly name: string; readonly text: string }[];
    readonly evidence: readonly { readonly text: string }[];
  };
  readonly operation?: {
    readonly old_master: string;
    readonly new_master: string | null;
    readonly loss: string;
  } | null;
}

/** One run of handyrep. Times in milliseconds since the epoch. */
interface Run {
  readonly argv: readonly string[];
  readonly began: number;
  readonly ended: number;
  readonly report: RunReport;
}

/** A run that lasts longer than the bound of its configuration fails; one that never ends is ended. Milliseconds. */
const LONGEST_RUN = 240_000;

interface Play extends Scene {
  readonly scenario: Scenario;
  readonly timings: readonly RunTiming[];
  readonly applications: Application[];
  readonly runs: Run[];
  /** Who was promoted, the newest last. */
  readonly promotions: string[];
  /** When both servers could be reached again, where they could not. */
  healed: number | null;
}

/** Plays a scenario on a cluster of its own, asserts what it promises, and gives its line in the table of results. */
export async function play(scenario: Scenario): Promise<Result> {
  const cluster = await createHostCluster(scenario.topology);
  const scene = openScene(scenario, cluster, await timingsOf(cluster));
  try {
    await run(scene, ['failover-check'], { exit_code: 0, diagnosis: 'master_healthy' });
    for (const [index, who] of (scenario.applications ?? ['client']).entries())
      scene.applications.push(await startApplication(cluster, scene.host(who), index));
    await waitFor(() => scene.applications.every((one) => one.acks.length > 50), {
      deadline: 30_000,
      what: 'the applications to write',
    });
    await run(scene, ['failover-check'], { exit_code: 0, diagnosis: 'master_healthy' });
    for (const step of scenario.story) await perform(scene, step);
    return await judge(scene);
  } finally {
    await leave(scene).finally(() => cluster.destroy());
  }
}

async function leave(scene: Play): Promise<void> {
  await Promise.all(scene.applications.map((one) => one.stop()));
  for (const one of scene.leave.reverse()) await one();
}

/** What `doctor --timings` prints for this configuration. */
async function timingsOf({ manager }: HostCluster): Promise<readonly RunTiming[]> {
  const said = await manager.must(['handyrep', '--json', '-c', CONFIG, 'doctor', '--timings'], { user: 'handyrep' });
  return (JSON.parse(said) as { readonly timings: readonly RunTiming[] }).timings;
}

function openScene(scenario: Scenario, cluster: HostCluster, timings: readonly RunTiming[]): Play {
  const scene: Play = {
    scenario,
    cluster,
    timings,
    applications: [],
    runs: [],
    prefix: [],
    leave: [],
    promotions: [],
    healed: null,
    host: (who) => cluster.host(nameOf(scene, who)),
    // How long that run took is not known: longer than this it did not look at the master.
    take: (at, text) =>
      keep(scene, { argv: ['cron'], began: at - 2000, ended: at, report: JSON.parse(text) as RunReport }),
  };
  return scene;
}

function nameOf(scene: Play, who: Who): string {
  if (who !== 'promoted' && who !== 'other') return who;
  const promoted = scene.promotions.at(-1);
  if (promoted === undefined) throw new Error('nobody was promoted');
  if (who === 'promoted') return promoted;
  const other = scene.cluster.databases.find(({ name }) => name !== 'db1' && name !== promoted);
  if (other === undefined) throw new Error('there is no other replica');
  return other.name;
}

async function perform(scene: Play, step: Step): Promise<void> {
  switch (step.kind) {
    case 'fault':
      return step.fault.apply(scene);
    case 'undo':
      await step.fault.undo(scene);
      scene.healed = now();
      return;
    case 'run':
      return runStep(scene, step);
    case 'do':
      return step.act(scene);
    case 'wait':
      await waitFor(() => step.until.holds(scene), { deadline: 180_000, what: step.until.what, every: 200 });
  }
}

async function run(scene: Play, argv: readonly string[], expected: Expected): Promise<void> {
  const report = await once(scene, argv);
  expect(seen(report, expected), explain(report)).toEqual(expected);
}

async function runStep(scene: Play, { argv, expected, until }: Step & { readonly kind: 'run' }): Promise<void> {
  await run(scene, argv, expected);
  if (until === null) return;
  // As cron does, with less patience.
  const again = async (): Promise<boolean> => {
    if (await until.holds(scene).catch(() => false)) return true;
    await run(scene, argv, expected);
    return false;
  };
  await waitFor(again, { deadline: 60_000, what: until.what, every: 500 });
}

/** What of a report was expected, in the same order of keys. */
function seen({ exit_code, decision, failed_over }: RunReport, expected: Expected): Partial<Expected> {
  const all: Record<keyof Expected, unknown> = {
    exit_code,
    diagnosis: decision?.diagnosis,
    failed_over,
    vetoes: decision?.vetoes.map((veto) => veto.name),
  };
  return Object.fromEntries(Object.keys(expected).map((key) => [key, all[key as keyof Expected]]));
}

function explain({ details, decision }: RunReport): string {
  return [
    details,
    ...(decision?.evidence.map((one) => one.text) ?? []),
    ...(decision?.vetoes.map((v) => v.text) ?? []),
  ].join('\n');
}

async function once(scene: Play, argv: readonly string[]): Promise<RunReport> {
  const { manager } = scene.cluster;
  const began = now();
  const command = [...scene.prefix, 'handyrep', '--json', '-c', CONFIG, ...argv];
  const done = await manager.run(command, { user: 'handyrep', timeout: LONGEST_RUN });
  const ended = now();
  if (done.stdout.trim() === '')
    throw new Error(
      `${argv.join(' ')}: ${done.code.toString()} after ${Math.round(ended - began).toString()} ms: ${done.stderr}`,
    );
  const report = JSON.parse(done.stdout) as RunReport;
  expectInTime(scene, argv, ended - began, report);
  keep(scene, { argv, began, ended, report });
  expect(done.code).toBe(report.exit_code);
  return report;
}

/** P5: every run ends within what `doctor --timings` says. */
function expectInTime({ timings }: Play, argv: readonly string[], took: number, report: RunReport): void {
  const did = { acted: (report.operation ?? null) !== null, failed_over: report.failed_over === true };
  const bound = boundOfRun(timings, argv.find((word) => !word.startsWith('-')) ?? '', did);
  if (bound === null) throw new Error(`there is no bound for ${argv.join(' ')}`);
  expect(took, `milliseconds that ${argv.join(' ')} took`).toBeLessThanOrEqual(bound);
}

function keep(scene: Play, done: Run): void {
  scene.runs.push(done);
  const { failed_over, operation } = done.report;
  const promoted = failed_over === true ? operation?.new_master : null;
  if (promoted !== null && promoted !== undefined) scene.promotions.push(promoted);
}

/** What must be true after every scenario. */
async function judge(scene: Play): Promise<Result> {
  const { scenario, cluster, runs } = scene;
  const master = cluster.host(scenario.master === 'promoted' ? nameOf(scene, 'promoted') : 'db1');
  await writesArrive(scene, master);
  await Promise.all(scene.applications.map((one) => one.stop()));
  expect(await takingWrites(cluster), 'the servers that take writes').toEqual([master.name]);
  await waitStreaming(master, scenario.streaming).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${cluster.databases.map(lastWords).join('\n')}`);
  });
  const acks = scene.applications.flatMap((one) => one.acks).sort((a, b) => a.at - b.at);
  const ids = (await master.sql(WRITTEN_IDS, [], 60_000)).map((row) => Number(row['id']));
  const sums = reckon(acks, ids);
  expect(sums.duplicated).toEqual([]);
  judgeLoss(scene, sums.lost);
  const both = judgeMasters(scene, acks);
  const clients = scene.applications.filter((one) => one.host === 'client').flatMap((one) => one.acks);
  return {
    name: scenario.name,
    what: scenario.what,
    replication: scenario.topology?.synchronous === true ? 'synchronous' : 'asynchronous',
    decisions: decisions(runs),
    outage_ms: Math.round(outage(clients)),
    acknowledged: acks.length,
    lost: sums.lost.length,
    unacknowledged: sums.unacknowledged.length,
    two_masters_ms: Math.round(both),
    longest_run_ms: Math.round(Math.max(...runs.map((one) => one.ended - one.began))),
  };
}

/** The end of a server's log. */
function lastWords(host: Host): string {
  if (!host.isOn()) return `${host.name}: is off`;
  const lines = readFileSync(host.path(`${PGDATA}/server.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-12);
  return [`${host.name}:`, ...lines].join('\n');
}

async function writesArrive(scene: Play, master: Host): Promise<void> {
  const begun = now();
  await waitFor(
    () => scene.applications.some((one) => one.acks.some((ack) => ack.host === master.address && ack.at > begun)),
    { deadline: 30_000, what: `an application to write on ${master.name}` },
  );
}

async function takingWrites(cluster: HostCluster): Promise<string[]> {
  const running = cluster.databases.filter((host) => host.isOn() && host.pids('postgres').length > 0);
  const found = await Promise.all(
    running.map(async (host) => {
      const [row] = await host.sql('SELECT pg_is_in_recovery() AS standby').catch(() => []);
      return row?.['standby'] === 'f' ? [host.name] : [];
    }),
  );
  return found.flat();
}

/** Every lost commit must be covered by what the failover said that replaced the server which took it. */
function judgeLoss({ scenario, runs, cluster }: Play, lost: readonly Ack[]): void {
  if (scenario.lost === 'none') {
    expect(lost, 'lost commits').toEqual([]);
    return;
  }
  let uncovered = lost;
  for (const [index, { began, report }] of runs.entries()) {
    const { operation } = report;
    if (report.failed_over !== true || operation === null || operation === undefined) continue;
    const { address } = cluster.host(operation.old_master);
    const calm = runs.slice(0, index).findLast((one) => one.report.decision?.diagnosis === 'master_healthy');
    if (calm === undefined) throw new Error(`${scenario.name}: a failover without a look that found the master well`);
    const mine = uncovered.filter((ack) => ack.host === address);
    const beyond = beyondStatement(mine, readStatedLoss(operation.loss), { calm: calm.began, trouble: began });
    expect(beyond, `lost beyond "${operation.loss}"`).toEqual([]);
    uncovered = uncovered.filter((ack) => ack.host !== address);
  }
  expect(uncovered, 'lost commits of servers that nobody replaced').toEqual([]);
}

/** How long a returned server may be let write, after nothing keeps it from being stopped: one check. */
function judgeMasters(scene: Play, acks: readonly Ack[]): number {
  const { scenario, runs, healed, cluster } = scene;
  const db1 = cluster.host('db1').address;
  const reigns = ['db1', ...scene.promotions].map((name) => cluster.host(name).address);
  const both = twoMasters(acks, reigns);
  if (scenario.two_masters === 'never') {
    expect(both, 'milliseconds in which two servers took writes').toBeLessThanOrEqual(0);
    return 0;
  }
  const fenced = runs.find(({ began }) => healed !== null && began >= healed)?.ended ?? Number.POSITIVE_INFINITY;
  expect(fenced, 'a check after the return').toBeLessThan(Number.POSITIVE_INFINITY);
  const late = acks.filter((ack) => ack.host === db1 && ack.at > fenced);
  expect(late, 'writes that the old master took after the first check that could reach it').toEqual([]);
  return Math.max(0, both);
}

function decisions(runs: readonly Run[]): string {
  const words = runs.map(({ argv, report }) => {
    const what = report.decision?.diagnosis ?? `${argv.join(' ')}: exit ${report.exit_code.toString()}`;
    const vetoes = report.decision?.vetoes.map((veto) => veto.name) ?? [];
    const done =
      report.failed_over === true ? `: failover` : vetoes.length > 0 ? `: refused (${vetoes.join(', ')})` : '';
    return `${what}${done}`;
  });
  return words.filter((word, index) => word !== words[index - 1]).join(' → ');
}

/** Wall-clock milliseconds that never go backwards, as the applications count them. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
