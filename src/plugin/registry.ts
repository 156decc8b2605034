import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { didYouMean } from '../core/suggest.js';
import { BUILT_IN } from './builtin.js';
import { isActing } from './catalogue.js';
import type { ServerDef } from '../core/model.js';
import type { Plugin, PluginContext, PluginKind, PluginKinds } from './contract.js';

/** Finds plugins by name: the user's folder first, then the built-in ones. */
export interface Registry {
  /** The function of a plugin of this kind, with its settings applied. Nothing is loaded before it is asked for. */
  get<K extends PluginKind>(kind: K, name: string): Promise<Outcome<PluginKinds[K]>>;
  /** The plugin's own harmless test of whether it would work; null where it has none. */
  tester(name: string): Promise<Outcome<PluginTest | null>>;
}

/** Proves without changing anything that a plugin would find what it needs on this server. */
type PluginTest = (context: PluginContext, server: ServerDef) => Promise<Outcome<string>>;

export interface RegistryOptions {
  readonly plugins_dir: string;
  /** The `plugins:` section: the settings of each, as written. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Masks secrets in what plugins say; absent: as they say it. */
  readonly redact?: (text: string) => string;
}

export function createRegistry(options: RegistryOptions): Registry {
  return {
    async get(kind, name) {
      const found = await findPlugin(name, options.plugins_dir);
      if (!found.ok) return found;
      const plugin = found.value;
      if (!isOfKind(plugin, kind)) {
        return fail('plugin_broken', `plugin ${name} is a ${plugin.kind}, and a ${kind} is needed`, {
          hint: `name another plugin for ${kind}`,
        });
      }
      return configure(plugin, name, options);
    },
    async tester(name) {
      const found = await findPlugin(name, options.plugins_dir);
      if (!found.ok) return found;
      const { test, settings } = found.value;
      const checked = settings(z).safeParse(options.settings[name] ?? {});
      if (test === undefined || !checked.success) return ok(null);
      const { redact = (text: string) => text } = options;
      return ok(async (context, server) => masked(await test(checked.data, context, server), redact));
    },
  };
}

function isOfKind<K extends PluginKind>(plugin: Plugin<PluginKind>, kind: K): plugin is Plugin<K> {
  return plugin.kind === kind || (plugin.kind === 'any' && isActing(kind));
}

function configure<K extends PluginKind>(
  plugin: Plugin<K>,
  name: string,
  { settings: written, redact = (text) => text }: RegistryOptions,
): Outcome<PluginKinds[K]> {
  try {
    const settings = plugin.settings(z).safeParse(written[name] ?? {});
    if (settings.success) return ok(guarded(name, plugin.kind, plugin.run(settings.data), redact));
    const [issue] = settings.error.issues;
    const where = ['plugins', name, ...(issue?.path ?? [])].map(String).join('.');
    return fail('plugin_broken', `settings of plugin ${name}: ${where}: ${issue?.message ?? 'not valid'}`, {
      hint: 'run `handyrep config check`',
    });
  } catch (error) {
    return broken(name, error);
  }
}

/**
 * A plugin that throws fails with its name, and one that does not end is given up. Those that compute at once have
 * nothing to wait for, a poll method has a deadline of its own, and a copy takes as long as its own settings allow.
 */
function guarded<K extends PluginKind>(
  name: string,
  kind: K,
  run: PluginKinds[K],
  redact: (text: string) => string,
): PluginKinds[K] {
  if (kind === 'selection_method' || kind === 'replication_status_method' || kind === 'poll_method') return run;
  const unlimited = kind === 'clone_method' || kind === 'rejoin_method';
  const call = run as (...args: unknown[]) => Promise<Outcome<unknown>>;
  const safe = async (...args: unknown[]): Promise<Outcome<unknown>> => {
    const overdue = new AbortController();
    const limit = sleep(LONGEST_CALL_MS, undefined, { signal: overdue.signal, ref: false }).then(() =>
      fail('plugin_failed', `plugin ${name} did not end within ${LONGEST_CALL_MS / 1000} s`, {
        hint: `see what ${name} waits for`,
      }),
    );
    try {
      return masked(await (unlimited ? call(...args) : Promise.race([call(...args), limit])), redact);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return fail('plugin_failed', redact(`plugin ${name} failed: ${reason}`), { hint: `correct or replace ${name}` });
    } finally {
      limit.catch(() => undefined);
      overdue.abort();
    }
  };
  return safe as PluginKinds[K];
}

/** What a plugin says is printed and saved: a secret of its settings must not be in it. */
function masked<T>(outcome: Outcome<T>, redact: (text: string) => string): Outcome<T> {
  if (outcome.ok)
    return typeof outcome.value === 'string' ? { ...outcome, value: redact(outcome.value) as T } : outcome;
  const { message, hint, ...error } = outcome.error;
  return { ok: false, error: { ...error, message: redact(message), hint: hint === undefined ? hint : redact(hint) } };
}

/** Built-in plugins keep shorter times of their own; this is for the ones that forgot. */
const LONGEST_CALL_MS = 300_000;

/** Loads a plugin without its settings; for the configuration check and the documentation. */
export async function findPlugin(name: string, plugins_dir: string): Promise<Outcome<Plugin<PluginKind>>> {
  for (const extension of ['.js', '.mjs']) {
    const file = join(plugins_dir, name + extension);
    if (await exists(file)) return loadFrom(name, () => import(pathToFileURL(file).href) as Promise<unknown>);
  }
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (builtIn !== undefined) return loadFrom(name, builtIn);
  const hint = didYouMean(name, Object.keys(BUILT_IN)) ?? `put ${name}.mjs into ${plugins_dir}, or name another plugin`;
  return fail('plugin_missing', `plugin ${name} is neither built in nor in ${plugins_dir}`, { hint });
}

async function loadFrom(name: string, load: () => Promise<unknown>): Promise<Outcome<Plugin<PluginKind>>> {
  try {
    const module = await load();
    const plugin = isRecord(module) ? module['default'] : undefined;
    if (isPlugin(plugin)) return ok(plugin);
    return fail('plugin_broken', `plugin ${name} exports no plugin as its default`, {
      hint: 'export default definePlugin({ kind, description, settings, run })',
    });
  } catch (error) {
    return broken(name, error);
  }
}

function broken(name: string, error: unknown): Outcome<never> {
  const reason = error instanceof Error ? error.message : String(error);
  return fail('plugin_broken', `plugin ${name} cannot be loaded: ${reason}`, { hint: `correct or remove ${name}` });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isPlugin(value: unknown): value is Plugin<PluginKind> {
  if (!isRecord(value)) return false;
  return (
    typeof value['kind'] === 'string' && typeof value['run'] === 'function' && typeof value['settings'] === 'function'
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
