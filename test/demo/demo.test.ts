import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** The demo as a user runs it, its temporary files kept together so that whatever it leaves behind is seen. */
let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'hr-demo-')));
  // The servers' user goes through it.
  chmodSync(folder, 0o755);
});

afterEach(() => {
  for (const pid of processesBelow(folder)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the demo; `interrupt` is sent as soon as its progress matches. */
function demo(interrupt?: {
  readonly at: RegExp;
  readonly signal: NodeJS.Signals;
  readonly after?: number;
}): Promise<Ended> {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [resolve('dist/bin/handyrep.js'), 'demo', '--json'], { cwd: folder, env });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  let waiting = interrupt;
  child.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
    if (waiting?.at.test(said.stderr) !== true) return;
    const { signal, after = 0 } = waiting;
    waiting = undefined;
    setTimeout(() => child.kill(signal), after);
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done({ code, signal, ...said }));
  });
}

function processesBelow(path: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`).startsWith(`${path}/`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Servers and folders that are still there; notes about taken ports belong to nobody and are swept by the next run. */
async function leftovers(): Promise<string[]> {
  // A killed process is gone a moment after the signal.
  for (let look = 0; look < 100 && processesBelow(folder).length > 0; look++)
    await new Promise((go) => setTimeout(go, 50));
  const files = readdirSync(folder).filter((name) => name.startsWith('handyrep-cluster-'));
  return [...files, ...processesBelow(folder).map((pid) => `process ${pid.toString()}`)];
}

describe('handyrep demo', () => {
  test('keeps every promise, prints one JSON object, and leaves nothing behind', async () => {
    const ended = await demo();
    expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null });
    const report = JSON.parse(ended.stdout) as { promises: { kept: boolean }[]; missing: number; acknowledged: number };
    expect(report).toMatchObject({ result: 'SUCCESS', exit_code: 0, old_master: 'db1', missing: 0 });
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.promises.every(({ kept }) => kept)).toBe(true);
    expect(ended.stderr).toContain('rule 7, master_crashed');
    expect(ended.stderr).toContain('SUCCESS: switched over from');
    expect(await leftovers()).toEqual([]);
  }, 120_000);

  test.each([
    { when: 'while it builds', at: /Building/, after: 400, signal: 'SIGINT' },
    { when: 'while the servers start', at: /Building/, after: 2500, signal: 'SIGINT' },
    { when: 'during the failover', at: /failover-check/, after: 300, signal: 'SIGINT' },
    { when: 'while the old master comes back', at: /Somebody removes/, after: 100, signal: 'SIGTERM' },
    { when: 'while it is rewound', at: /handyrep rejoin/, after: 1500, signal: 'SIGINT' },
    { when: 'during the switchover', at: /handyrep failover --to/, after: 300, signal: 'SIGINT' },
  ] as const)(
    'leaves nothing behind when it is interrupted $when',
    async (interrupt) => {
      const ended = await demo(interrupt);
      expect(ended, ended.stderr).toMatchObject({ code: 1, signal: null });
      expect(JSON.parse(ended.stdout)).toMatchObject({ result: 'FAIL', exit_code: 1, error: { code: 'aborted' } });
      expect(await leftovers()).toEqual([]);
    },
    120_000,
  );

  test('without PostgreSQL it says what to install', async () => {
    const env = { PATH: process.env['PATH'], HANDYREP_PG_BIN: '/nonexistent', TMPDIR: folder };
    const child = spawn(process.execPath, [resolve('dist/bin/handyrep.js'), 'demo'], { env });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((done) => child.once('close', done));
    expect(code).toBe(1);
    expect(said).toMatch(/no PostgreSQL server programs found.*\n.*hint: install/);
  });
});
