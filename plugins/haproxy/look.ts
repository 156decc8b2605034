import { type Outcome, ok } from '../../src/core/outcome.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { asClient, broken } from '../proxy/method.js';
import { isWritten, render } from './file.js';
import { describe, differences, poolsOf } from './pools.js';
import { type BalancerWork, run, show } from './remote.js';

/** Whether its pools, or where it has no socket its file, are what they should be. */
export async function look(work: BalancerWork, request: ConnectionRequest): Promise<Outcome<string>> {
  const { settings, proxy } = work;
  const pools = poolsOf(work, request);
  const hint = '`handyrep proxy init` mends it now';
  if (settings.socket !== null) {
    const shown = await show(work, settings.socket);
    if (!shown.ok) return shown;
    const wrong = differences(pools, shown.value);
    if (wrong.length > 0) return broken(work, wrong.join('; '), hint);
  } else {
    const text = await render(work, pools, request);
    if (!text.ok) return text;
    const same = await isWritten(work, text.value);
    if (!same.ok) return same;
    if (!same.value) return broken(work, `${proxy.config_file ?? settings.config_file} is not what it should be`, hint);
  }
  const seen = request.as_client ? await asClientOf(work) : ok(undefined);
  return seen.ok ? ok(describe(work, pools)) : seen;
}

/** Logs in as a client would, to the pool of the master; not where nobody is named for that. */
async function asClientOf(work: BalancerWork): Promise<Outcome<void>> {
  const { poll_user: user, poll_password: password } = work.settings;
  return user === null ? ok(undefined) : asClient(work, { user, database: 'postgres', password });
}

/** Its program is there, and its socket answers. Changes nothing. */
export async function attempt(work: BalancerWork): Promise<Outcome<string>> {
  const { settings, proxy } = work;
  const there = await run(work, 'command -v "$1" >/dev/null', [settings.program]);
  if (!there.ok) return there;
  if (there.value.exit_code !== 0)
    return broken(work, `${settings.program} was not found`, 'install it, or name its path');
  if (settings.socket === null) return ok(`${proxy.name}: haproxy is there`);
  const shown = await show(work, settings.socket);
  return shown.ok ? ok(`${proxy.name}: its socket answers`) : shown;
}
