import { LONGEST_PLUGIN_MS, MASTER_CHECK_MS } from '../core/limits.js';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { didYouMean } from '../core/suggest.js';
import { BUILT_IN } from './builtin.js';
import { isActing } from './catalogue.js';
import type { ServerDef } from '../core/model.js';
import type { Plugin, PluginContext, PluginKind, PluginKinds, SettingsSchema } from './contract.js';

/** Finds plugins by name: the user's folder first, then the built-in ones. */
export interface Registry {
  /** The function of a plugin of this kind, with its settings applied. Nothing is loaded before it is asked for. */
  get<K extends PluginKind>(kind: K, name: string): Promise<Outcome<PluginKinds[K]>>;
  /** A plugin's settings as they are in effect, defaults included; null where they are not valid. */
  settingsOf(name: string): Promise<Outcome<Readonly<Record<string, unknown>> | null>>;
  /** Whether the plugin is a file of the user's own. */
  isOwn(name: string): Promise<boolean>;
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
    async settingsOf(name) {
      const found = await findPlugin(name, options.plugins_dir);
      if (!found.ok) return found;
      const checked = await checkSettings(found.value.settings, options.settings[name] ?? {});
      return ok(checked.success ? checked.data : null);
    },
    isOwn: async (name) => (await ownFile(name, options.plugins_dir)) !== null,
    async tester(name) {
      const found = await findPlugin(name, options.plugins_dir);
      if (!found.ok) return found;
      const { test, settings } = found.value;
      const checked = await checkSettings(settings, options.settings[name] ?? {});
      if (test === undefined || !checked.success) return ok(null);
      const { redact = (text: string) => text } = options;
      return ok(async (context, server) =>
        masked(await ended(name, LONGEST_PLUGIN_MS, () => test(checked.data, context, server)), redact),
      );
    },
  };
}

function isOfKind<K extends PluginKind>(plugin: Plugin<PluginKind>, kind: K): plugin is Plugin<K> {
  return plugin.kind === kind || (plugin.kind === 'any' && isActing(kind));
}

async function configure<K extends PluginKind>(
  plugin: Plugin<K>,
  name: string,
  { settings: written, redact = (text) => text }: RegistryOptions,
): Promise<Outcome<PluginKinds[K]>> {
  try {
    const settings = await checkSettings(plugin.settings, written[name] ?? {});
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

/** What has no settings needs no schema: most checks run without loading what reads one. */
async function checkSettings(
  schema: Plugin<PluginKind>['settings'],
  written: unknown,
): Promise<ReturnType<SettingsSchema['safeParse']>> {
  if (schema === undefined && isRecord(written) && Object.keys(written).length === 0)
    return { success: true, data: {} };
  const { z } = await import('zod');
  return (schema?.(z) ?? z.strictObject({})).safeParse(written);
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
  const call = run as (...args: unknown[]) => Promise<Outcome<unknown>>;
  const limit =
    kind === 'clone_method' || kind === 'rejoin_method'
      ? null
      : kind === 'master_check_method'
        ? MASTER_CHECK_MS
        : LONGEST_PLUGIN_MS;
  return (async (...args: unknown[]) =>
    masked(await ended(name, limit, () => call(...args)), redact)) as unknown as PluginKinds[K];
}

/** What a plugin came to; a failure with its name where it throws or does not end within `limit` (milliseconds). */
async function ended<T>(name: string, limit: number | null, call: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  const overdue = new AbortController();
  try {
    if (limit === null) return await call();
    const late = sleep(limit, undefined, { signal: overdue.signal, ref: false }).then(() =>
      fail('plugin_failed', `plugin ${name} did not end within ${limit / 1000} s`, {
        hint: `see what ${name} waits for`,
      }),
    );
    late.catch(() => undefined);
    return await Promise.race([call(), late]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail('plugin_failed', `plugin ${name} failed: ${reason}`, { hint: `correct or replace ${name}` });
  } finally {
    overdue.abort();
  }
}

/** What a plugin says is printed and saved: a secret of its settings must not be in it. */
function masked<T>(outcome: Outcome<T>, redact: (text: string) => string): Outcome<T> {
  if (outcome.ok)
    return typeof outcome.value === 'string' ? { ...outcome, value: redact(outcome.value) as T } : outcome;
  const { message, hint, ...error } = outcome.error;
  return { ok: false, error: { ...error, message: redact(message), hint: hint === undefined ? hint : redact(hint) } };
}

/** Loads a plugin without its settings; for the configuration check and the documentation. */
export async function findPlugin(name: string, plugins_dir: string): Promise<Outcome<Plugin<PluginKind>>> {
  const file = await ownFile(name, plugins_dir);
  if (file !== null) return loadFrom(name, () => import(pathToFileURL(file).href) as Promise<unknown>);
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (builtIn !== undefined) return loadFrom(name, builtIn);
  const hint = didYouMean(name, Object.keys(BUILT_IN)) ?? `put ${name}.mjs into ${plugins_dir}, or name another plugin`;
  return fail('plugin_missing', `plugin ${name} is neither built in nor in ${plugins_dir}`, { hint });
}

/** The user's own plugin of this name; null: there is none. */
async function ownFile(name: string, plugins_dir: string): Promise<string | null> {
  for (const extension of ['.js', '.mjs']) {
    const file = join(plugins_dir, name + extension);
    if (await exists(file)) return file;
  }
  return null;
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
    typeof value['kind'] === 'string' &&
    typeof value['run'] === 'function' &&
    ['function', 'undefined'].includes(typeof value['settings'])
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
