#!/bin/sh
# Written by HandyRep (cluster app, server db1): changes made by hand are lost.
#
# restore.sh NAME PATH    for restore_command: 0 when PATH is the whole file
#
# It never ends with more than 1, at which PostgreSQL would give up its recovery.
LC_ALL=C; PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}; export LC_ALL PATH
umask 077
marks='/var/lib/it'\''s'
limit=300
name=${1-} target=${2-}

say() { printf 'handyrep restore: %s\n' "$*" >&2; }

# One word for the shell of another host.
quote() { printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"; }

# Runs where the archive is: the folder, the name, and a command that has the file where the folder has not.
PLACE='
[ ! -s "$1/$2" ] || exec cat "$1/$2"
name=$2; shift 2
[ $# -gt 0 ] || exit 1
exec "$@" "$name"
'

case $name in '' | .* | *[!0-9A-Za-z._]*) say "\"$name\" is no name of a WAL file"; exit 1 ;; esac
if [ -z "$target" ]; then say "it was not told where to put $name"; exit 1; fi
new=$target.handyrep
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM

have() {
  [ -s "$new" ] || return 1
  if mv -f "$new" "$target"; then exit 0; fi
  say "$target could not be written"
  exit 1
}

# here FOLDER
here() {
  [ -s "$1/$name" ] || return 0
  timeout -k 5 "$limit" cat "$1/$name" >"$new" && have
  say "$1/$name could not be read"
}

# PostgreSQL asks several times while it is promoted, one after the other: one connection is kept for all of them. ssh takes only a
# short and plain path for its socket.
kept=
case $marks in
  *[!A-Za-z0-9_./-]*) ;;
  *)
    if [ ${#marks} -le 40 ] && [ -w "$marks" ]; then
      kept="-o ControlMaster=auto -o ControlPersist=60 -o ControlPath=$marks/.ssh-%C"
      kept="$kept -o ServerAliveInterval=2 -o ServerAliveCountMax=2"
    fi
    ;;
esac

# there PLACE FOLDER GET SSH...: GET is quoted already.
there() {
  place=$1 dir=$2 get=$3 ssh=$4; shift 4
  # A host that does not answer would be waited for at each of many questions, also while this server is to be promoted.
  mark=$marks/.silent-$place
  [ -z "$(find "$mark" -mmin -1 2>/dev/null)" ] || return 0
  line="sh -c $(quote "$PLACE") handyrep $(quote "$dir") $(quote "$name") $get"
  # What is kept must not lie in the data directory. $kept is a list of words.
  (cd / && exec timeout -k 5 "$limit" "$ssh" $kept "$@" "$line") </dev/null >"$new" 2>/dev/null
  case $? in
    0) have ;;
    124 | 137 | 255) { true >"$mark"; } 2>/dev/null; say "$place does not answer, and is not asked for a minute" ;;
  esac
}

here '/srv/it'\''s $(x) `y` \ "wal"'
there 'db2' '/srv/wal' ''\''barman'\'' '\''get-wal'\'' '\''app'\''' 'ssh' '-p' '22' 'db2.example.com'
exit 1
