/**
 * The POSIX `sh` scripts that run on database hosts. Texts are fixed; values arrive as `$1…`, never inside the text.
 * They speak in lines of `key=value`.
 */

/**
 * `look HOST PORT BIN_DIR`: does PostgreSQL answer there? pg_isready where it is found, else a TLS request by hand: a
 * frozen postmaster still accepts TCP connections, so only an answer counts. Prints `port=` and `port_detail=`.
 */
const LOOK_AT_PORT = `
find_isready() {
  for dir in "$1" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if [ -n "$dir" ] && [ -x "$dir/pg_isready" ]; then echo "$dir/pg_isready"; return 0; fi
  done
  command -v pg_isready
}
look() {
  case $1 in
    /*) ;;
    *) if command -v getent >/dev/null 2>&1 && ! getent hosts "$1" >/dev/null 2>&1; then
         echo port=unresolved; echo "port_detail=the name $1 does not resolve there"; return 0
       fi ;;
  esac
  tool=$(find_isready "$3")
  if [ -n "$tool" ]; then
    said=$("$tool" -h "$1" -p "$2" -t 2 2>&1); code=$?
    case $code in
      0|1) echo port=reaches ;;
      2) echo port=cannot_reach ;;
      *) echo port=cannot_look ;;
    esac
    echo "port_detail=pg_isready: $said" | head -n 1
    return 0
  fi
  case $1 in /*) echo port=cannot_look; echo "port_detail=no pg_isready is installed"; return 0 ;; esac
  if ! command -v bash >/dev/null 2>&1 || ! command -v timeout >/dev/null 2>&1; then
    echo port=cannot_look; echo "port_detail=neither pg_isready nor bash and timeout are installed"; return 0
  fi
  timeout 2 bash -c 'exec 3<>"/dev/tcp/$1/$2" || exit 1
    printf "\\0\\0\\0\\010\\004\\322\\026\\057" >&3
    IFS= read -r -n 1 -t 2 answer <&3 && [ -n "$answer" ]' bash "$1" "$2" 2>/dev/null
  if [ $? -eq 0 ]; then echo port=reaches; echo "port_detail=it answered a TLS request"
  else echo port=cannot_reach; echo "port_detail=no answer to a TLS request in 2 s"; fi
}
`;

/** `$1` host, `$2` port, `$3` bin_dir or empty: the active look from a replica's host. */
export const LOOK_AT_PORT_SCRIPT = `${LOOK_AT_PORT}
look "$1" "$2" "$3"
`;

/**
 * Finds this data directory's processes: all of PostgreSQL's have it as working directory. A zombie is not running.
 * `processes` prints the pids; `postmaster_pid` prints the one that postmaster.pid names, if it is really there.
 */
export const PROCESSES = `
state_of() { sed -e 's/^.*) //' -e 's/ .*//' "/proc/$1/stat" 2>/dev/null; }
processes() {
  for pid in $(ls -ld /proc/[0-9]*/cwd 2>/dev/null | real=$real awk '{
      arrow = index($0, " -> ")
      if (arrow && substr($0, arrow + 4) == ENVIRON["real"]) { split($0, path, "/proc/"); print path[2] + 0 }
    }'); do
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in *postgres*) ;; *) continue ;; esac
    [ "$(state_of "$pid")" = Z ] && continue
    echo "$pid"
  done
}
postmaster_pid() {
  pid=$(head -n 1 "$real/postmaster.pid" 2>/dev/null)
  case $pid in ''|*[!0-9]*) return 1 ;; esac
  [ -d "/proc/$pid" ] || return 1
  [ "$(state_of "$pid")" = Z ] && return 1
  [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$real" ] || return 1
  echo "$pid"
}
enter() {
  if [ ! -d /proc/self ]; then echo "unknown=this host has no /proc: its processes cannot be told"; exit 0; fi
  real=$(cd "$1" 2>/dev/null && pwd -P)
  if [ -z "$real" ]; then echo "unknown=the data directory $1 is missing or not readable"; exit 0; fi
  if [ ! -r "$real/PG_VERSION" ]; then echo "unknown=$1 is no data directory, or not readable"; exit 0; fi
}
`;

/**
 * `$1` pgdata, `$2` bin_dir or empty: what a host can tell of its PostgreSQL without SQL. One round trip, because a
 * failover waits for it.
 */
export const LOOK_AT_HOST_SCRIPT = `${LOOK_AT_PORT}${PROCESSES}
enter "$1"
if pid=$(postmaster_pid); then
  echo "postmaster=$pid"; echo "process_state=$(state_of "$pid")"
else
  others=$(processes | tr '\\n' ' ')
  echo "postmaster=none"; echo "orphans=$others"
fi
# Asked too where no process is seen: a container may hide it, and an answer is an answer.
if [ -f "$real/postmaster.pid" ]; then
  port=$(sed -n 4p "$real/postmaster.pid"); socket=$(sed -n 5p "$real/postmaster.pid"); address=$(sed -n 6p "$real/postmaster.pid")
  case $address in ''|'*') address=127.0.0.1 ;; '::') address=::1 ;; esac
  if [ -n "$socket" ] && [ -n "$(find_isready "$2")" ]; then address=$socket; fi
  if [ -n "$port" ]; then look "$address" "$port" "$2"; fi
fi
if [ -n "$pid" ]; then echo "process_state_after=$(state_of "$pid")"; fi
if [ -f "$real/standby.signal" ]; then echo standby_signal=yes; fi
echo "control=$(od -An -v -tx1 -N 512 "$real/global/pg_control" 2>/dev/null | tr -d ' \\n')"
echo "free_kb=$(df -Pk "$real/." "$real/pg_wal/." 2>/dev/null | awk 'NR > 1 { if (min == "" || $4 < min) min = $4 } END { print min }')"
`;

/**
 * `$1` pgdata, `$2` `signal` or `kill`: makes a former master unable to take writes. `signal` expects that no
 * postmaster runs, and touches nothing when one does; `kill` ends every process of the data directory, frozen ones
 * too. standby.signal comes first, so that a service manager's restart in between cannot make it writable. Orphaned
 * backends of a dead postmaster can still commit, so they are ended in both cases.
 */
export const FENCE_SCRIPT = `${PROCESSES}
enter "$1"
if [ "$2" = signal ] && pid=$(postmaster_pid); then echo "running=$pid"; exit 0; fi
if ! : > "$real/standby.signal"; then echo "unknown=standby.signal cannot be written in $1"; exit 0; fi
sync -d "$real/standby.signal" "$real" 2>/dev/null || sync
if pid=$(postmaster_pid) && [ "$2" = signal ]; then echo "running=$pid"; exit 0; fi
tries=0
while left=$(processes) && [ -n "$left" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then echo "unknown=processes of $1 survive SIGKILL: $left" | tr '\\n' ' '; echo; exit 0; fi
  kill -9 $left 2>/dev/null
  sleep 0.05
done
echo "fenced=yes"
echo "control=$(od -An -v -tx1 -N 512 "$real/global/pg_control" 2>/dev/null | tr -d ' \\n')"
`;

/** `$1` pgdata: takes standby.signal away from a master that stays or becomes master again. */
export const UNFENCE_SCRIPT = `${PROCESSES}
enter "$1"
rm -f "$real/standby.signal" && echo unfenced=yes
`;

/** `$1` pgdata: leaves standby.signal in the data directory of a server that runs, before it is stopped. */
export const LEAVE_SIGNAL_SCRIPT = `${PROCESSES}
enter "$1"
if ! : > "$real/standby.signal"; then echo "unknown=standby.signal cannot be written in $1"; exit 0; fi
sync -d "$real/standby.signal" "$real" 2>/dev/null || sync
echo "signal=yes"
`;

/**
 * `$1` pgdata, `$2` seconds: waits until the control file says "shut down", which is before the postmaster ends: it may wait
 * for its archiver or for a standby that is gone ("Shutting Down the Server"). Prints the control file, whatever it says.
 */
export const WATCH_SHUTDOWN_SCRIPT = `
file="$1/global/pg_control"
end=$(($(date +%s) + $2))
while [ "$(od -An -tu4 -j 16 -N 4 "$file" 2>/dev/null | tr -d ' ')" != 1 ] && [ "$(date +%s)" -lt "$end" ]; do sleep 0.01; done
echo "control=$(od -An -v -tx1 -N 512 "$file" 2>/dev/null | tr -d ' \\n')"
`;

/** `$1` pgdata: its postgresql.auto.conf as it is. May hold a password. */
export const READ_AUTOCONF_SCRIPT = `
cat "$1/postgresql.auto.conf"
`;

/**
 * `$1` pgdata, standard input the new postgresql.auto.conf: makes a stopped data directory one of a replica. Touches nothing
 * while a postmaster runs. standby.signal comes first: whatever happens in between, it cannot start writable.
 */
export const MAKE_STANDBY_SCRIPT = `${PROCESSES}
enter "$1"
if pid=$(postmaster_pid); then echo "running=$pid"; exit 0; fi
umask 077
new="$real/postgresql.auto.conf.handyrep"
: > "$real/standby.signal" && rm -f "$real/recovery.signal" "$real/recovery.conf" && cat > "$new" || exit 1
sync -d "$new" "$real/standby.signal" 2>/dev/null || sync
mv -f "$new" "$real/postgresql.auto.conf" || exit 1
sync -d "$real" 2>/dev/null || sync
echo "standby=yes"
`;

/**
 * What of a data directory is the server's own and not the cluster's: configuration, certificates and keys. pg_rewind and
 * a copy bring the source's instead.
 */
const OWN_FILES = `
own_files() {
  (cd "$1" 2>/dev/null && ls -d *.conf *.crt *.key *.pem *.crl conf.d 2>/dev/null)
}
`;

/**
 * `own_folder PGDATA`: where a server's own files are kept: beside the data directory, or where that is a mount point in a
 * folder of somebody else's, in the home of the postgres OS user.
 */
export const OWN_FOLDER = `
own_folder() {
  parent=$(dirname "$1")
  if [ -w "$parent" ]; then echo "$parent/.handyrep-own-$(basename "$1")"
  else echo "\${HOME:-/var/lib/postgresql}/.handyrep-own$(echo "$1" | tr / -)"; fi
}
`;

/**
 * `$1` pgdata: keeps this server's own files beside its data directory, before that is overwritten. What an earlier run kept
 * and did not put back is older than what a broken copy brought, so it stays. Prints \`kept=FOLDER\`, nothing where there are
 * none.
 */
export const KEEP_OWN_FILES_SCRIPT = `${OWN_FILES}${OWN_FOLDER}
folder=$(own_folder "$1")
if [ ! -d "$folder" ]; then
  files=$(own_files "$1")
  [ -n "$files" ] || exit 0
  umask 077
  rm -rf "$folder.new" && mkdir "$folder.new" || exit 1
  for file in $files; do cp -a "$1/$file" "$folder.new/" || exit 1; done
  mv "$folder.new" "$folder" || exit 1
fi
echo "kept=$folder"
`;

/** \`$1\` pgdata: puts back what {@link KEEP_OWN_FILES_SCRIPT} kept, and removes that folder. */
export const PUT_BACK_OWN_FILES_SCRIPT = `${OWN_FOLDER}
folder=$(own_folder "$1")
[ -d "$folder" ] || exit 0
# Each file by itself: a whole file system may hold much that is not ours.
written() { (cd "$folder" && find . -type f -exec sh -c 'cd "$0" && sync "$@"' "$1" {} +) 2>/dev/null || sync; }
cp -a "$folder/." "$1/" && written "$1" && rm -rf "$folder" && echo "back=yes"
`;

/** Parses `key=value` lines; the last of a key wins. */
export function parseLines(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) found.set(line.slice(0, at), line.slice(at + 1));
  }
  return found;
}
