import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type DemoCluster, startCluster, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';

/** Says no for as long as there is a file that says why; notes what it is told. */
const ASK = `echo "$HANDYREP_WHEN $*" >> "$HANDYREP_TOLD"; [ -f "$2" ] && { cat "$2"; exit 9; }; env | grep ^HANDYREP_ | sort > "$3"`;

function asking(dir: string, when: 'before' | 'after') {
  const values = ['{{ kind }} {{ old_master }} {{ new_master }}', join(dir, 'no'), join(dir, `env.${when}`)];
  const script = `HANDYREP_TOLD='${join(dir, 'told')}'; ${ASK}`;
  return { command: 'run_command', parameters: ['sh', '-c', script, 'sh', ...values], when };
}

function commands(dir: string) {
  return { extra_failover_commands: { note: asking(dir, 'after'), ask: asking(dir, 'before') } };
}

const told = (dir: string): Promise<string> => readFile(join(dir, 'told'), 'utf8').catch(() => '');

async function facts(dir: string, when: string): Promise<Readonly<Record<string, string>>> {
  const lines = (await readFile(join(dir, `env.${when}`), 'utf8')).trim().split('\n');
  return Object.fromEntries(lines.map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)])) as Record<
    string,
    string
  >;
}

test('a failover: a veto leaves everything as it was, whoever asks; without it, and by force, it is made', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const { folder } = cluster;
    const lab = await calmLab(cluster, commands(folder));
    const no = join(folder, 'no');
    await writeFile(no, 'the batch of the night runs\n', { mode: 0o644 });
    await cluster.master.killTree();

    const rehearsal = await lab.check({ dry_run: true });
    expect(rehearsal.plan[0]).toBe('run ask: each may veto, and then nothing is changed');
    expect(rehearsal.commands[0]).toEqual(['this host: extra_failover_commands.ask']);
    expect(await told(folder)).toBe('');

    const vetoed = await lab.check();
    expect(vetoed).toMatchObject({ result: 'FAIL', exit_code: 1, failed_over: false, master: 'db1' });
    expect(vetoed.details).toContain(
      'nothing was done: extra_failover_commands.ask vetoes it: sh ended with 9: the batch of the night runs',
    );
    expect(await told(folder)).toBe(`before failover db1 db2 ${no} ${join(folder, 'env.before')}\n`);
    expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(false);
    expect(await recovering(cluster.server('db2'))).toBe(true);
    const saved = await lab.saved();
    expect([saved.operation, saved.history, saved.former_masters]).toEqual([null, [], []]);
    const drill = await lab.handyrep.drill({ kill: ['db1'] });
    expect('plan' in drill && drill.plan[0]).toBe('run ask: each may veto, and then nothing is changed');

    const asked = await runCommand(lab, ['--json', 'promote', 'db2']);
    expect(asked.code).toBe(4);
    expect(JSON.parse(asked.stdout)).toMatchObject({ result: 'FAIL', exit_code: 4, failed_over: false });
    expect(asked.stdout).toContain('--force');

    const forced = await lab.handyrep.promote('db2', { force: true });
    expect(forced).toMatchObject({ exit_code: 0, failed_over: true });
    const step = 'operation' in forced ? forced.operation?.steps[0] : undefined;
    expect(step).toMatchObject({ state: 'done' });
    expect(step?.note).toContain('ask: overridden by --force: sh ended with 9: the batch of the night runs');
  });
});

describe('on a cluster whose master lives', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    lab = await calmLab(cluster, commands(cluster.folder));
  }, 60_000);

  test('a switchover is vetoed: code 4, the master takes writes', async () => {
    const no = join(cluster.folder, 'no');
    await writeFile(no, 'not now', { mode: 0o644 });
    const report = await lab.handyrep.failover();
    expect(report).toMatchObject({ exit_code: 4, failed_over: false });
    expect(report.details).toContain('extra_failover_commands.ask vetoes it: sh ended with 9: not now');
    expect(await recovering(cluster.master)).toBe(false);
    expect((await lab.saved()).history).toEqual([]);
    await rm(no);
  });

  test.each([
    {
      what: 'is not there',
      extra: { command: 'run_command', parameters: ['/nonexistent/ask'] },
      said: 'could not be asked: ',
    },
    {
      what: 'hangs',
      extra: { command: 'run_command', parameters: ['sleep', '60'], timeout: '500ms' },
      said: 'could not be asked: run_command did not end within 0.5 s',
    },
    { what: 'throws', extra: { command: 'throws' }, said: 'vetoes it: plugin throws failed: oh' },
    {
      what: 'has a template that cannot be rendered',
      extra: { command: 'run_command', parameters: ['echo', '{{ nonsense }}'] },
      said: 'ask ',
    },
  ])('a command that $what counts as a veto', async ({ extra, said }) => {
    const throwing = `export default { kind: 'extra_command', description: 'd', settings: (z) => z.strictObject({}), run: () => async () => { throw new Error('oh'); } };`;
    const bad = await lab.reconfigure({
      extra_failover_commands: { ask: { ...extra, when: 'before' } },
      plugin_files: { 'throws.mjs': throwing },
    });
    const begun = performance.now();
    const report = await bad.handyrep.failover();
    expect(report.exit_code).toBe(4);
    expect(report.details).toContain(said);
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(await recovering(cluster.master)).toBe(false);
  });

  test('without a veto it is made, and both commands get the facts', async () => {
    await rm(join(cluster.folder, 'told'), { force: true });
    const report = await lab.handyrep.failover();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    const [before, after] = await Promise.all([facts(cluster.folder, 'before'), facts(cluster.folder, 'after')]);
    const common = {
      HANDYREP_KIND: 'switchover',
      HANDYREP_AUTOMATIC: 'false',
      HANDYREP_CLUSTER: 'lab',
      HANDYREP_OLD_MASTER: 'db1',
      HANDYREP_OLD_MASTER_PORT: String(cluster.master.port),
      HANDYREP_NEW_MASTER: 'db2',
      HANDYREP_NEW_MASTER_HOST: cluster.server('db2').host,
      HANDYREP_NEW_MASTER_PORT: String(cluster.server('db2').port),
    };
    expect(before).toMatchObject({ ...common, HANDYREP_WHEN: 'before' });
    expect(after).toMatchObject({ ...common, HANDYREP_WHEN: 'after' });
    expect(after['HANDYREP_LOSS']).toBe('operation' in report ? report.operation?.loss : '');
    expect(after['HANDYREP_OPERATION']).toMatch(/^switchover-/);
    expect(after['HANDYREP_RUN']).toMatch(/^[0-9a-f]{8}$/);
    expect((await told(cluster.folder)).split('\n').map((line) => line.split(' ')[0])).toEqual(['before', 'after', '']);
  });
});
