import type { FailoverPolicy, ServerDef, StepKind } from './model.js';
import {
  ALERT_BOOK_MS,
  ARCHIVE_TRY_MS,
  CALM_LOOK_MS,
  CLEARING_MS,
  CLONE_LOCK_MS,
  CLOSER_LOOK_MS,
  DRAIN_MS,
  EVIDENCE_MS,
  FENCE_EXTRA_MS,
  GOODBYE_MS,
  HANDOVER_PROOF_MS,
  KEEP_WAL_MS,
  KILL_GRACE_MS,
  KNOCK_MS,
  LATE_STOP_MS,
  LIFELINE_GRACE_MS,
  LINGER_MS,
  LOCK_BESIDE_MS,
  LOCK_GRACE_MS,
  LONGEST_PLUGIN_MS,
  LONGEST_RECOVERY_MS,
  LONGEST_START_MS,
  MASTER_CHECK_MS,
  MOST_ROUNDS,
  OLD_SLOT_MS,
  OWN_WORK_MS,
  PG_CTL_EXTRA_MS,
  POLL_SLACK_MS,
  READ_WAL_MS,
  RECEIVER_FADE_MS,
  RECEIVER_RETRY_MS,
  RECEIVER_STOP_MS,
  REJOIN_LOCK_MS,
  SEND_ALERTS_MS,
  SLOT_RELEASE_MS,
  START_AGAIN_MS,
  STOP_ALERT_MS,
  STOP_COMMAND_MS,
  TRY_LOGIN_MS,
} from './limits.js';

/** The settings that bound a run. Times in milliseconds. */
export interface TimingInput {
  readonly connect_timeout: number;
  readonly statement_timeout: number;
  readonly ssh_timeout: number;
  readonly command_timeout: number;
  readonly policy: Pick<
    FailoverPolicy,
    | 'fail_retries'
    | 'fail_retry_interval'
    | 'recovery_retries'
    | 'auto_rejoin'
    | 'fence_method'
    | 'connection_failover_method'
  > & { readonly rejoin_method: string };
  readonly servers: readonly ServerDef[];
  readonly extra_commands: readonly { readonly timeout: number; readonly when: 'before' | 'after' }[];
  /** Plugins that look after the archive; null where HandyRep does not. */
  readonly archive: { readonly script_method: string; readonly delete_method: string | null } | null;
  /** By plugin, what its own settings allow (`timeout`, `wait_seconds`); absent where they say nothing. */
  readonly plugins: Readonly<Record<string, number>>;
  /** Plugins of the user's own: nothing but the general limit bounds them. */
  readonly own_plugins: readonly string[];
}

/** The longest that one kind of run can last, and what that is made of. Milliseconds. */
export interface RunTiming {
  /** The command. */
  readonly run: string;
  /** What it meets. */
  readonly when: string;
  readonly at_most: number;
  readonly parts: readonly TimingPart[];
}

export interface TimingPart {
  readonly what: string;
  readonly ms: number;
}

/** Between two questions of a wait, and the last one may begin just before its deadline. */
const EVERY_MS = 500;
/** Small remote commands of a rejoin or a clone, each within command_timeout. */
const SMALL_COMMANDS = 20;

/** What one thing may take, before it is added up. */
export interface Bounds {
  readonly sql: number;
  readonly look: number;
  readonly closer: number;
  /** From the first silence until it is believed. */
  readonly doubt: number;
  readonly first_look: number;
  readonly findings: number;
  readonly failover: number;
  readonly switchover: number;
  /** An act after which everything is looked at again: a roll back, a former master stopped, the master started. */
  readonly again: number;
  readonly restart: number;
  readonly steps: Readonly<Record<StepKind, number>>;
}

/** The single bounds of a configuration; {@link runTimings} adds them up. */
export function boundsOf(input: TimingInput): Bounds {
  const { connect_timeout, statement_timeout, ssh_timeout, command_timeout, policy, servers } = input;
  const sql = connect_timeout + statement_timeout + 2 * GOODBYE_MS;
  const look = connect_timeout + statement_timeout + POLL_SLACK_MS;
  const recovery = policy.recovery_retries * 1000;
  const small = command(command_timeout);
  const host = command(ssh_timeout + CLOSER_LOOK_MS);
  const calm = command(ssh_timeout + CALM_LOOK_MS);
  // The history of the newest timeline, asked of one server after the other, by two ways each.
  const closer = Math.max(look, host) + servers.length * 2 * sql;
  const doubt = closer + policy.fail_retries * policy.fail_retry_interval + Math.max(look, closer);
  const once = Math.max(look + 2 * sql, MASTER_CHECK_MS);
  const first_look = 2 * once;
  const connections = connectionsTime(input);
  const findings = Math.max(2 * calm, sql, connections, archiveTime(input).look);

  const restarting = (within: number): number =>
    Math.max(
      ...servers.map(({ restart_method: name }) =>
        input.own_plugins.includes(name) ? LONGEST_PLUGIN_MS : small + command(within + PG_CTL_EXTRA_MS),
      ),
      0,
    );
  const restart = restarting(command_timeout);
  const start = restart + wait(recovery, restart);
  const fencing = command(ssh_timeout + FENCE_EXTRA_MS);
  const fence = policy.fence_method === null ? fencing : fencing + pluginTime(input, policy.fence_method) + look;
  const unfence = command(ssh_timeout + command_timeout);
  const follow = 3 * sql;
  const promotion = Math.max(...servers.map((one) => pluginTime(input, one.promotion_method)), 0);
  const promote =
    4 * sql + promotion + sql + wait(Math.max(recovery, connect_timeout), look) + fencing + look + GOODBYE_MS;
  const restartFailed = look + start;
  const standby = 2 * small + sql;

  const steps: Record<StepKind, number> = {
    // Whether the old master is back is looked at behind them.
    before_commands: commandsTime(input, 'before') + look,
    pause_connections: connections,
    fence_old_master: fence,
    stop_receivers: wait(RECEIVER_FADE_MS, look) + sql + follow + wait(RECEIVER_STOP_MS, look),
    choose: look,
    checkpoint: 2 * (command_timeout + 2 * GOODBYE_MS),
    stop_old_master: small + Math.max(restarting(recovery), command(recovery + ssh_timeout)) + LATE_STOP_MS,
    prove_candidate: wait(Math.max(HANDOVER_PROOF_MS, connect_timeout), look),
    promote,
    prove_writes: wait(recovery, sql),
    record: look + sql,
    move_connections: connections,
    remaster: sql + follow + wait(recovery, look),
    return_old_master:
      look +
      wait(command_timeout, command(ssh_timeout + connect_timeout) + look) +
      2 * sql +
      standby +
      start +
      wait(LONGEST_START_MS, look + sql),
    extra_commands: commandsTime(input, 'after'),
  };
  const roll_back = follow + 4 * look + unfence + fencing + unfence + start + wait(recovery, look);
  const abort = roll_back + unfence + start + restartFailed;
  const before = (kinds: readonly StepKind[]): number => sum(kinds.map((kind) => steps[kind]));
  const after = before(['prove_writes', 'record', 'move_connections', 'remaster', 'extra_commands']);
  // One that fails is followed by the next, behind a fence that is tried again.
  const candidates = Math.max(1, servers.filter((one) => one.enabled && one.failover_priority !== null).length);
  const promotions = candidates * before(['fence_old_master', 'choose', 'promote']);
  const failover =
    before(['before_commands', 'fence_old_master', 'stop_receivers']) +
    promotions +
    Math.max(after, abort) +
    restartFailed;
  const preflight = Math.max(
    calm,
    LONGEST_PLUGIN_MS,
    command(ssh_timeout + TRY_LOGIN_MS) + LIFELINE_GRACE_MS + 2 * sql,
  );
  const handover = before([
    'before_commands',
    'checkpoint',
    'pause_connections',
    'stop_old_master',
    'prove_candidate',
    'promote',
  ]);
  const switchover = preflight + handover + Math.max(after + steps.return_old_master, abort) + restartFailed;
  const again = Math.max(fencing + restartFailed + roll_back, fence, restart + wait(recovery, look));
  return { sql, look, closer, doubt, first_look, findings, failover, switchover, again, restart, steps };
}

/** The longest that each kind of run can last with this configuration. `--lock-wait` comes on top. */
export function runTimings(input: TimingInput): readonly RunTiming[] {
  const bounds = boundsOf(input);
  const { sql, first_look, findings, doubt, failover, switchover, again } = bounds;
  const n = input.servers.length;
  const beside = input.policy.auto_rejoin ? LOCK_BESIDE_MS : 0;
  const fencing = command(input.ssh_timeout + FENCE_EXTRA_MS);
  const begin: readonly TimingPart[] = [
    { what: 'the program itself, its files and its disk', ms: OWN_WORK_MS },
    { what: 'the lock, and the saved state', ms: LOCK_GRACE_MS + beside + 3 * sql },
  ];
  const looking = { what: 'looking at every server, twice where the table is newer', ms: first_look };
  const alerts = SEND_ALERTS_MS + STOP_ALERT_MS + 2 * ALERT_BOOK_MS;
  const end: readonly TimingPart[] = [
    { what: 'broken clones', ms: n * sql },
    { what: 'the cluster table', ms: sql },
    { what: 'alerts, the evidence journal, what is left', ms: alerts + EVIDENCE_MS + LINGER_MS },
  ];
  const thorough = { what: 'looking thoroughly', ms: findings };
  const given_up = { what: 'looking that is given up when the master falls silent (--for)', ms: first_look + findings };
  const connections = connectionsTime(input);
  const asking = connections === 0 ? [] : [{ what: 'asking the proxies', ms: connections }];
  const paying = connections === 0 ? [] : [{ what: 'clients that are owed a move', ms: KNOCK_MS + connections }];
  const archive = archiveTime(input);
  const installing =
    archive.pay === 0 ? [] : [{ what: 'archive scripts, and WAL that a former master left', ms: archive.pay }];
  const owed = { what: 'fencing that was owed', ms: fencing };
  const doubting = { what: 'looking closer, retries', ms: doubt };
  const afterwards = { what: 'looking at everybody again', ms: first_look + findings };
  const failing = { what: 'the steps of a failover, every candidate failing', ms: failover };
  const handing = { what: 'the preflight, and the steps of a switchover', ms: switchover };
  const rounds = {
    what: `${MOST_ROUNDS - 1} acts after which everything is looked at again`,
    ms: (MOST_ROUNDS - 1) * (first_look + doubt + n * sql + fencing + connections + archive.pay + again),
  };
  const whole = (run: string, when: string, ...parts: readonly TimingPart[]): RunTiming =>
    timing(run, when, [...begin, ...parts, ...end]);
  return [
    whole('poll', '', looking, ...asking),
    whole('verify', '', looking, thorough),
    whole('failover-check', 'the master answers', looking, thorough, owed, ...paying, ...installing),
    whole('failover-check', 'the master is doubted, and nothing is done', given_up, looking, doubting),
    whole('failover-check', 'it fails over', given_up, looking, doubting, failing, afterwards, ...installing),
    whole(
      'failover-check',
      'whatever it has to finish, stop or start before',
      given_up,
      rounds,
      looking,
      doubting,
      failing,
      afterwards,
      ...installing,
    ),
    whole('failover', 'the master lives: a switchover', looking, doubting, handing, afterwards, ...installing),
    whole('drill', '', looking, { what: 'looking closer', ms: bounds.closer }),
    timing('doctor', '', [...begin, doctorTime(input, bounds), { what: 'what is left', ms: LINGER_MS }]),
    whole('start, stop, restart', '', looking, serviceTime(input, bounds), afterwards),
    whole('remaster', '', looking, remasterTime(input, bounds), afterwards),
    whole('pause, resume, ack', '', looking),
    whole('rejoin', 'with pg_rewind', looking, ...rejoinTime(input, bounds)),
    whole('clone', '', looking, ...cloneTime(input, bounds)),
    ...(input.archive === null ? [] : [whole('archive', '', looking, looking, archive.acting)]),
  ];
}

/** The bound of a run that has ended, by what it turned out to be. `null`: no run is known by that name. */
export function boundOfRun(
  timings: readonly RunTiming[],
  run: string,
  did: { readonly acted: boolean; readonly failed_over: boolean },
): number | null {
  const mine = timings.filter((one) => one.run.split(', ').includes(run));
  const quiet = run === 'failover-check' && !did.acted && !did.failed_over;
  const fitting = quiet
    ? mine.filter((one) => one.when.includes('nothing is done') || one.when.includes('answers'))
    : mine;
  return fitting.length === 0 ? null : Math.max(...fitting.map((one) => one.at_most));
}

function timing(run: string, when: string, parts: readonly TimingPart[]): RunTiming {
  return { run, when, at_most: sum(parts.map(({ ms }) => ms)), parts };
}

/** A local or remote command: then it is killed, and what hangs in the kernel is not waited for. */
function command(timeout: number): number {
  return timeout + 2 * KILL_GRACE_MS + DRAIN_MS;
}

/** Asking until the deadline: the last question may begin just before it. */
function wait(deadline: number, question: number): number {
  return deadline + EVERY_MS + question;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/** What a plugin's own settings allow, or the general limit. */
function pluginTime({ plugins }: TimingInput, name: string): number {
  const own = Object.hasOwn(plugins, name) ? plugins[name] : undefined;
  return command((own ?? LONGEST_PLUGIN_MS) + PG_CTL_EXTRA_MS);
}

/** Its settings bound single commands; what is one step is bounded by the general limit. */
function connectionsTime(input: TimingInput): number {
  const { connection_failover_method: method } = input.policy;
  return method === null ? 0 : Math.max(pluginTime(input, method), command(LONGEST_PLUGIN_MS));
}

/** `look`: of a verify; `pay`: of a check; `acting`: of the command. Without an archive nothing takes any time. */
function archiveTime(input: TimingInput): {
  readonly look: number;
  readonly pay: number;
  readonly acting: TimingPart;
} {
  const { archive, ssh_timeout, command_timeout } = input;
  const what = 'the scripts, or what is deleted';
  if (archive === null) return { look: 0, pay: 0, acting: { what, ms: 0 } };
  // The built-in methods only compute.
  const making = input.own_plugins.includes(archive.script_method) ? command(LONGEST_PLUGIN_MS) : 0;
  const calm = command(ssh_timeout + CALM_LOOK_MS);
  const installing = making + 2 * calm;
  const look = making + calm;
  const trying = look + command(ARCHIVE_TRY_MS);
  const deleting = archive.delete_method === null ? 0 : making + command(LONGEST_PLUGIN_MS);
  const ms = Math.max(installing + command(command_timeout) + trying, deleting);
  return { look, pay: installing + making + command(command_timeout), acting: { what, ms } };
}

function commandsTime({ extra_commands }: TimingInput, wanted: 'before' | 'after'): number {
  return sum(extra_commands.map(({ timeout, when }) => (when === wanted ? timeout + STOP_COMMAND_MS : 0)));
}

function serviceTime(input: TimingInput, { restart, look, sql }: Bounds): TimingPart {
  const calm = command(input.ssh_timeout + CALM_LOOK_MS);
  const ms =
    2 * calm +
    restart +
    wait(START_AGAIN_MS, restart + calm) +
    wait(LONGEST_START_MS, look + sql) +
    wait(input.policy.recovery_retries * 1000, calm) +
    wait(RECEIVER_RETRY_MS, look);
  return { what: 'the restart method, and the proof', ms };
}

/** Plugins test themselves, and every server tries to log in to every other one. */
function doctorTime(input: TimingInput, { look, sql }: Bounds): TimingPart {
  const archive = input.archive === null ? 0 : sql + archiveTime(input).look + command(ARCHIVE_TRY_MS);
  const calm = command(input.ssh_timeout + CALM_LOOK_MS);
  const login = command(input.ssh_timeout + TRY_LOGIN_MS) + LIFELINE_GRACE_MS + 2 * sql;
  const host = 2 * calm + Math.max(calm, command(input.command_timeout), LONGEST_PLUGIN_MS);
  return { what: 'looking at everything', ms: look + Math.max(host, 2 * sql, archive) + input.servers.length * login };
}

function remasterTime(input: TimingInput, { steps, look, sql }: Bounds): TimingPart {
  const slots = input.servers.length * (wait(SLOT_RELEASE_MS, sql) + 2 * sql);
  return { what: 'the reload, the proof, and old slots', ms: look + 2 * sql + steps.remaster + slots };
}

function rejoinTime(input: TimingInput, { sql, look, restart }: Bounds): readonly TimingPart[] {
  const { command_timeout, ssh_timeout, connect_timeout, policy } = input;
  const recovery = policy.recovery_retries * 1000;
  const host = command(ssh_timeout + connect_timeout);
  const stop = host + restart + wait(recovery, host) + command(ssh_timeout + FENCE_EXTRA_MS);
  const checkpoint = 2 * sql + 2 * command_timeout + wait(command_timeout, sql);
  return [
    {
      what: 'stopping it, small commands, a checkpoint',
      ms: stop + SMALL_COMMANDS * command(command_timeout) + checkpoint,
    },
    { what: 'reading its WAL, and keeping what only it has', ms: command(READ_WAL_MS) + command(KEEP_WAL_MS) },
    { what: policy.rejoin_method, ms: pluginTime(input, policy.rejoin_method) + LIFELINE_GRACE_MS },
    {
      what: 'starting it, and its recovery',
      ms: restart + wait(recovery, restart) + wait(LONGEST_RECOVERY_MS, look + sql),
    },
    { what: 'the lock, to put the end on record', ms: REJOIN_LOCK_MS + LOCK_GRACE_MS },
  ];
}

function cloneTime(input: TimingInput, { sql, look, restart }: Bounds): readonly TimingPart[] {
  const { command_timeout, policy, servers } = input;
  const recovery = policy.recovery_retries * 1000;
  const copy = Math.max(...servers.map((one) => pluginTime(input, one.clone_method)), 0);
  return [
    {
      what: 'stopping it, small commands, slots',
      ms:
        restart +
        SMALL_COMMANDS * command(command_timeout) +
        wait(OLD_SLOT_MS, command_timeout + sql) +
        2 * wait(recovery, 2 * sql),
    },
    { what: 'what only it has of WAL', ms: command(READ_WAL_MS) + command(KEEP_WAL_MS) },
    { what: 'emptying its data directory', ms: command(CLEARING_MS) },
    // clone_rsync begins and ends a backup around its copy, and each of the three may take as long.
    { what: 'the copy', ms: 3 * copy + command(LONGEST_RECOVERY_MS) + LIFELINE_GRACE_MS },
    {
      what: 'starting it, and its recovery',
      ms: restart + wait(recovery, restart) + wait(LONGEST_RECOVERY_MS, look + sql),
    },
    { what: 'the lock, to put the end on record', ms: CLONE_LOCK_MS + LOCK_GRACE_MS },
  ];
}
