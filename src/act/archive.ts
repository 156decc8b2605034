import { createHash } from 'node:crypto';
import type { Config } from '../config/effective.js';
import { type ScriptPaths, scriptPaths } from '../core/archive-scripts.js';
import type { ServerDef } from '../core/model.js';
import { type Failure, type Outcome, fail, ok } from '../core/outcome.js';
import { CLOSE_GAP, GO_ON_ARCHIVING, LOOK_AT_SCRIPTS, STOP_ARCHIVING } from '../io/archive-scripts.js';
import { quoteArgs } from '../io/quote.js';
import { parseLines } from '../io/scripts.js';
import type { ArchivePlan, HostPort, PluginContext } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';

/** Whoever archives runs them, and nobody else needs to. */
const MODE = '750';

/** The scripts of one server as they should be. */
export interface ArchiveScripts {
  readonly server: ServerDef;
  readonly paths: ScriptPaths;
  readonly plan: ArchivePlan;
  readonly archive: string;
  readonly restore: string;
}

export interface ArchiveTools {
  readonly registry: Registry;
  readonly plugin_context: PluginContext;
  readonly hosts: HostPort;
  readonly signal: AbortSignal;
}

/** Makes the scripts of a server, by the archive method and its templates. Touches no host. */
export async function makeScripts(
  { registry, plugin_context: context }: Pick<ArchiveTools, 'registry' | 'plugin_context'>,
  { archive_script_method: method, script_dir }: Pick<Config['archive'], 'archive_script_method' | 'script_dir'>,
  { server, master }: { readonly server: ServerDef; readonly master: string | null },
): Promise<Outcome<ArchiveScripts>> {
  if (method === null) {
    return fail('config_invalid', 'archive.archive_script_method is not set', { hint: 'name a method there' });
  }
  const plugin = await registry.get('archive_script_method', method);
  if (!plugin.ok) return plugin;
  const plan = await plugin.value(context, { server, master });
  if (!plan.ok) return plan;
  const paths = scriptPaths(script_dir, server.name);
  const { places, sources, copies, timeout, archive_template, restore_template } = plan.value;
  const values = { cluster_name: context.cluster_name, server: server.name, timeout };
  const [archive, restore] = await Promise.all([
    renderNamed(context, archive_template, { ...values, stop_file: paths.stop, copies, places }),
    renderNamed(context, restore_template, {
      ...values,
      script_dir: paths.folder,
      places: sources.map((place) => ({ ...place, get_words: quoteArgs(place.get) })),
    }),
  ]);
  if (!archive.ok) return archive;
  if (!restore.ok) return restore;
  return ok({ server, paths, plan: plan.value, archive: archive.value, restore: restore.value });
}

async function renderNamed(
  context: PluginContext,
  name: string,
  values: Readonly<Record<string, unknown>>,
): Promise<Outcome<string>> {
  const template = await context.template(name);
  if (!template.ok) return template;
  const text = await context.render(template.value, values);
  if (text.ok) return text;
  const { error } = text;
  // Its whole text, which stands before, helps nobody.
  const why = error.message.slice(error.message.lastIndexOf('cannot be rendered'));
  return { ok: false, error: { ...error, message: `the template ${name} ${why}` } };
}

/** Writes both scripts; in the order in which they can be called. True: something was changed. */
export async function installScripts(
  tools: ArchiveTools,
  scripts: ArchiveScripts,
  timeout: number,
): Promise<Outcome<boolean>> {
  const { server, paths } = scripts;
  const options = { as: 'postgres', mode: MODE, timeout, signal: tools.signal } as const;
  const restore = await tools.plugin_context.writeFile(server, paths.restore, scripts.restore, options);
  if (!restore.ok) return scriptFailure(restore.error, paths);
  const archive = await tools.plugin_context.writeFile(server, paths.archive, scripts.archive, options);
  if (!archive.ok) return scriptFailure(archive.error, paths);
  return ok(restore.value || archive.value);
}

function scriptFailure(error: Failure, { folder }: ScriptPaths): Outcome<never> {
  if (error.code !== 'command_failed') return { ok: false, error };
  return {
    ok: false,
    error: { ...error, hint: `give ${folder} to the postgres OS user, or correct archive.script_dir` },
  };
}

/** How the scripts of a server are found. */
export interface ScriptsLook {
  /** In words, what is otherwise than it should be; null: nothing. */
  readonly wrong: string | null;
  /** ISO 8601: since when archiving is stopped there; null: it is not. */
  readonly stopped: string | null;
}

/** Compares what lies on a host with what should. Changes nothing. */
export async function lookAtScripts(
  { hosts, signal }: Pick<ArchiveTools, 'hosts' | 'signal'>,
  { server, paths, archive, restore }: ArchiveScripts,
  timeout: number,
): Promise<Outcome<ScriptsLook>> {
  const args = [paths.archive, paths.restore, paths.stop, MODE];
  const done = await hosts.script(server, LOOK_AT_SCRIPTS, args, { timeout, signal });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  if (said.get('looked') !== 'yes') {
    return fail(
      'command_failed',
      `${server.name}: ${paths.folder} could not be looked at: ${done.value.stderr.trim()}`,
      {
        server: server.name,
      },
    );
  }
  const judged = [
    judge(said.get('archive'), archive, paths.archive),
    judge(said.get('restore'), restore, paths.restore),
  ];
  const wrong = judged.filter((one) => one !== null);
  const stopped = said.get('stopped');
  return ok({
    wrong: wrong.length === 0 ? null : wrong.join(', '),
    stopped: stopped === undefined ? null : new Date(Number(stopped) * 1000).toISOString(),
  });
}

function judge(found: string | undefined, wanted: string, path: string): string | null {
  if (found === createHash('sha256').update(wanted).digest('hex')) return null;
  if (found === 'missing') return `${path} is not there`;
  if (found === 'closed') return `${path} cannot be run, or has another mode than ${MODE}`;
  return `${path} is not as it should be`;
}

/** Puts the stop file, or takes it away. True: it was otherwise before. */
export async function setStopped(
  { hosts, signal }: Pick<ArchiveTools, 'hosts' | 'signal'>,
  { server, paths, stop }: { readonly server: ServerDef; readonly paths: ScriptPaths; readonly stop: boolean },
): Promise<Outcome<boolean>> {
  const done = await hosts.script(server, stop ? STOP_ARCHIVING : GO_ON_ARCHIVING, [paths.stop], { signal });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout).get('done');
  if (said !== undefined) return ok(said === 'now');
  const words = done.value.stderr.trim().split('\n').at(-1) ?? '';
  return fail('command_failed', `${server.name}: ${paths.stop} could not be ${stop ? 'made' : 'removed'}: ${words}`, {
    server: server.name,
    hint: `give ${paths.folder} to the postgres OS user, or correct archive.script_dir`,
  });
}

/** What became of the WAL that the former master had completed and may not have archived. */
export type GapResult =
  | { readonly kind: 'stopped' }
  /** `from`: the newest that the archive had; null: it has none of what is still in pg_wal. */
  | { readonly kind: 'closed'; readonly count: number; readonly first: string | null; readonly from: string | null };

/** Has a new master archive what its predecessor completed and did not archive; see {@link CLOSE_GAP}. */
export async function closeGap(
  { hosts, signal }: Pick<ArchiveTools, 'hosts' | 'signal'>,
  { server, paths, timeline }: { readonly server: ServerDef; readonly paths: ScriptPaths; readonly timeline: number },
): Promise<Outcome<GapResult>> {
  const now = timeline.toString(16).toUpperCase().padStart(8, '0');
  const done = await hosts.script(server, CLOSE_GAP, [paths.archive, server.pgdata, now, paths.stop], { signal });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  const text = (key: string): string | null => {
    const value = said.get(key) ?? '';
    return value === '' ? null : value;
  };
  const gap = said.get('gap');
  if (gap === 'stopped') return ok({ kind: gap });
  if (gap === 'closed') {
    return ok({ kind: gap, count: Number(said.get('count') ?? 0), first: text('first'), from: text('from') });
  }
  const words = text('said') ?? done.value.stderr.trim().split('\n').at(-1) ?? '';
  return fail('command_failed', `${server.name}: WAL of the former master is not archived yet: ${words}`, {
    server: server.name,
    hint: 'the next checks try again',
  });
}
