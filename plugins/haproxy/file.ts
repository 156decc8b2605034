import { type Outcome, ok } from '../../src/core/outcome.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { broken, fileText } from '../proxy/method.js';
import type { Pool } from './pools.js';
import { type BalancerWork, run } from './remote.js';

/** `$1` a program, standard input a configuration, which it reads from a file only. */
const CHECK = `
umask 077
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM
cat > "$file" && "$1" -c -f "$file" 2>&1
`;

/** The whole configuration. */
export function render(
  work: BalancerWork,
  pools: readonly Pool[],
  { master }: ConnectionRequest,
): Promise<Outcome<string>> {
  const { socket, maxconn, idle } = work.settings;
  const { name, hostname, port } = master;
  return fileText(work, { master: { name, hostname, port }, pools, socket, maxconn, idle });
}

/** Writes the configuration that a start of haproxy reads; one that haproxy does not accept leaves the file as it was. */
export async function writeChecked(work: BalancerWork, text: string): Promise<Outcome<void>> {
  const { context, settings, proxy } = work;
  const path = proxy.config_file ?? settings.config_file;
  const checked = await run(work, CHECK, [settings.program], text);
  if (!checked.ok) return checked;
  if (checked.value.exit_code !== 0) {
    const said = checked.value.stdout.split('\n').find((line) => line.includes('ALERT')) ?? checked.value.stdout.trim();
    const message = `haproxy does not accept the new configuration, and ${path} is as it was: ${said}`;
    return broken(work, message, `correct the template ${settings.template}`);
  }
  const written = await context.writeFile(proxy, path, text, { as: settings.run_as, signal: context.signal });
  return written.ok ? ok(undefined) : written;
}

/** Whether the file is what it should be. */
export async function isWritten(work: BalancerWork, text: string): Promise<Outcome<boolean>> {
  const path = work.proxy.config_file ?? work.settings.config_file;
  const same = await run(work, 'cmp -s - "$1"', [path], text);
  return same.ok ? ok(same.value.exit_code === 0) : same;
}
