import { OWN_FOLDER, PROCESSES } from './scripts.js';

/** The scripts that look at, and empty, the data directory of a server that is made anew. See scripts.ts. */

/**
 * `$1` pgdata, `$2` pgconf or empty, `$3` bin_dir or empty, `$4` the major version that is wanted, `$5…` the directories
 * outside that the copy will fill: what is there already. Works where there is no data directory yet.
 */
export const LOOK_AT_TARGET_SCRIPT = `${PROCESSES}${OWN_FOLDER}
pgdata=$1; pgconf=$2; bin=$3; major=$4; shift 4
if [ ! -d /proc/self ]; then echo "unknown=this host has no /proc: its processes cannot be told"; exit 0; fi
# The nearest folder that is there: the rest would be made in it.
above() { there=$1; while [ ! -e "$there" ]; do there=$(dirname "$there"); done; echo "$there"; }
can_write() { there=$(above "$1"); [ -d "$there" ] && [ -w "$there" ] && [ -x "$there" ] && echo yes || echo no; }
free_kb() { df -Pk "$(above "$1")" 2>/dev/null | awk 'NR > 1 { print $4 }'; }
if [ -e "$pgdata" ] && [ ! -d "$pgdata" ]; then echo "unknown=$pgdata is not a directory"; exit 0; fi
if [ -d "$pgdata" ] && ! ls -A "$pgdata" >/dev/null 2>&1; then echo "unknown=$pgdata is not readable"; exit 0; fi
echo "writable=$(can_write "$pgdata")"
echo "free_kb=$(free_kb "$pgdata")"
real=$(cd "$pgdata" 2>/dev/null && pwd -P)
if [ -z "$real" ]; then echo directory=missing
else
  if pid=$(postmaster_pid); then echo "postmaster=$pid"
  else echo "orphans=$(processes | tr '\\n' ' ')"; fi
  names=$(ls -A "$real")
  if [ -e "$real/PG_VERSION" ] || [ -e "$real/global/pg_control" ]; then echo directory=data
  elif [ -z "$names" ]; then echo directory=empty
  else
    # Nothing but what a server has of its own, and the link that says where its WAL goes.
    others=$(ls -A "$real" | grep -v -x -e '.*\\.conf' -e '.*\\.crt' -e '.*\\.key' -e '.*\\.pem' -e '.*\\.crl' -e conf.d -e pg_wal)
    if [ -z "$others" ] && { [ ! -e "$real/pg_wal" ] || [ -L "$real/pg_wal" ]; }; then echo directory=prepared
    else echo directory=other; fi
  fi
  echo "names=$(echo "$names" | head -n 6 | tr '\\n' ' ')"
  [ -L "$real/pg_wal" ] && echo "waldir=$(readlink -f "$real/pg_wal")"
  [ -f "$real/standby.signal" ] && echo standby_signal=yes
  echo "control=$(od -An -v -tx1 -N 512 "$real/global/pg_control" 2>/dev/null | tr -d ' \\n')"
fi
if [ -e "\${pgconf:-$pgdata}/postgresql.conf" ] || [ -e "$(own_folder "$pgdata")/postgresql.conf" ]; then echo has_conf=yes; fi
for dir in "$bin" "/usr/lib/postgresql/$major/bin" "/usr/pgsql-$major/bin" "$(dirname "$(command -v postgres)")"; do
  [ -n "$dir" ] && [ -x "$dir/postgres" ] || continue
  echo "program=$dir/postgres"; echo "version=$("$dir/postgres" --version)"; break
done
index=0
for dir in "$@"; do
  if [ ! -e "$dir" ]; then state=missing
  elif [ ! -d "$dir" ]; then state=used
  elif [ -z "$(ls -A "$dir" 2>/dev/null)" ]; then state=empty
  else
    state=used
    for link in "$real"/pg_tblspc/* "$real/pg_wal"; do
      [ -L "$link" ] && [ "$(readlink -f "$link")" = "$(readlink -f "$dir")" ] && state=own
    done
  fi
  [ "$state" != used ] && [ "$(can_write "$dir")" = no ] && state=unwritable
  echo "outside_$index=$state"; echo "outside_kb_$index=$(free_kb "$dir")"
  index=$((index + 1))
done
`;

/** `$1` pgdata: what it holds, in kilobytes. Takes long where there are many files. */
export const SIZE_OF_TARGET_SCRIPT = `
echo "used_kb=$(du -skx "$1" 2>/dev/null | awk '{ print $1 }')"
`;

/**
 * `$1` pgdata, `$2` `empty` or `reuse`, `$3` major version, `$4` the first digits of its control file as they were looked at
 * (`any` where the copy failed that put it there), `$5` the separate WAL directory or empty, `$6…` tablespace directories
 * that a copy filled: makes the data directory one that cannot be started. Refuses while a process is there, and when it is
 * no longer the one that was looked at. Contents only: the directory may be a mount point. A link is followed only from
 * pg_wal and pg_tblspc, and there only PostgreSQL's own files are removed. Prints `ready=yes` or `refused=`.
 */
export const CLEAR_TARGET_SCRIPT = `${PROCESSES}
pgdata=$1; how=$2; major=$3; known=$4; waldir=$5; shift 5
real=$(cd "$pgdata" 2>/dev/null && pwd -P)
hex='[0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F]'
clear_wal() {
  [ -d "$1/." ] && find "$1/." -mindepth 1 -maxdepth 1 \\( -name "$hex$hex$hex*" -o -name "$hex.history" \\
    -o -name 'xlogtemp.*' -o -name archive_status -o -name summaries \\) -exec rm -rf {} +
}
clear_tablespace() { rm -rf "$1"/PG_"$major"_*; }
if [ -n "$real" ]; then
  if [ "$real" = / ]; then echo "refused=$pgdata is the root of the file system"; exit 0; fi
  if pid=$(postmaster_pid); then echo "refused=it runs (pid $pid)"; exit 0; fi
  left=$(processes | tr '\\n' ' ')
  if [ -n "$left" ]; then echo "refused=processes are left there: $left"; exit 0; fi
  found=$(od -An -v -tx1 -N 8 "$real/global/pg_control" 2>/dev/null | tr -d ' \\n')
  if [ "$known" != any ] && [ "$found" != "$known" ]; then
    echo "refused=$pgdata is no longer the data directory that was looked at"; exit 0
  fi
fi
if [ "$how" = empty ]; then
  for dir in "$@"; do clear_tablespace "$dir"; done
  if [ -n "$waldir" ]; then clear_wal "$waldir"; fi
fi
if [ -z "$real" ]; then echo ready=yes; exit 0; fi
rm -f "$real/global/pg_control" || { echo "refused=global/pg_control cannot be removed"; exit 0; }
if [ "$how" = reuse ]; then
  rm -f "$real/postmaster.pid" "$real/postmaster.opts" "$real/backup_label" "$real/tablespace_map"
  echo ready=yes; exit 0
fi
for link in "$real"/pg_tblspc/*; do
  if [ -L "$link" ]; then clear_tablespace "$(readlink -f "$link")"; fi
done
if [ -L "$real/pg_wal" ]; then clear_wal "$(readlink -f "$real/pg_wal")"; fi
find "$real" -mindepth 1 -delete
left=$(ls -A "$real" | head -n 6 | tr '\\n' ' ')
if [ -n "$left" ]; then echo "refused=$pgdata could not be emptied: $left"; else echo ready=yes; fi
`;

/** `$1` pgdata, `$2` the separate WAL directory: after a copy that failed, the link says to the next where WAL goes. */
export const LINK_WAL_SCRIPT = `
if [ -d "$1" ] && [ ! -e "$1/PG_VERSION" ] && [ ! -e "$1/pg_wal" ]; then ln -s "$2" "$1/pg_wal"; fi
`;
