/** POSIX `sh` scripts about the archive that run on database hosts; values arrive as `$1…`. They speak in lines of `key=value`. */

/** `$1` archive.sh, `$2` restore.sh, `$3` the stop file, `$4` the mode that the scripts must have. Changes nothing. */
export const LOOK_AT_SCRIPTS = `
for one in archive restore; do
  file=$1
  [ "$one" = archive ] || file=$2
  if [ ! -e "$file" ]; then echo "$one=missing"; continue; fi
  if [ ! -r "$file" ] || [ ! -x "$file" ] || [ "$(stat -c %a "$file")" != "$4" ]; then echo "$one=closed"; continue; fi
  echo "$one=$(sha256sum <"$file" | cut -c 1-64)"
done
[ ! -e "$3" ] || echo "stopped=$(stat -c %Y "$3")"
echo looked=yes
`;

/** `$1` the stop file: from now on archive.sh refuses. */
export const STOP_ARCHIVING = `
umask 077
folder=$(dirname "$1")
[ -d "$folder" ] || mkdir -p "$folder" || exit 1
if [ -e "$1" ]; then echo done=already; exit 0; fi
date >"$1" && { sync "$folder" 2>/dev/null || sync; } && echo done=now
`;

/** `$1` the stop file: archive.sh works again. */
export const GO_ON_ARCHIVING = `
if [ ! -e "$1" ]; then echo done=already; exit 0; fi
rm -f "$1" && { sync "$(dirname "$1")" 2>/dev/null || sync; } && echo done=now
`;

/**
 * `$1` archive.sh, `$2` the data directory, `$3` the timeline of now as eight digits, `$4` the stop file.
 *
 * On a replica a segment counts as archived as soon as it is complete (`archive_mode = on`): what the old master had completed and
 * not archived when it died, no server would ever archive. Newest first it is looked for what the archive has; all that is newer
 * is archived, oldest first. Files that are there already are left alone, so it can be done again.
 */
export const CLOSE_GAP = `
LC_ALL=C; export LC_ALL
if [ -e "$4" ]; then echo gap=stopped; exit 0; fi
cd "$2" || exit 1
missing= from=
for segment in $(ls pg_wal/archive_status | sed -n 's/\\.done$//p' | grep -E -x '[0-9A-F]{24}' |
  awk -v now="$3" '(substr($0, 1, 8) "") < (now "")' | sort -r); do
  [ -s "pg_wal/$segment" ] || continue
  if "$1" --has "$segment" 2>/dev/null; then from=$segment; break; fi
  missing="$segment $missing"
done
count=0
for segment in $missing; do
  said=$("$1" "pg_wal/$segment" "$segment" 2>&1) || { echo "gap=failed"; echo "said=$(printf '%s\\n' "$said" | tail -n 1)"; exit 0; }
  count=$((count + 1))
done
echo "gap=closed"
echo "count=$count"
echo "first=\${missing%% *}"
echo "from=$from"
`;
