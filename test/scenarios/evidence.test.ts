import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as soon } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseState } from '../../src/core/saved.js';
import { HandyRep } from '../../src/index.js';
import { parseEvidence } from '../../src/report/evidence-line.js';
import { type DemoCluster, startCluster, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, createLab, runCommand } from './lab.js';

const BIN = join(import.meta.dirname, '../../bin/handyrep.ts');
const SECRET = 'Zw0lf-B0xk4empfer';

const journalOf = (lab: Lab): string => join(lab.dir, 'handyrep.evidence.jsonl');
const repeatsOf = (lab: Lab): string => join(lab.dir, 'handyrep.evidence.repeats.jsonl');

function entriesOf(path: string): readonly { readonly run: string; readonly action: string }[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const read = parseEvidence(line);
    if (!read.ok) throw new Error(read.error.message);
    return { run: read.value.run, action: read.value.verdict.action };
  });
}

/** Every file of the management host, by what is in it. */
function fingerprint(lab: Lab): Readonly<Record<string, string>> {
  const files = readdirSync(lab.dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      const sum = createHash('sha256').update(readFileSync(path)).digest('hex');
      return [path, `${sum} ${statSync(path).mtimeMs.toString()}`];
    }),
  );
}

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe('a failover and what is kept of it', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let elsewhere: string;
  beforeAll(async () => {
    cluster = await startCluster({ settings: { autovacuum: 'off' }, replicas: 2 });
    lab = await calmLab(cluster, {
      passwords: { handyrep_db_pass: { env: 'LAB_PASS' } },
      env: { LAB_PASS: SECRET },
      failover: { min_failover_interval: '10m' },
    });
    elsewhere = await mkdtemp(join(tmpdir(), 'handyrep-elsewhere-'));
  }, 90_000);
  afterAll(() => rm(elsewhere, { recursive: true, force: true }));

  /** Off the management host: no configuration is found. */
  const env = { LAB_PASS: SECRET };

  test('a dry run and a drill write nothing anywhere', async () => {
    // Each write takes a transaction id, the probe of a verify too.
    const next = async (): Promise<unknown> => cluster.master.sql('SELECT pg_snapshot_xmax(pg_current_snapshot())');
    const [before, id] = [fingerprint(lab), await next()];
    expect((await lab.check({ dry_run: true, verify: true })).exit_code).toBe(0);
    expect((await runCommand(lab, ['drill'], env)).code).toBe(0);
    expect((await runCommand(lab, ['drill', '--freeze', 'db1', '--cut', 'manager:db3'], env)).code).toBe(0);
    expect(fingerprint(lab)).toEqual(before);
    expect(await next()).toEqual(id);
    await lab.verify();
    expect(await next()).not.toEqual(id);
  });

  test('drill: the decision, the candidate, every command, and what was never measured', async () => {
    const { code, stdout } = await runCommand(lab, ['drill'], env);
    expect(code).toBe(0);
    for (const words of [
      'no fault was named: the master is imagined killed',
      'if PostgreSQL on db1 is killed: it would survive: db2 would become the master',
      'the master db1 has crashed: failing over to db2',
      `db1: touch ${cluster.master.pgdata}/standby.signal`,
      'db2: SELECT pg_promote()',
      'no failover of this cluster was measured yet',
    ]) {
      expect(stdout).toContain(words);
    }
    expect(stdout).not.toContain('already in trouble');
  });

  test.each<[readonly string[], number, string]>([
    [['--kill', 'db1', '--kill', 'db2'], 0, 'db3 would become the master'],
    [['--freeze', 'db1'], 0, 'the master db1 hangs'],
    [['--busy', 'db1'], 0, 'the master goes on, and nothing is done'],
    [['--cut', 'manager:db1'], 0, 'db2, db3 can still reach the master db1'],
    [['--cut', 'manager:db1', '--cut', 'db2:db1', '--cut', 'db3:db1'], 0, 'db2 would become the master'],
    [['--kill', 'db1', '--kill', 'db2', '--kill', 'db3'], 1, 'it would NOT survive by itself'],
    [['--kill', 'bd1'], 2, 'did you mean db1?'],
    [['--cut', 'mangaer:db1'], 2, 'did you mean manager?'],
    [['--cut', 'db1:db1'], 2, 'db1 cannot be cut from itself'],
    [['--cut', 'db1'], 2, '--cut db1 does not name two ends'],
  ])('drill %j', async (flags, code, words) => {
    const run = await runCommand(lab, ['drill', ...flags], env);
    expect([run.code, `${run.stdout}${run.stderr}`]).toEqual([code, expect.stringContaining(words)]);
  });

  test('what a drill foretold is what a check then decides', async () => {
    const foretold = await lab.handyrep.drill({ kill: ['db1'] });
    await lab.poll();
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    if (!('survives' in foretold)) throw new Error(foretold.details);
    const { rule, diagnosis, action } = report.decision;
    expect(foretold).toMatchObject({ survives: true, candidate: 'db2', decision: { rule, diagnosis, action } });
    expect(report.operation?.new_master).toBe(foretold.candidate);
  });

  test('the decision is in the journal, with the run of the log, and no secret anywhere', async () => {
    const log = readFileSync(join(lab.dir, 'handyrep.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(json);
    const begun = log.find((line) => line['category'] === 'FAILOVER');
    const acts = entriesOf(journalOf(lab)).filter(({ action }) => action === 'fail_over');
    expect(acts.map(({ run }) => run)).toEqual([begun?.['run']]);
    for (const path of [journalOf(lab), repeatsOf(lab)]) {
      expect(statSync(path).mode & 0o137).toBe(0);
      for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
        const read = parseEvidence(line);
        const text = read.ok
          ? JSON.stringify(read.value, (_key, one: unknown) => (typeof one === 'bigint' ? '' : one))
          : '';
        expect([line.includes(SECRET), text.includes(SECRET), text === '']).toEqual([false, false, false]);
      }
    }
  });

  test('explain: the last failover as a tree, with what would have changed it', async () => {
    const { code, stdout, stderr } = await runCommand(lab, ['explain', '--last-failover'], env);
    expect([code, stderr]).toEqual([0, '']);
    for (const words of [
      'the master db1 has crashed: failing over to db2',
      'db1, the recorded master: refused (',
      'witness db2: confirms',
      '7  DECIDED  ssh works and the postmaster is not running',
      '1.  db2: fit',
      'it would fail over to db3, if',
      '- db2 did not answer',
      '- db2 or db3 could reach db1',
      'where the time went',
      'ms  closer look',
      'ms  promote',
      'the new master takes writes',
    ]) {
      expect(stdout).toContain(words);
    }
    const [act] = entriesOf(journalOf(lab)).filter(({ action }) => action === 'fail_over');
    const byRun = await runCommand(lab, ['explain', act?.run.slice(0, 6) ?? '', '--json'], env);
    const explained = json(byRun.stdout);
    expect(explained).toMatchObject({ exit_code: 0, explanation: { name: act?.run, differs: [] }, skipped: [] });
    const history = json((await runCommand(lab, ['history', '--json'], env)).stdout);
    const { timetable } = explained['explanation'] as { readonly timetable: readonly { readonly what: string }[] };
    expect(history).toMatchObject({ history: [{ timetable }] });
    expect(timetable.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['first look', 'closer look', 'decision', 'promote', 'everything is done']),
    );
  });

  test('explain: without a name the newest; an unknown run, a wrong name', async () => {
    await lab.poll();
    expect((await runCommand(lab, ['explain'], env)).stdout).toContain('the master db2 is up');
    const unknown = await runCommand(lab, ['explain', 'ffffffff'], env);
    expect([unknown.code, unknown.stdout]).toEqual([2, expect.stringContaining('no decision ffffffff is in')]);
    const wrong = await runCommand(lab, ['explain', 'not-a-run'], env);
    expect([wrong.code, wrong.stdout]).toEqual([2, expect.stringContaining('is no id of a run')]);
  });

  test('explain: in the pause after a failover, when it ends', async () => {
    const quiet = await lab.reconfigure({});
    await cluster.server('db2').killTree();
    const held = await quiet.check();
    expect(held.decision.vetoes.map(({ name }) => name)).toContain('too_soon');
    const { stdout } = await runCommand(lab, ['explain'], env);
    expect(stdout).toMatch(
      /it would fail over to db3, if\n {4}- min_failover_interval is over \(at \S+, 9 m \d+ s after/,
    );
    expect(stdout).toContain('the last failover were acknowledged (`handyrep ack`)');
  });

  test('replay: the journal of a real failover decides the same, and another policy otherwise', async () => {
    for (const path of [journalOf(lab), repeatsOf(lab)]) {
      const { code, stdout } = await runCommand(lab, ['replay', path], env);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^SUCCESS: \d+ decision\(s\), all the same/)]);
    }
    const other = join(elsewhere, 'other.conf.yaml');
    const text = readFileSync(lab.config, 'utf8');
    await writeFile(other, text.replace('auto_failover: true', 'auto_failover: false'), { mode: 0o600 });
    const [act] = entriesOf(journalOf(lab)).filter(({ action }) => action === 'fail_over');
    const run = await runCommand(lab, ['replay', act?.run ?? '', '--config', other], env);
    expect(run.code).toBe(1);
    expect(run.stdout).toContain('action: fail_over -> none');
    expect(run.stdout).toContain('vetoes: nobody -> auto_failover_off');
  });

  test('replay: one line in a bug report, on a host without any configuration; damage is named by its line', async () => {
    const line =
      readFileSync(journalOf(lab), 'utf8')
        .split('\n')
        .find((one) => one.includes('"fail_over"')) ?? '';
    const file = join(elsewhere, 'report.jsonl');
    await writeFile(file, line);
    expect(await HandyRep.replayFile(file)).toMatchObject({ exit_code: 0, decisions: [{ same: true }] });
    await writeFile(file, `${line}\n\n{"ts":\n${line.replace('"accepting"', '"dreaming"')}\n`);
    const report = await HandyRep.replayFile(file);
    expect(report).toMatchObject({
      exit_code: 0,
      unreadable: [
        `${file}:3: it is not JSON, or only a part of it`,
        expect.stringContaining(`${file}:4: it is damaged`),
      ],
    });
    await copyFile(join(import.meta.dirname, '../../README.md'), file);
    expect(await HandyRep.replayFile(file)).toMatchObject({ exit_code: 2, result: 'FAIL' });
    expect((await HandyRep.replayFile(join(elsewhere, 'absent'))).details).toContain('cannot be read: ENOENT');
  });

  test('drill: what is wrong already is said first, and past failovers tell how long it takes', async () => {
    const { code, stdout } = await runCommand(lab, ['drill', '--kill', 'db2'], env);
    expect(code).toBe(1);
    expect(stdout).toContain('already in trouble: the master db2 has crashed');
    expect(stdout).toContain('what would change it');
    await cluster.server('db2').start();
    await lab.handyrep.ack();
    const again = await runCommand(lab, ['drill'], env);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('the last 1 failover(s) took')]);
  });
});

test('a run that is killed in the middle of its failover leaves the decision behind', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster);
    await cluster.master.killTree();
    const run = spawn(process.execPath, ['--import', 'tsx', BIN, '-c', lab.config, 'failover-check'], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => run.once('exit', resolve));
    const operation = (): { readonly run: string } | null => {
      const saved = parseState(readFileSync(join(lab.dir, 'servers.save'), 'utf8'));
      return saved.ok ? saved.value.operation : null;
    };
    while (run.exitCode === null && operation() === null) await soon();
    run.kill('SIGKILL');
    await ended;
    expect(run.signalCode).toBe('SIGKILL');
    const left = entriesOf(journalOf(lab)).filter(({ action }) => action === 'fail_over');
    expect(left.map((one) => one.run)).toEqual([operation()?.run]);
    expect((await lab.check()).exit_code).toBe(0);
    expect(entriesOf(journalOf(lab)).map(({ action }) => action)).toContain('resume');
  });
});

test('a journal that cannot be written is a warning, and the failover goes on', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await createLab(cluster);
    await lab.init();
    mkdirSync(journalOf(lab));
    await lab.verify();
    await lab.poll();
    await cluster.master.killTree();
    const { code, stdout, stderr } = await runCommand(lab, ['failover-check']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('failed over from db1 to db2')]);
    expect(stderr).toContain('warning: the evidence journal cannot be written');
    expect(await readFile(join(lab.dir, 'handyrep.log'), 'utf8')).toContain('"category":"FAILOVER"');
  });
});
