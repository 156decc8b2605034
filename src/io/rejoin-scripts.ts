/**
 * The scripts of a rejoin, for database hosts; as in scripts.ts, texts are fixed and values arrive as `$1…`.
 */

/** `$1` pgdata, `$2` pg_controldata or empty: what a stopped data directory says of its own WAL. */
export const INSPECT_WAL_SCRIPT = `
export LC_ALL=C
cd "$1/pg_wal" || exit 1
# Not by way of "..": pg_wal may be a link to another disk.
echo "control=$(od -An -v -tx1 -N 512 "$1/global/pg_control" 2>/dev/null | tr -d ' \\n')"
echo "timelines=$(ls | awk 'length($0) == 24 && $0 !~ /[^0-9A-F]/ { print substr($0, 1, 8) }' | sort -u | tr '\\n' ' ')"
for file in *.history; do
  [ -f "$file" ] && echo "history_\${file%.history}=$(tr '\\n' ';' < "$file")"
done
[ -f "$1/backup_label" ] && echo backup_label=yes
[ -n "$2" ] && "$2" -D "$1" 2>/dev/null
exit 0
`;

/**
 * `$1` pgdata, `$2` pg_waldump, then pairs of a timeline and a position: prints \`last_TIMELINE=\`, where the last whole record
 * from there on begins. The end of WAL is where pg_waldump fails, so its exit status says nothing.
 */
export const LAST_RECORDS_SCRIPT = `
export LC_ALL=C
wal=$1/pg_wal; tool=$2; shift 2
while [ $# -gt 1 ]; do
  echo "last_$1=$("$tool" -p "$wal" -t "$1" -s "$2" 2>/dev/null | tail -n 1 | sed -n 's|.*, lsn: \\([0-9A-F]*/[0-9A-F]*\\),.*|\\1|p')"
  shift 2
done
`;

/** Counts what pg_waldump prints by transaction; lists those that committed, as long as the list stays readable. */
const COUNT_COMMITS = `
function forget(xid, n, i, rels) {
  n = split(names[xid], rels, " ")
  for (i = 1; i <= n; i++) delete count[xid, rels[i]]
  delete names[xid]
}
function add(xid, n, i, rels) {
  n = split(names[xid], rels, " ")
  for (i = 1; i <= n; i++) {
    if (!(rels[i] in total)) { total[rels[i]] = 0; order[++touched] = rels[i] }
    total[rels[i]] += count[xid, rels[i]]
  }
  forget(xid)
}
{
  tx = ""
  if (match($0, /tx: +[0-9]+/)) { tx = substr($0, RSTART, RLENGTH); sub(/tx: +/, "", tx) }
}
/^rmgr: (Heap|Heap2|Btree) / && match($0, / rel [0-9]+\\/[0-9]+\\/[0-9]+/) {
  rel = substr($0, RSTART + 5, RLENGTH - 5)
  if (!((tx, rel) in count)) names[tx] = names[tx] " " rel
  count[tx, rel]++
}
/^rmgr: Transaction / {
  at = index($0, "desc: "); desc = substr($0, at + 6)
  if (desc ~ /^COMMIT/) {
    xid = tx; when = desc; sub(/^COMMIT(_PREPARED)? /, "", when)
    if (desc ~ /^COMMIT_PREPARED/) { xid = when; sub(/:.*/, "", xid); sub(/^[0-9]+: /, "", when) }
    sub(/;.*/, "", when)
    touched = 0; split("", total); split("", order)
    add(xid)
    if (match(desc, /subxacts: [0-9 ]+/)) {
      n = split(substr(desc, RSTART + 10, RLENGTH - 10), subs, " ")
      for (s = 1; s <= n; s++) add(subs[s])
    }
    if (++commits <= 10000) {
      line = "  xid " xid "  committed " when " "
      for (i = 1; i <= touched; i++) line = line " " order[i] " (" total[order[i]] ")"
      print line > list
    }
  } else if (desc ~ /^ABORT/) forget(tx)
}
END {
  if (commits > 10000) print "  and " (commits - 10000) " more" > list
  print commits + 0
}
`;

/**
 * \`$1\` pgdata, \`$2\` the folder to make, \`$3\` and \`$4\` the first and the last segment without their timeline (empty: from
 * the beginning, to the end), \`$5\` the lowest timeline, \`$6\` pg_waldump or empty, \`$7\` the head of the summary, then pairs of a
 * timeline and a position to read from. Keeps WAL, history files and the control file; all of it is on disk before it prints
 * \`kept=\`.
 */
export const KEEP_WAL_SCRIPT = `
export LC_ALL=C
umask 077
pgdata=$1; dir=$2; first=$3; last=$4; least=$5; tool=$6; head=$7; shift 7
part=$dir.part
trap 'rm -rf "$part"; exit 143' TERM INT HUP
cd "$pgdata/pg_wal" || exit 1
files=$(ls | awk -v first="$first" -v last="$last" -v least="$least" '
  { name = substr($0, 1, 24); rest = substr($0, 25) }
  length(name) == 24 && name !~ /[^0-9A-F]/ && (rest == "" || rest == ".partial") {
    seg = substr(name, 9) ""
    if (substr(name, 1, 8) "" >= least "" && seg >= first "" && (last == "" || seg <= last "")) print
  }
  /\\.history$/ { print }')
# Kept by an attempt before this one: not twice.
for old in "$(dirname "$dir")"/handyrep-diverged-*[0-9]Z; do
  [ -d "$old" ] || continue
  same=$files
  for file in $files; do cmp -s "$file" "$old/$file" || { same=; break; }; done
  if [ -n "$same" ]; then
    echo "transactions=$(sed -n 's/^\\([0-9]*\\) committed transaction(s) in all$/\\1/p' "$old/summary.txt")"
    echo "kb=$(du -sk "$old" | awk '{ print $1 }')"
    echo "kept=$old"
    exit 0
  fi
done
need=$(for file in $files; do wc -c < "$file"; done | awk '{ sum += $1 } END { printf "%.0f", sum / 1024 + 1024 }')
free=$(df -Pk "$(dirname "$dir")" | awk 'NR == 2 { print $4 }')
if [ "$need" -gt "\${free:-0}" ]; then echo "short=$need $free"; exit 0; fi
rm -rf "$part"; mkdir "$part" || exit 1
for file in $files; do cp -p "$file" "$part/" || { rm -rf "$part"; exit 1; }; done
cp -p "$pgdata/global/pg_control" "$part/" || { rm -rf "$part"; exit 1; }
printf '%s\\n' "$head" > "$part/summary.txt"
total=
if [ -n "$tool" ] && [ $# -gt 1 ]; then
  total=0
  while [ $# -gt 1 ]; do
    printf '\\ntimeline %s from %s: committed transactions, with the relations that they changed as\\ntablespace/database/file (number of records)\\n' "$1" "$2" >> "$part/summary.txt"
    : > "$part/list"
    seen=$("$tool" -p "$part" -t "$1" -s "$2" 2>/dev/null | awk -v list="$part/list" '${COUNT_COMMITS}')
    cat "$part/list" >> "$part/summary.txt"; rm -f "$part/list"
    total=$((total + seen)); shift 2
  done
  printf '\\n%s committed transaction(s) in all\\n' "$total" >> "$part/summary.txt"
fi
{ sync -d "$part"/* "$part" 2>/dev/null || sync; } && mv "$part" "$dir" || exit 1
sync -d "$(dirname "$dir")" 2>/dev/null || sync
echo "transactions=$total"
echo "kb=$(du -sk "$dir" | awk '{ print $1 }')"
echo "kept=$dir"
`;

/**
 * Beside the data directory, from before the first byte of it is overwritten until its own files are back: \`begun\`, it is no
 * good; \`whole\`, it is, and only its own files are missing. A rejoin that was killed is judged by it.
 */
const MARK = `
mark=$(dirname "$1")/.handyrep-rewinding-$(basename "$1")
`;

/** \`$1\` pgdata: prints \`mark=\` begun, whole or none, and \`file=\`. */
export const READ_MARK_SCRIPT = `${MARK}
said=$(cat "$mark" 2>/dev/null)
if [ ! -e "$mark" ]; then said=none; elif [ "$said" != whole ]; then said=begun; fi
echo "mark=$said"; echo "file=$mark"
`;

/** \`$1\` pgdata, \`$2\` begun, whole, or none to take it away. */
export const WRITE_MARK_SCRIPT = `${MARK}
if [ "$2" = none ]; then rm -f "$mark"; else echo "$2" > "$mark" && { sync -d "$mark" 2>/dev/null || sync; }; fi
sync -d "$(dirname "$mark")" 2>/dev/null || sync
[ "$2" = none ] || [ "$(cat "$mark" 2>/dev/null)" = "$2" ] && echo "marked=$2"
`;

/** \`$1\` pgdata: what an earlier run kept of its own files is as old as that run, where nothing was overwritten since. */
export const FORGET_OWN_FILES_SCRIPT = `
rm -rf "$(dirname "$1")/.handyrep-own-$(basename "$1")"
`;
