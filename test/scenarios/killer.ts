import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as soon } from 'node:timers/promises';
import type { SavedState, StepKind, StepState } from '../../src/core/model.js';
import { parseState } from '../../src/core/saved.js';
import type { Lab } from './lab.js';

const BIN = join(import.meta.dirname, '../../bin/handyrep.ts');

/** How far the operation on record has come with this step; null while there is none, or while the file is being replaced. */
export function stepState(lab: Lab, kind: StepKind): StepState | null {
  return saved(lab)?.operation?.steps.find(({ step }) => step.kind === kind)?.state ?? null;
}

function saved(lab: Lab): SavedState | null {
  const parsed = parseState(readFileSync(join(lab.dir, 'servers.save'), 'utf8'));
  return parsed.ok ? parsed.value : null;
}

/** A run that goes on, as it is seen from outside. */
export interface Running {
  /** What it has written to stderr so far. */
  readonly told: string;
  /** Whether it has put on record that this server is being made anew. */
  onRecord(server: string): boolean;
}

/** Runs the command and kills it as soon as a step has begun; false when it was too quick for us. */
export function killAtStep(lab: Lab, argv: readonly string[], kind: StepKind): Promise<boolean> {
  return killWhen(lab, argv, () => stepState(lab, kind) === 'begun');
}

/** Runs the command and kills it as soon as its progress says this. */
export function killAtWord(lab: Lab, argv: readonly string[], word: string): Promise<boolean> {
  return killWhen(lab, argv, (run) => run.told.includes(word));
}

/** A command that goes on by itself until it is killed. */
export function startCommand(lab: Lab, argv: readonly string[]): { readonly kill: () => Promise<void> } {
  const run = spawnCommand(lab, argv);
  const ended = new Promise<void>((resolve) => run.once('exit', () => resolve()));
  return {
    kill: async () => {
      run.kill('SIGKILL');
      await ended;
    },
  };
}

function spawnCommand(lab: Lab, argv: readonly string[]): ChildProcessByStdio<null, null, Readable> {
  return spawn(process.execPath, ['--import', 'tsx', BIN, '-c', lab.config, ...argv], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** Runs the command and kills it as soon as it is due; false when it ended before. */
export async function killWhen(lab: Lab, argv: readonly string[], due: (run: Running) => boolean): Promise<boolean> {
  const run = spawnCommand(lab, argv);
  let told = '';
  run.stderr.on('data', (chunk: Buffer) => (told += chunk.toString('utf8')));
  const onRecord = (server: string): boolean => saved(lab)?.rebuilds.some((one) => one.server === server) ?? false;
  const ended = new Promise<void>((resolve) => run.once('exit', () => resolve()));
  try {
    while (runs(run) && !due({ told, onRecord })) await soon();
  } finally {
    run.kill('SIGKILL');
    await ended;
  }
  return run.signalCode === 'SIGKILL';
}

function runs(run: ChildProcess): boolean {
  return run.exitCode === null && run.signalCode === null;
}
