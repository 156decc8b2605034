import { PAUSED } from '../../src/core/connections.js';
import { type Outcome, ok } from '../../src/core/outcome.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { asClient, broken } from '../proxy/method.js';
import { type BouncerWork, show } from './console.js';
import { type Entry, describe, entriesOf, find, trouble } from './entries.js';

/** Whether each name is served as it should be. */
export async function look(work: BouncerWork, request: ConnectionRequest): Promise<Outcome<string>> {
  const entries = entriesOf(work.settings, request.master, request.replicas);
  const shown = await show(work);
  if (!shown.ok) return shown;
  const wrong = entries.flatMap((entry) => trouble(find(shown.value, entry), entry) ?? []);
  if (wrong.length > 0) {
    const failed = broken(work, wrong.join('; '), '`handyrep proxy init` mends it now');
    const waits = shown.value.some((one) => one.paused && entries.some(({ name }) => name === one.name));
    return waits && !failed.ok ? { ok: false, error: { ...failed.error, cause: PAUSED } } : failed;
  }
  const seen = request.as_client ? await asClientOf(work, entries) : ok(undefined);
  return seen.ok ? ok(describe(work, entries)) : seen;
}

/** Logs in as a client would, to the first name that takes writes. */
function asClientOf(work: BouncerWork, entries: readonly Entry[]): Promise<Outcome<void>> {
  const { settings, proxy } = work;
  const { name: database = '' } = entries.find(({ writes }) => writes) ?? {};
  const user = settings.poll_user ?? proxy.admin_user ?? settings.admin_user;
  const password = settings.poll_user === null ? settings.admin_password : settings.poll_password;
  return asClient(work, { user, database, password });
}

/** Its console lets us in, and the folder of its file can be written. Changes nothing. */
export async function attempt(work: BouncerWork): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const shown = await show(work);
  if (!shown.ok) return shown;
  const path = proxy.config_file ?? settings.config_file;
  if (settings.run_as === 'root') return ok(`${proxy.name}: its console lets us in`);
  const script = 'test -w "$(dirname "$1")" && { ! [ -e "$1" ] || [ -f "$1" ]; }';
  const done = await context.hosts.script(proxy, script, [path], { signal: context.signal });
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return ok(`${proxy.name}: its console lets us in, and ${path} can be written`);
  return broken(
    work,
    `${path} cannot be written there`,
    'give its folder to the postgres OS user, or set run_as: root',
  );
}
