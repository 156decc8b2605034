import type { HostDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import type { HostPort, WriteFileOptions } from '../plugin/contract.js';
import { parseLines } from './scripts.js';

/**
 * `$1` the path, standard input what it is to hold: replaced as a whole, by a rename on its own file system, so that nobody ever
 * reads half of it. Owner and mode stay as they were; a new file gets those of its folder, and 0640. What would get another owner
 * is left as it was. With a mode in `$2` the file is ours alone: it gets that mode and whoever writes it as owner, and its folder is
 * made where there is none.
 */
const WRITE_FILE_SCRIPT = `
umask 077
file=$1; own_mode=$2
if [ -L "$file" ]; then
  file=$(readlink -f "$file") || { echo "unknown=$1 is a link that leads nowhere"; exit 0; }
fi
folder=$(dirname "$file")
if [ -n "$own_mode" ] && [ ! -d "$folder" ]; then mkdir -p "$folder" 2>/dev/null; fi
if [ ! -d "$folder" ]; then
  echo "unknown=the folder $folder does not exist\${own_mode:+, and $(id -un) cannot make it}"; exit 0
fi
if [ -e "$file" ] && [ ! -f "$file" ]; then echo "unknown=$file is not a file"; exit 0; fi
new=$(mktemp "$folder/.handyrep.XXXXXX" 2>/dev/null) || { echo "unknown=$(id -un) may not write in $folder"; exit 0; }
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
cat > "$new" || { echo "unknown=$new could not be written"; exit 0; }
like=$folder; mode=640
if [ -f "$file" ]; then
  like=$file; mode=$(stat -c %a "$file")
fi
if [ -n "$own_mode" ]; then like=$new; fi
if [ -f "$file" ] && cmp -s "$new" "$file" && [ "$mode $(stat -c %u "$file")" = "\${own_mode:-$mode} $(stat -c %u "$like")" ]; then
  echo changed=no; exit 0
fi
mode=\${own_mode:-$mode}
owner=$(stat -c %u:%g "$like")
if [ "$(stat -c %u:%g "$new")" != "$owner" ] && ! chown "$owner" "$new" 2>/dev/null; then
  echo "unknown=$(id -un) cannot give it the owner that $like has ($(stat -c %U:%G "$like"))"; exit 0
fi
chmod "$mode" "$new" || exit 1
sync -d "$new" 2>/dev/null || sync
mv -f "$new" "$file" || { echo "unknown=$file could not be replaced"; exit 0; }
sync -d "$folder" 2>/dev/null || sync
echo changed=yes
`;

/** As root the login may be already; else by a sudo that never asks. */
const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh -c "$@"; else exec sudo -n -- sh -c "$@"; fi';

/** Replaces a file on a host as a whole; see {@link WriteFileOptions}. True: it was changed. */
export async function writeFileOn(
  hosts: HostPort,
  host: HostDef,
  path: string,
  text: string,
  { as, mode = '', timeout, signal }: WriteFileOptions,
): Promise<Outcome<boolean>> {
  const options = {
    input: text,
    ...(timeout === undefined ? {} : { timeout }),
    ...(signal === undefined ? {} : { signal }),
  };
  const done =
    as === 'root'
      ? await hosts.script(host, AS_ROOT, [WRITE_FILE_SCRIPT, 'handyrep', path, mode], { ...options, as: 'login' })
      : await hosts.script(host, WRITE_FILE_SCRIPT, [path, mode], options);
  if (!done.ok) return done;
  const changed = parseLines(done.value.stdout).get('changed');
  if (changed !== undefined) return ok(changed === 'yes');
  const last = done.value.stderr.trim().split('\n').at(-1) ?? '';
  const said = parseLines(done.value.stdout).get('unknown') ?? (last === '' ? 'no word' : last);
  return fail('command_failed', `${host.name}: ${path} was not written: ${said}`, {
    server: host.name,
    cause: String(done.value.exit_code),
    hint: 'correct the path, or who writes it (run_as)',
  });
}
