import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScripts, type ArchiveScripts } from '../../src/act/archive.js';
import type { ServerDef } from '../../src/core/model.js';
import { render } from '../../src/io/template.js';
import { readTemplate } from '../../src/io/templates.js';
import type { PluginContext } from '../../src/plugin/contract.js';
import { createRegistry } from '../../src/plugin/registry.js';
import { serverDef } from '../core/saved-example.js';

export const SEGMENT = '000000010000000000000007';

/** Servers of a cluster of three, of which db1 is the master. */
export function trio(change: Readonly<Record<string, Partial<ServerDef>>> = {}): readonly ServerDef[] {
  return ['db1', 'db2', 'db3'].map((name) => serverDef(name, change[name]));
}

/** The scripts that a method makes for one server, by the registry and the real templates. */
export async function scriptsOf(
  method: string,
  settings: unknown,
  more: {
    readonly server?: string;
    readonly servers?: readonly ServerDef[];
    readonly master?: string | null;
    readonly script_dir?: string;
  } = {},
): Promise<ArchiveScripts> {
  const { server = 'db1', servers = trio(), master = 'db1', script_dir = '/scripts' } = more;
  const registry = createRegistry({ plugins_dir: '/nonexistent', settings: { [method]: settings } });
  const plugin_context = {
    cluster_name: 'app',
    servers,
    render,
    template: (name: string) => readTemplate(name, '/nonexistent'),
  } as unknown as PluginContext;
  const def = servers.find(({ name }) => name === server);
  if (def === undefined) throw new Error(server);
  const made = await makeScripts(
    { registry, plugin_context },
    { archive_script_method: method, script_dir },
    { server: def, master },
  );
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

/** A folder with scripts, archives and a segment; removed by `end`. */
export class ScriptBench {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "handyrep archive's $(x) ")));
  readonly scripts = join(this.folder, 'scripts');
  readonly pgdata = join(this.folder, 'pgdata');

  constructor() {
    mkdirSync(this.scripts);
    mkdirSync(this.pgdata);
  }

  /** An archive's folder. */
  archive(name = 'wal\'s "a" $(touch hacked)'): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** A file of WAL in the data directory, as `%p` names it. */
  wal(name: string, content: string | Buffer): string {
    mkdirSync(join(this.pgdata, 'pg_wal'), { recursive: true });
    writeFileSync(join(this.pgdata, 'pg_wal', name), content);
    return `pg_wal/${name}`;
  }

  install({ archive, restore }: ArchiveScripts): void {
    for (const [name, text] of [
      ['archive.sh', archive],
      ['restore.sh', restore],
    ] as const) {
      writeFileSync(join(this.scripts, name), text);
      chmodSync(join(this.scripts, name), 0o755);
    }
  }

  run(name: 'archive' | 'restore', ...args: string[]) {
    const done = spawnSync(join(this.scripts, `${name}.sh`), args, {
      cwd: this.pgdata,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { code: done.status, said: done.stderr.trim(), out: done.stdout };
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
