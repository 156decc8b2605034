import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { createHosts } from '../../src/io/hosts.js';
import { readTemplate } from '../../src/io/templates.js';
import { writeFileOn } from '../../src/io/write-file.js';
import { proxyDef } from '../core/build.js';

const hosts = createHosts({
  postgres_os_user: userInfo().username,
  ssh_timeout: 1000,
  command_timeout: 10_000,
  env: process.env,
});
const here = proxyDef('pgb1', { connection: 'local', become: 'none' });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-write-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function write(path: string, text: string) {
  return writeFileOn(hosts, here, path, text, { as: 'postgres' });
}

describe('a file on a host', () => {
  it('is made new, replaced only where it differs, and nothing is left beside it', async () => {
    const path = join(folder, 'a b;$(x).ini');
    expect(await write(path, 'one\n')).toEqual({ ok: true, value: true });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    const before = await stat(path);
    expect(await write(path, 'one\n')).toEqual({ ok: true, value: false });
    expect((await stat(path)).ino).toBe(before.ino);
    expect(await write(path, "it's $HOME `x`\n")).toEqual({ ok: true, value: true });
    expect(await readFile(path, 'utf8')).toBe("it's $HOME `x`\n");
    expect(await readdir(folder)).toEqual(['a b;$(x).ini']);
  });

  it('with a mode of its own: its folder is made, and the mode is set again where somebody changed it', async () => {
    const path = join(folder, 'new folder', 'script.sh');
    const script = (text: string) => writeFileOn(hosts, here, path, text, { as: 'postgres', mode: '750' });
    expect(await script('one\n')).toEqual({ ok: true, value: true });
    expect((await stat(path)).mode & 0o7777).toBe(0o750);
    expect((await stat(join(folder, 'new folder'))).mode & 0o7777).toBe(0o700);
    expect(await script('one\n')).toEqual({ ok: true, value: false });
    await chmod(path, 0o777);
    expect(await script('one\n')).toEqual({ ok: true, value: true });
    expect((await stat(path)).mode & 0o7777).toBe(0o750);
  });

  it('keeps its mode, and is replaced where a link leads', async () => {
    const [path, link] = [join(folder, 'real'), join(folder, 'link')];
    await writeFile(path, 'old');
    await chmod(path, 0o604);
    await symlink(path, link);
    expect(await write(link, 'new')).toEqual({ ok: true, value: true });
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o604);
    expect((await readdir(folder)).sort()).toEqual(['link', 'real']);
  });

  test.runIf(process.getuid?.() === 0)('keeps its owner; whoever cannot give it that changes nothing', async () => {
    const path = join(folder, 'owned');
    await writeFile(path, 'old');
    await chown(path, 65_534, 65_534);
    expect(await write(path, 'new')).toEqual({ ok: true, value: true });
    expect([(await stat(path)).uid, (await stat(path)).gid]).toEqual([65_534, 65_534]);

    await chmod(folder, 0o777);
    const nobody = createHosts({ postgres_os_user: 'nobody', ssh_timeout: 1000, command_timeout: 10_000, env: {} });
    await chown(path, 0, 0);
    const refused = await writeFileOn(nobody, { ...here, become: 'sudo' }, path, 'x', { as: 'postgres' });
    expect(refused).toMatchObject({ ok: false, error: { server: 'pgb1' } });
    expect(refused.ok ? '' : refused.error.message).toContain('nobody cannot give it the owner that');
    expect([await readFile(path, 'utf8'), await readdir(folder)]).toEqual(['new', ['owned']]);
    // As root it can.
    const asRoot = await writeFileOn(nobody, { ...here, become: 'sudo' }, path, 'root', { as: 'root' });
    expect([asRoot, await readFile(path, 'utf8')]).toEqual([{ ok: true, value: true }, 'root']);
  });

  it.each([
    ['missing/file', 'does not exist'],
    ['a-folder', 'is not a file'],
  ])('%s is refused: %s', async (name, why) => {
    await mkdir(join(folder, 'a-folder'));
    const done = await write(join(folder, name), 'x');
    expect(done.ok ? '' : done.error.message).toContain(why);
  });
});

describe('a template', () => {
  it("is the user's own, else the built-in one, and its name leads nowhere else", async () => {
    const builtIn = await readTemplate('pgbouncer_databases.ini', folder);
    expect(builtIn.ok ? builtIn.value : '').toContain('[databases]');
    await writeFile(join(folder, 'pgbouncer_databases.ini.liquid'), 'mine');
    expect(await readTemplate('pgbouncer_databases.ini', folder)).toEqual({ ok: true, value: 'mine' });
    const missing = await readTemplate('nothing', folder);
    expect(missing.ok ? '' : missing.error.message).toContain('there is no template nothing');
    expect((await readTemplate('../../etc/passwd', folder)).ok).toBe(false);
  });
});
