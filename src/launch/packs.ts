import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import type { PrivateCache } from '../io/private-cache.js';

/** A module of the command as the build leaves it: the body of a CommonJS module. */
type Chunk = (
  module: Module,
  require: (id: string) => unknown,
  load: (id: string) => Promise<unknown>,
  pack_url: string,
) => void;

interface Module {
  readonly exports: unknown;
}

/** What a pack evaluates to. */
type Pack = Readonly<Record<string, Chunk>>;

export interface PackOptions {
  /** The folder of the packs. */
  readonly folder: string;
  /** Which pack each chunk is in. */
  readonly index: Readonly<Record<string, string>>;
  readonly cache: PrivateCache | null;
  /** The command that runs: what it needs of a pack is cached apart from what others need. */
  readonly command: string;
}

export interface Packs {
  /** The exports of a chunk, which runs when it is asked for first. */
  require(id: string): unknown;
  /** Keeps what V8 compiled for the next run of this command; nothing where it was found. */
  keepCompiled(): void;
}

/** Of Node's own modules those that take long to load, that many chunks name, and that short commands do not use. */
const LATE: ReadonlySet<string> = new Set(['node:fs/promises', 'node:timers/promises']);

/** A module that is loaded when something of it is wanted. */
function late(load: () => object): object {
  let loaded: object | null = null;
  const get = (): object => (loaded ??= load());
  return new Proxy(
    {},
    {
      get: (_, key) => Reflect.get(get(), key) as unknown,
      has: (_, key) => Reflect.has(get(), key),
      ownKeys: () => Reflect.ownKeys(get()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(get(), key),
    },
  );
}

/** The code of the command: a few files, each read when the first of its chunks is needed. */
export function openPacks({ folder, index, cache, command }: PackOptions): Packs {
  const requireBuiltIn = createRequire(join(folder, 'packs.js'));
  const packs = new Map<string, Pack>();
  const modules = new Map<string, Module>();
  const compiled: (() => void)[] = [];

  const open = (name: string): Pack => {
    const file = join(folder, `${name}.js`);
    const key = `${name}-${command}`;
    const cachedData = cache?.read(key);
    // The build leaves nothing but ASCII in it.
    const script = new Script(readFileSync(file, 'latin1'), {
      filename: file,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    if (cache !== null && script.cachedDataRejected !== false) {
      compiled.push(() => cache.write(key, script.createCachedData()));
    }
    const pack = script.runInThisContext() as Pack;
    packs.set(name, pack);
    return pack;
  };

  const requireChunk = (id: string): unknown => {
    const name = index[id];
    if (name === undefined) return LATE.has(id) ? late(() => requireBuiltIn(id) as object) : requireBuiltIn(id);
    const known = modules.get(id);
    if (known !== undefined) return known.exports;
    const module: Module = { exports: {} };
    // Before it runs: chunks that need each other get what there is.
    modules.set(id, module);
    const chunk = (packs.get(name) ?? open(name))[id];
    if (chunk === undefined) throw new Error(`${join(folder, name)}.js has no ${id}: install HandyRep again`);
    chunk(module, requireChunk, loadChunk, pathToFileURL(join(folder, `${name}.js`)).href);
    return module.exports;
  };
  // As import() does, it never throws at once.
  const loadChunk = async (id: string): Promise<unknown> => (id in index ? requireChunk(id) : import(id));

  return {
    require: requireChunk,
    keepCompiled: () => {
      for (const keep of compiled.splice(0)) keep();
    },
  };
}
