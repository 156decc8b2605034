/**
 * Runs a script that must not outlive HandyRep: `$1` is the script, `$2…` its values. Standard input is the lifeline: its
 * first line is a secret for the script (`$HANDYREP_SECRET`, never in an argument list), and when it ends, because HandyRep
 * was killed or the connection was lost, the script and all that it started are ended: SIGTERM, for its `trap` to clean up,
 * then SIGKILL. The script has a session of its own, so that nothing it started escapes. `kill -s`, because dash takes no
 * `--` behind `-TERM`, and not every kill takes a group's number without it.
 */
const LIFELINE = `
# Whoever read our output is gone when the lifeline ends; a word more must not kill the script before its trap is done.
trap '' PIPE
exec 3<&0
IFS= read -r HANDYREP_SECRET <&3; export HANDYREP_SECRET
script=$1; shift
setsid sh -c "$script" handyrep "$@" </dev/null 3<&- &
job=$!
(
  while IFS= read -r _; do :; done
  kill -s TERM -- "-$job"
  tries=0
  while [ "$tries" -lt 80 ] && kill -s 0 -- "-$job"; do tries=$((tries + 1)); sleep 0.1; done
  kill -s KILL -- "-$job"
) <&3 >/dev/null 2>&1 &
watcher=$!
wait "$job"; status=$?
# The script is over, and with it what it left: a subshell can miss the SIGTERM of its group in the moment of its fork.
kill -s KILL -- "-$job" 2>/dev/null
kill "$watcher" 2>/dev/null
exit "$status"
`;

/** The argument list that runs a script on a lifeline. */
export function lifelineArgs(script: string, args: readonly string[]): readonly [string, ...string[]] {
  return ['sh', '-c', LIFELINE, 'handyrep', script, ...args];
}
