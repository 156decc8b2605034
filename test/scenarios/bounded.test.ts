import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunTiming, boundOfRun } from '../../src/core/timings.js';
import { type FakeServer, startFake } from '../hosts/tcp.js';
import { type DemoCluster, startCluster } from '../pg/harness.js';
import { type Lab, type LabOptions, calmLab, runCommand } from './lab.js';

/** Takes what is sent, and never answers. */
const SILENT = (): void => undefined;

let cluster: DemoCluster;
let lab: Lab;
let silent: FakeServer;

beforeAll(async () => {
  [cluster, silent] = await Promise.all([startCluster({ replicas: 2 }), startFake(SILENT)]);
  lab = await calmLab(cluster, {
    // Nothing that is met here is to be acted on; what is measured is how long it takes to find out.
    failover: { auto_failover: false },
    handyrep: { connect_timeout: '1s', statement_timeout: '1s', ssh_timeout: '1s', command_timeout: '5s' },
  });
}, 90_000);

afterAll(async () => {
  await silent.stop();
  await cluster.destroy();
});

/** Runs a command as a process of its own, and gives its output and how far it was from its bound. */
async function runInTime(
  one: Lab,
  argv: readonly string[],
  bound_of = argv[0] ?? '',
): Promise<{ readonly stdout: string }> {
  const said = await runCommand(one, ['--json', 'doctor', '--timings']);
  const { timings } = JSON.parse(said.stdout) as { readonly timings: readonly RunTiming[] };
  const bound = boundOfRun(timings, bound_of, { acted: false, failed_over: false });
  if (bound === null) throw new Error(`there is no bound for ${bound_of}`);
  const began = performance.now();
  const done = await runCommand(one, ['--json', ...argv]);
  expect(done.stderr).not.toContain('internal error');
  expect(performance.now() - began).toBeLessThan(bound);
  return done;
}

const CHECKS = ['poll', 'verify', 'failover-check', 'drill', 'doctor', 'pause', 'resume'] as const;

describe('every run ends within what doctor --timings says, where', () => {
  test.each(CHECKS)('a PostgreSQL takes connections and says nothing: %s', async (command) => {
    const deaf: LabOptions = {
      servers: { db3: { hostname: '127.0.0.1', port: silent.port } },
      handyrep: { override_server_file: true },
    };
    await runInTime(await lab.reconfigure(deaf), [command]);
  });

  test.each(CHECKS)('every sshd takes connections and says nothing: %s', async (command) => {
    const far: LabOptions = {
      server_defaults: { connection: 'ssh', ssh_port: silent.port, ssh_user: 'nobody' },
      handyrep: { override_server_file: true },
    };
    await runInTime(await lab.reconfigure(far), [command]);
  });

  test.each(CHECKS)('the postmaster of the master is stopped (SIGSTOP): %s', async (command) => {
    cluster.master.freeze();
    try {
      await runInTime(await lab.reconfigure({}), [command]);
    } finally {
      cluster.master.thaw();
    }
  });

  test('a replica that is to be stopped is frozen: stop, start', async () => {
    const one = cluster.server('db2');
    one.freeze();
    try {
      await runInTime(lab, ['--yes', 'stop', 'db2'], 'stop');
    } finally {
      one.thaw();
    }
    await runInTime(lab, ['start', 'db2']);
  });

  test('a plugin of the user’s own leaves a connection open when it is done', async () => {
    const holding = `import { connect } from 'node:net';
      export default {
        kind: 'master_check_method', description: 'holds on', settings: (z) => z.strictObject({}),
        run: () => async () => { connect(${silent.port}, '127.0.0.1'); return { ok: true, value: { active: true, detail: 'yes' } }; },
      };`;
    const held = await lab.reconfigure({
      handyrep: { master_check_method: 'holds_on' },
      plugin_files: { 'holds_on.mjs': holding },
    });
    const { stdout } = await runInTime(held, ['poll']);
    expect(JSON.parse(stdout)).toMatchObject({ result: 'SUCCESS' });
  });

  test('a plugin that is asked in every check never answers', async () => {
    const hanging = `export default {
      kind: 'master_check_method', description: 'hangs', settings: (z) => z.strictObject({}),
      run: () => () => new Promise((resolve) => setTimeout(resolve, 120_000)),
    };`;
    const hung = await lab.reconfigure({
      handyrep: { master_check_method: 'hangs' },
      plugin_files: { 'hangs.mjs': hanging },
    });
    const { stdout } = await runInTime(hung, ['failover-check']);
    expect(stdout).toContain('did not end within 10 s');
  });
});
