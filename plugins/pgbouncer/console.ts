import { type Outcome, ok } from '../../src/core/outcome.js';
import { quoteIdent } from '../../src/core/sqltext.js';
import type { PluginContext } from '../../src/plugin/contract.js';
import type { Work } from '../proxy/method.js';
import { type Shown, shownOf } from './entries.js';

/** The settings of multi_pgbouncer. */
export interface Settings {
  readonly databases: readonly string[];
  readonly read_only: 'all' | 'one' | 'none';
  readonly read_only_suffix: string;
  readonly options: string;
  readonly config_file: string;
  readonly template: string;
  readonly run_as: 'postgres' | 'root';
  readonly admin_user: string;
  readonly admin_password: string | null;
  readonly poll_user: string | null;
  readonly poll_password: string | null;
  readonly pause: boolean;
  readonly pause_timeout: number;
  readonly timeout: number;
  readonly restart_if_down: boolean;
  readonly restart_command: readonly string[];
}

export type BouncerWork = Work<Settings>;

/** Says these to its console, one after the other; an answer each. */
export function talk(
  { context, settings, proxy }: BouncerWork,
  statements: readonly string[],
  timeout = settings.timeout,
): ReturnType<PluginContext['console']['run']> {
  const { name, hostname, port } = proxy;
  const user = proxy.admin_user ?? settings.admin_user;
  const target = { name, hostname, port, user, database: 'pgbouncer', password: settings.admin_password };
  return context.console.run(target, statements, { timeout: timeout * 1000, signal: context.signal });
}

/** What it offers, after it was told something else. */
export async function show(work: BouncerWork, before: readonly string[] = []): Promise<Outcome<readonly Shown[]>> {
  const answers = await talk(work, [...before, 'SHOW DATABASES']);
  if (!answers.ok) return answers;
  return ok((answers.value.at(-1) ?? []).map(shownOf));
}

/** Lets the clients of those of these names go on that are paused. */
export async function resume(work: BouncerWork, names: readonly string[]): Promise<Outcome<void>> {
  const shown = await show(work);
  if (!shown.ok) return shown;
  const paused = shown.value.filter(({ name, paused: waits }) => waits && names.includes(name));
  const done = await talk(
    work,
    paused.map(({ name }) => `RESUME ${quoteIdent(name)}`),
  );
  return done.ok ? ok(undefined) : done;
}
