import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import type { PrivateCache } from '../io/private-cache.js';
import { improves, readCompiled, writeCompiled } from './compiled.js';

/** A module of the command as the build leaves it: the body of a CommonJS module. */
type Chunk = (
  module: Module,
  require: (id: string) => unknown,
  load: (id: string) => Promise<unknown>,
  pack: { readonly url: string },
) => void;

interface Module {
  readonly exports: unknown;
}

/** What a pack evaluates to. */
type Pack = Readonly<Record<string, Chunk>>;

export interface PackOptions {
  /** The folder of the packs. */
  readonly folder: string;
  /** Their names: a chunk is named `PACK/CHUNK`. */
  readonly packs: readonly string[];
  /** Loads one of Node's own modules. */
  readonly builtIn: (id: string) => unknown;
  readonly cache: PrivateCache | null;
  /** The command that runs: what it needs of a pack is cached apart from what others need. */
  readonly command: string;
}

export interface Packs {
  /** The exports of a chunk, which runs when it is asked for first. */
  require(id: string): unknown;
  /**
   * Keeps what V8 compiled for the next run of this command, where that is more than was found.
   *
   * @param well whether the command did what it was asked for
   */
  keepCompiled(well: boolean): void;
}

/** Of Node's own modules those that take long to load, that many chunks name, and that short commands do not use. */
const LATE: ReadonlySet<string> = new Set(['node:dns/promises', 'node:fs/promises', 'node:timers/promises']);

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

/** What a pack says of itself to a chunk that asks where it is. */
class Place {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Few chunks ask, and to make an address takes Node longer than to run most of them. */
  get url(): string {
    return pathToFileURL(this.#file).href;
  }
}

interface OpenPack {
  readonly chunks: Pack;
  readonly place: Place;
}

/** The code of the command: a few files, each read when the first of its chunks is needed. */
export function openPacks({ folder, packs: names, builtIn, cache, command }: PackOptions): Packs {
  const packs = new Map<string, OpenPack>();
  const modules = new Map<string, Module>();
  const keepers: ((well: boolean) => void)[] = [];

  const open = (name: string): OpenPack => {
    const file = join(folder, `${name}.js`);
    const key = `${name}-${command}`;
    // Of before the text is read: if the file is replaced meanwhile, what is kept is of no file.
    const source = cache === null ? '' : identityOf(file);
    const kept = cache === null ? null : readCompiled(cache, key, source);
    // The build leaves nothing but ASCII in it.
    const script = new Script(readFileSync(file, 'latin1'), {
      filename: file,
      ...(kept === null ? {} : { cachedData: kept.code }),
    });
    if (cache !== null) {
      const known = script.cachedDataRejected === false ? kept : null;
      keepers.push((well) => {
        const ran = [...modules.keys()].filter((id) => packOf(id) === name);
        if (known === null || improves({ ran, well }, known))
          writeCompiled(cache, key, { source, script, ran, well, known });
      });
    }
    const pack = { chunks: script.runInThisContext() as Pack, place: new Place(file) };
    packs.set(name, pack);
    return pack;
  };

  const requireChunk = (id: string): unknown => {
    const name = packOf(id);
    if (!names.includes(name)) return LATE.has(id) ? late(() => builtIn(id) as object) : builtIn(id);
    const known = modules.get(id);
    if (known !== undefined) return known.exports;
    const module: Module = { exports: {} };
    // Before it runs: chunks that need each other get what there is.
    modules.set(id, module);
    const { chunks, place } = packs.get(name) ?? open(name);
    const chunk = chunks[id];
    if (chunk === undefined) throw new Error(`${join(folder, name)}.js has no ${id}: install HandyRep again`);
    chunk(module, requireChunk, loadChunk, place);
    return module.exports;
  };
  // As import() does, it never throws at once.
  const loadChunk = async (id: string): Promise<unknown> =>
    names.includes(packOf(id)) ? requireChunk(id) : import(id);

  return {
    require: requireChunk,
    keepCompiled: (well) => {
      for (const keep of keepers.splice(0)) keep(well);
    },
  };
}

/** Changes whenever somebody writes to the file or puts another in its place. */
function identityOf(file: string): string {
  const { size, ino, ctimeMs } = statSync(file);
  return `${file} ${size} ${ino} ${ctimeMs}`;
}

function packOf(id: string): string {
  return id.slice(0, id.indexOf('/'));
}
