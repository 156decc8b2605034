import { type Outcome, ok } from '../../src/core/outcome.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { broken } from '../proxy/method.js';
import { render, writeChecked } from './file.js';
import { type Pool, commandsFor, describe, differences, poolsOf } from './pools.js';
import { type BalancerWork, show } from './remote.js';

/**
 * Clients come first: by the runtime socket they are moved at once, and no connection that goes where it should is broken off. Then
 * the file is checked and written, for the next start; only where the socket could not do it all is haproxy reloaded.
 */
export async function move(work: BalancerWork, request: ConnectionRequest): Promise<Outcome<string>> {
  const { socket } = work.settings;
  const pools = poolsOf(work, request);
  const at_once = socket === null ? null : await show(work, socket, commandsFor(pools));
  const wrong = at_once?.ok === true ? differences(pools, at_once.value) : null;
  const written = await writeFile(work, request, pools);
  if (!written.ok) {
    const moved = wrong?.length === 0 ? '; by its socket its clients were moved all the same' : '';
    return { ok: false, error: { ...written.error, message: `${written.error.message}${moved}` } };
  }
  if (wrong?.length === 0) return ok(describe(work, pools));
  // One that is down reads the file when it starts.
  if (at_once?.ok === false && at_once.error.cause === 'no_socket') return at_once;
  return reload(work, pools);
}

async function writeFile(
  work: BalancerWork,
  request: ConnectionRequest,
  pools: readonly Pool[],
): Promise<Outcome<void>> {
  const text = await render(work, pools, request);
  return text.ok ? writeChecked(work, text.value) : text;
}

async function reload(work: BalancerWork, pools: readonly Pool[]): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const [program = '', ...args] = settings.reload_command;
  const done = await context.hosts.run(proxy, [program, ...args], { as: 'login', signal: context.signal });
  if (!done.ok) return done;
  if (done.value.exit_code !== 0) {
    const said = done.value.stderr.trim().split('\n').at(-1) ?? '';
    return broken(work, `${program} ended with ${done.value.exit_code}: ${said}`, 'reload it by hand');
  }
  if (settings.socket === null) return ok(`${describe(work, pools)}, after a reload`);
  const { socket } = settings;
  for (let tries = 1; ; tries++) {
    const shown = await show(work, socket);
    const wrong = shown.ok ? differences(pools, shown.value) : [];
    if (shown.ok && wrong.length === 0) return ok(`${describe(work, pools)}, after a reload`);
    if (tries === 20) return shown.ok ? broken(work, `after a reload ${wrong.join(', ')}`, 'see its log') : shown;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
