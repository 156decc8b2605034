import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as soon } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JournalledStep, StepKind, StepState } from '../../src/core/model.js';
import { switchoverSteps } from '../../src/core/plan.js';
import { parseState } from '../../src/core/saved.js';
import { type DemoCluster, lostWrites, startCluster, startClusterWriter, waitFor, WRITTEN_IDS } from '../pg/harness.js';
import { type Lab, calmLab, recovering } from './lab.js';

const BIN = join(import.meta.dirname, '../../bin/handyrep.ts');
const PLAN = { old_master: 'db1', new_master: 'db2', others: ['db3'], connection_method: null, remaster: true };

/** Every step that the code has, so that a new one is covered by itself. */
const KINDS = switchoverSteps(PLAN).map((step) => step.kind);

/** The journalled steps; empty while there is no operation, or while the file is being replaced. */
function journalled(lab: Lab): readonly JournalledStep[] {
  const parsed = parseState(readFileSync(join(lab.dir, 'servers.save'), 'utf8'));
  return parsed.ok ? (parsed.value.operation?.steps ?? []) : [];
}

function stateOf(lab: Lab, kind: StepKind): StepState | null {
  return journalled(lab).find(({ step }) => step.kind === kind)?.state ?? null;
}

/** Runs the command and kills it as soon as a step has begun; false when it was too quick for us. */
async function killAt(lab: Lab, argv: readonly string[], kind: StepKind): Promise<boolean> {
  const run = spawn(process.execPath, ['--import', 'tsx', BIN, '-c', lab.config, ...argv], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => run.once('exit', () => resolve()));
  try {
    while (runs(run) && stateOf(lab, kind) !== 'begun') await soon();
  } finally {
    run.kill('SIGKILL');
    await ended;
  }
  return run.signalCode === 'SIGKILL';
}

function runs(run: ChildProcess): boolean {
  return run.exitCode === null && run.signalCode === null;
}

describe('a switchover that is killed at every step', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    lab = await calmLab(cluster);
  }, 90_000);
  const writers: Awaited<ReturnType<typeof startClusterWriter>>[] = [];
  afterAll(() => Promise.all(writers.map((writer) => writer.stop())));

  // The end of one step and the beginning of the next are one write, so this is after each step too.
  test.each(KINDS)('%s: the next check ends with one master, nothing lost, nothing left behind', async (kind) => {
    const writer = await startClusterWriter(cluster);
    writers.push(writer);
    const { master } = await lab.poll();
    const to = master === 'db1' ? 'db2' : 'db1';
    const killed = await killAt(lab, ['--yes', 'failover', '--to', to], kind);
    const promoting = stateOf(lab, 'promote');
    expect((await lab.check()).exit_code).toBe(0);
    const whole = await waitFor(
      async () => {
        const report = await lab.verify();
        return report.cluster.status === 'healthy' ? report : null;
      },
      { deadline: 30_000, what: 'a healthy cluster' },
    );
    await writer.stop();
    const now = await lab.saved();
    expect([now.operation, now.former_masters]).toEqual([null, []]);
    if (killed && promoting !== null) expect(whole.master).toBe(promoting === 'pending' ? master : to);
    for (const server of cluster.servers) {
      expect(await recovering(server)).toBe(server.name !== whole.master);
      expect(await server.sql('SELECT slot_name FROM pg_replication_slots WHERE NOT active')).toEqual([]);
    }
    const rows = await cluster.server(whole.master ?? '').sql(WRITTEN_IDS);
    expect(lostWrites(writer.acks, rows)).toEqual([]);
  });
});
