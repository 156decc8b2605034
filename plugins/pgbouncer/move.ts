import type { ServerDef } from '../../src/core/model.js';
import { type Outcome, ok } from '../../src/core/outcome.js';
import { quoteIdent } from '../../src/core/sqltext.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { broken, fileText } from '../proxy/method.js';
import { type BouncerWork, resume, show, talk } from './console.js';
import { type Entry, type Shown, describe, entriesOf, find, goesTo, trouble } from './entries.js';
import { hurry } from './hurry.js';

/** Writes its file, has it read, and lets everybody go on. */
export async function move(work: BouncerWork, request: ConnectionRequest): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const entries = entriesOf(settings, request.master, request.replicas);
  const text = await render(work, request, entries);
  if (!text.ok) return text;
  const path = proxy.config_file ?? settings.config_file;
  const written = await context.writeFile(proxy, path, text.value, { as: settings.run_as, signal: context.signal });
  if (!written.ok) return fence(work, entries, written);
  const shown = await reload(work, path);
  if (!shown.ok) return shown;
  const first = entries.find((entry) => !goesTo(find(shown.value, entry), entry));
  if (first !== undefined) {
    const what = trouble(find(shown.value, first), first) ?? '';
    const hint = `\`%include ${path}\` belongs into the section [databases] of its configuration; its log says what it could not read`;
    return fence(work, entries, broken(work, `${path} is written and reloaded, and ${what}`, hint));
  }
  const enable = entries.filter((entry) => find(shown.value, entry)?.disabled === true);
  const done = await talk(
    work,
    enable.map(({ name }) => `ENABLE ${quoteIdent(name)}`),
  );
  if (!done.ok) return done;
  const on = await resume(
    work,
    entries.map(({ name }) => name),
  );
  if (!on.ok) return on;
  const hurried = await hurry(work, entries);
  return hurried.ok ? ok(describe(work, entries)) : hurried;
}

/** The text of its file: a line for each name. */
function render(work: BouncerWork, request: ConnectionRequest, entries: readonly Entry[]): Promise<Outcome<string>> {
  const { settings } = work;
  const options = settings.options === '' ? '' : ` ${settings.options}`;
  return fileText(work, {
    master: serverValues(request.master),
    replicas: request.replicas.map(serverValues),
    databases: entries.map((entry) => ({ ...entry, options })),
  });
}

function serverValues({ name, hostname, port }: ServerDef): object {
  return { name, hostname, port };
}

/** RELOAD answers well also where the new configuration could not be read: what it shows afterwards counts. */
async function reload(work: BouncerWork, path: string): Promise<Outcome<readonly Shown[]>> {
  const shown = await show(work, ['RELOAD']);
  const { settings, context, proxy } = work;
  const [program, ...args] = settings.restart_command;
  if (shown.ok || !settings.restart_if_down || program === undefined || shown.error.cause !== 'ECONNREFUSED') {
    if (shown.ok) return shown;
    return {
      ok: false,
      error: { ...shown.error, message: `${shown.error.message}; ${path} is written for when it is back` },
    };
  }
  const started = await context.hosts.run(proxy, [program, ...args], { as: 'login', signal: context.signal });
  if (!started.ok) return started;
  if (started.value.exit_code !== 0) {
    const said = started.value.stderr.trim().split('\n').at(-1) ?? '';
    return broken(work, `${program} ended with ${started.value.exit_code}: ${said}`, 'start it by hand');
  }
  // It may listen a moment after the command has ended.
  const until = performance.now() + settings.timeout * 1000;
  for (;;) {
    const up = await show(work);
    if (up.ok || up.error.cause !== 'ECONNREFUSED') return up;
    if (performance.now() > until || context.signal.aborted) return up;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * It cannot be sent to the master, so at least nobody is sent to another server for writing: those sessions end, and new ones
 * wait until a later check succeeds.
 */
async function fence(work: BouncerWork, entries: readonly Entry[], failed: Outcome<never>): Promise<Outcome<never>> {
  if (failed.ok) return failed;
  const shown = await show(work);
  const wrong = !shown.ok
    ? []
    : entries.filter((entry) => {
        const one = find(shown.value, entry);
        return entry.writes && one !== undefined && !one.paused && !goesTo(one, entry);
      });
  if (wrong.length === 0) return failed;
  const cut = await talk(
    work,
    wrong.map(({ name }) => `KILL ${quoteIdent(name)}`),
  );
  const names = wrong.map(({ name }) => name).join(', ');
  const what = cut.ok ? `clients of ${names} wait until then` : `clients of ${names} may reach the old master`;
  return { ok: false, error: { ...failed.error, message: `${failed.error.message}; ${what}` } };
}
