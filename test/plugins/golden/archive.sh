#!/bin/sh
# Written by HandyRep (cluster app, server db1): changes made by hand are lost.
#
# archive.sh PATH NAME    for archive_command: 0 only when 2 of the places have this very file on disk
# archive.sh --has NAME   whether 2 of the places have a file of this name
# archive.sh --check      whether each of the places can be written
#
# It never ends with more than 1: PostgreSQL keeps the file and asks again.
LC_ALL=C; PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}; export LC_ALL PATH
umask 077
stop_file='/var/lib/it'\''s/stop_archiving'
copies=2
limit=300

say() { printf 'handyrep archive: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# One word for the shell of another host.
quote() { printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"; }

# Runs where the archive is: what to do, the folder, the name of the file, its checksum; its bytes are standard input. A file that is
# there already is never written over, and what is not whole never has the name of one that is.
PLACE='
LC_ALL=C; export LC_ALL
umask 077
what=$1 dir=$2 name=$3 sum=$4
die() { echo "$*" >&2; exit 1; }
[ -d "$dir" ] || die "there is no folder $dir"
case $what in
  check) [ -w "$dir" ] && [ -x "$dir" ] || die "$(id -un) may not write in $dir"; exit 0 ;;
  has) [ -s "$dir/$name" ] || exit 1; exit 0 ;;
esac
command -v sha256sum >/dev/null 2>&1 || die "sha256sum is not installed"
is_it() { [ "$(sha256sum <"$1")" = "$sum" ]; }
on_disk() {
  sync "$dir/$name" && { sync "$dir" 2>/dev/null || sync; } || die "$dir/$name could not be brought to disk"
  exit 0
}
is_there() {
  [ -e "$dir/$name" ] || die "$name could not be given its name in $dir"
  is_it "$dir/$name" && on_disk
  [ -s "$dir/$name" ] || die "$dir/$name is there and is empty: it is left as it is"
  die "$dir holds a different $name already: it is left as it is"
}
[ ! -e "$dir/$name" ] || is_there
new=$(mktemp "$dir/.$name.XXXXXX") || die "$(id -un) cannot write in $dir"
trap "rm -f \"\$new\"" EXIT
trap "exit 1" HUP INT TERM
cat >"$new" || die "$name could not be written in $dir"
is_it "$new" || die "$dir did not get the whole $name"
sync "$new" || die "$name could not be brought to disk in $dir"
if ! ln "$new" "$dir/$name" 2>/dev/null; then
  [ ! -e "$dir/$name" ] || is_there
  # A file system without links.
  mv -n "$new" "$dir/$name" && [ ! -e "$new" ] || is_there
fi
on_disk
'

# at FOLDER [SSH...]: does $what at one place; without SSH on this host.
at() {
  dir=$1; shift
  if [ $# -eq 0 ]; then
    timeout -k 5 "$limit" sh -c "$PLACE" handyrep "$what" "$dir" "$name" "$sum" <"$input"
  else
    timeout -k 5 "$limit" "$@" \
      "sh -c $(quote "$PLACE") handyrep $what $(quote "$dir") $(quote "$name") $(quote "$sum")" <"$input"
  fi
}

got=0; trouble=
# try PLACE FOLDER [SSH...]
try() {
  [ "$got" -lt "$wanted" ] || return 0
  place=$1; shift
  said=$(at "$@" 2>&1)
  case $? in
    0) got=$((got + 1)); return 0 ;;
    124 | 137) said="it did not end within $limit s" ;;
  esac
  trouble="$trouble${trouble:+; }$place: $(printf '%s\n' "$said" | tail -n 1)"
}
everywhere() {
  try 'db2' '/srv/wal' 'ssh' '-p' '22' 'db2.example.com'
  try 'here' '/srv/it'\''s $(x) `y` \ "wal"'
  return 0
}

what=put input=/dev/null name= sum= wanted=$copies
case ${1-} in --*) [ "$limit" -le 30 ] || limit=30 ;; esac
case ${1-} in
  --check)
    what=check wanted=1000
    everywhere
    [ -z "$trouble" ] || say "$trouble"
    [ "$got" -ge "$copies" ] || exit 1
    exit 0 ;;
  --has)
    what=has name=${2-}
    everywhere
    [ "$got" -ge "$copies" ] || exit 1
    exit 0 ;;
esac

input=${1-} name=${2-}
case $name in '' | .* | *[!0-9A-Za-z._]*) die "\"$name\" is no name of a WAL file" ;; esac
if [ -e "$stop_file" ]; then
  die "$name is kept: archiving was stopped by $stop_file (handyrep archive start goes on)"
fi
[ -s "$input" ] || die "$input is not there, or empty"
sum=$(sha256sum <"$input") || die "$input cannot be read"
everywhere
if [ "$got" -lt "$copies" ]; then die "$name: $trouble"; fi
[ -z "$trouble" ] || say "$name is safe; but $trouble"
exit 0
