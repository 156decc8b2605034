import { formatSize } from './duration.js';
import type { ServerDef } from './model.js';
import type { HostLook } from './observation.js';
import { parseSyncNames } from './sync.js';

/** What a switchover will stumble over. The same names stand in reports and in the runbook. */
export type PreflightName =
  | 'archiver_backlog'
  | 'archiver_failing'
  | 'base_backup_running'
  | 'logical_consumer'
  | 'foreign_walsender'
  | 'long_transaction'
  | 'replica_not_streaming'
  | 'candidate_behind'
  | 'replay_paused'
  | 'low_disk'
  | 'no_remote_commands'
  | 'service_method'
  | 'replication_login'
  | 'proxy'
  | 'no_free_slot'
  | 'no_free_walsender'
  | 'synchronous_names'
  | 'cannot_look';

/** One finding; one that blocks is overridden by --force only. */
export interface PreflightFinding {
  readonly name: PreflightName;
  readonly server: string;
  readonly blocks: boolean;
  readonly text: string;
  readonly hint: string;
}

/** A connection that receives WAL from the master ("pg_stat_replication"). */
export interface Walsender {
  readonly application_name: string;
  readonly state: string;
  readonly slot_type: string | null;
  readonly slot_name: string | null;
}

/** What the master says of itself before it is stopped. */
export interface MasterPreflight {
  readonly archiving: boolean;
  /** WAL segments that wait for the archiver. */
  readonly ready: number;
  /** The archiver's last word was a failure: the segment it failed on. */
  readonly failing: string | null;
  readonly walsenders: readonly Walsender[];
  /** Oldest open transactions of clients, longest first. */
  readonly transactions: readonly { readonly pid: string; readonly user: string; readonly seconds: number }[];
}

/** What the candidate says of itself before it takes over. */
export interface CandidatePreflight {
  readonly replay_paused: boolean;
  readonly free_slots: number;
  readonly free_walsenders: number;
  readonly sync_names: string;
}

/** Everything that was looked at; a look that failed is the reason why. */
export interface PreflightLook {
  readonly master: ServerDef;
  readonly candidate: ServerDef;
  /** The other enabled replicas, and whether each streams. */
  readonly others: readonly { readonly def: ServerDef; readonly streaming: boolean }[];
  /** The names that known servers show to a master (`application_name`). */
  readonly known_names: readonly string[];
  readonly master_facts: MasterPreflight | string;
  readonly candidate_facts: CandidatePreflight | string;
  /** Bytes of WAL that the candidate has not received; null where it cannot be told. */
  readonly behind: number | null;
  readonly candidate_streams: boolean;
  readonly master_host: HostLook;
  readonly candidate_host: HostLook;
  /** Why the restart method would not work, by server. */
  readonly service_trouble: readonly { readonly server: string; readonly text: string }[];
  /** Why the old master could not log in to the candidate for replication; null: it can, or it could not be tried. */
  readonly login_trouble: string | null;
  /** Proxies whose clients could not be made to wait, or would be left behind. */
  readonly proxy_trouble: readonly Omit<PreflightFinding, 'name'>[];
}

/** A promoted server writes a new timeline at once, bytes. */
export const MIN_FREE = 64 * 1024 * 1024;
/** Less free than this where the data directory is, and a promotion or a busy hour may fill the disk, bytes. */
export const LOW_FREE = 256 * 1024 * 1024;
/** Segments that may wait for the archiver: more, and it is behind rather than busy. */
const MAX_READY = 4;
/** A transaction is long from here on, seconds. */
const LONG_TRANSACTION_S = 60;
/** What a candidate may be behind without a word, bytes: it is caught up while the master shuts down. */
const BEHIND_BYTES = 16 * 1024 * 1024;

/** Everything that stands in the way of a switchover, what blocks it first. Empty: go ahead. */
export function judgePreflight(look: PreflightLook): readonly PreflightFinding[] {
  const findings = [
    ...masterFindings(look),
    ...candidateFindings(look),
    ...streaming(look),
    ...hostFindings(look.master_host),
    ...hostFindings(look.candidate_host),
    ...look.proxy_trouble.map((one) => ({ name: 'proxy', ...one }) as const),
    ...look.service_trouble.map(({ server, text }) =>
      finding(
        'service_method',
        server,
        true,
        text,
        `correct the restart_method of ${server}, its settings or its sudo rule`,
      ),
    ),
    ...login(look),
  ];
  return findings.toSorted((a, b) => Number(b.blocks) - Number(a.blocks));
}

function finding(name: PreflightName, server: string, blocks: boolean, text: string, hint: string): PreflightFinding {
  return { name, server, blocks, text, hint };
}

function masterFindings({ master, known_names, master_facts: facts }: PreflightLook): readonly PreflightFinding[] {
  if (typeof facts === 'string') {
    return [
      finding(
        'cannot_look',
        master.name,
        true,
        `${master.name} cannot be looked at: ${facts}`,
        'grant what `handyrep init --print-sql` prints',
      ),
    ];
  }
  const [longest] = facts.transactions;
  return [
    ...archiver(master.name, facts),
    ...facts.walsenders.flatMap((one) => walsender(master.name, one, known_names)),
    ...(longest === undefined || longest.seconds < LONG_TRANSACTION_S
      ? []
      : [
          finding(
            'long_transaction',
            master.name,
            false,
            `${facts.transactions.length} transaction(s) on ${master.name} are open for over ${LONG_TRANSACTION_S} s, the longest for ${Math.round(longest.seconds)} s (pid ${longest.pid}, ${longest.user}): they are broken off`,
            'let them end first, if their work matters',
          ),
        ]),
  ];
}

function archiver(server: string, { archiving, ready, failing }: MasterPreflight): readonly PreflightFinding[] {
  if (!archiving) return [];
  const hint = 'mend archive_command and let it catch up: what is not archived stays on the old master only';
  if (failing !== null) {
    return [
      finding(
        'archiver_failing',
        server,
        true,
        `the archiver of ${server} fails on ${failing}, ${ready} segment(s) wait`,
        hint,
      ),
    ];
  }
  if (ready <= MAX_READY) return [];
  return [finding('archiver_backlog', server, true, `${ready} WAL segments of ${server} wait for its archiver`, hint)];
}

function walsender(server: string, one: Walsender, ours: readonly string[]): readonly PreflightFinding[] {
  const who = one.application_name === '' ? 'a client without a name' : one.application_name;
  if (one.state === 'backup') {
    return [
      finding(
        'base_backup_running',
        server,
        true,
        `${who} takes a base backup of ${server}: it would be broken off`,
        'wait for its end',
      ),
    ];
  }
  if (one.slot_type === 'logical') {
    const slot = one.slot_name ?? '';
    return [
      finding(
        'logical_consumer',
        server,
        true,
        `${who} reads the logical slot ${slot} of ${server}, and it does not move with the master unless it is a failover slot (PostgreSQL 17)`,
        'stop the consumer, or make sure that it can go on from the new master',
      ),
    ];
  }
  if (ours.includes(one.application_name)) return [];
  const text = `${who} receives WAL from ${server} and is none of the servers known here: it is not pointed at the new master`;
  const hint = 'point it at the new master afterwards; the shutdown waits for it until wal_sender_timeout';
  return [finding('foreign_walsender', server, false, text, hint)];
}

function candidateFindings(look: PreflightLook): readonly PreflightFinding[] {
  const { candidate, candidate_facts: facts, others, master } = look;
  const { name } = candidate;
  if (typeof facts === 'string') {
    return [
      finding(
        'cannot_look',
        name,
        true,
        `${name} cannot be looked at: ${facts}`,
        'grant what `handyrep init --print-sql` prints',
      ),
    ];
  }
  const followers = [master, ...others.map(({ def }) => def)];
  const slots = followers.filter((def) => def.use_slots).length;
  const findings: PreflightFinding[] = [];
  if (facts.free_slots < slots) {
    const text = `${name} has ${facts.free_slots} free replication slot(s), and ${slots} replicas will need one`;
    findings.push(
      finding('no_free_slot', name, true, text, 'raise max_replication_slots there, or drop slots that nobody uses'),
    );
  }
  if (facts.free_walsenders < followers.length) {
    const text = `${name} can serve ${facts.free_walsenders} more replication connection(s), and ${followers.length} replicas will follow it`;
    findings.push(finding('no_free_walsender', name, true, text, 'raise max_wal_senders there'));
  }
  if (facts.replay_paused) {
    const text = `replay is paused on ${name}: promoted, it replays first what it has received`;
    findings.push(finding('replay_paused', name, true, text, 'SELECT pg_wal_replay_resume() there'));
  }
  return [...findings, ...syncNames(name, facts.sync_names, followers)];
}

/** Commits on the new master would wait for ever for names that nobody has. */
function syncNames(server: string, setting: string, followers: readonly ServerDef[]): readonly PreflightFinding[] {
  const parsed = parseSyncNames(setting);
  if (parsed === null || parsed.names.includes('*')) return [];
  const known = followers.map((def) => def.name.toLowerCase());
  const here = parsed.names.filter((one) => known.includes(one));
  if (here.length >= parsed.num) return [];
  const text = `synchronous_standby_names of ${server} is ${setting}, and of these names only ${here.join(', ') || 'none'} will follow it: commits would wait`;
  return [
    finding('synchronous_names', server, true, text, 'set it there to the names of the replicas that will follow'),
  ];
}

function streaming({ candidate, candidate_streams, behind, others }: PreflightLook): readonly PreflightFinding[] {
  const findings: PreflightFinding[] = [];
  const hint = (name: string): string =>
    `see the log of ${name}; \`handyrep remaster ${name}\` or \`handyrep rejoin ${name}\``;
  if (!candidate_streams) {
    findings.push(
      finding('replica_not_streaming', candidate.name, true, `${candidate.name} does not stream`, hint(candidate.name)),
    );
  }
  if (behind !== null && behind > BEHIND_BYTES) {
    const text = `${candidate.name} is ${formatSize(behind)} of WAL behind: writes would stop until it has them`;
    findings.push(
      finding('candidate_behind', candidate.name, behind > candidate.lag_limit, text, 'wait until it has caught up'),
    );
  }
  for (const { def, streaming: streams } of others) {
    if (streams) continue;
    findings.push(finding('replica_not_streaming', def.name, false, `${def.name} does not stream`, hint(def.name)));
  }
  return findings;
}

function hostFindings(host: HostLook): readonly PreflightFinding[] {
  if (host.kind === 'no_answer') {
    const hint = 'mend ssh and sudo; `handyrep verify` tells when they work';
    return [
      finding('no_remote_commands', host.server, true, `no command can be run on ${host.server}: ${host.detail}`, hint),
    ];
  }
  if (host.postmaster.kind !== 'running') {
    const why =
      host.postmaster.kind === 'unknown' ? host.postmaster.detail : 'no postmaster of its data directory runs';
    return [
      finding(
        'no_remote_commands',
        host.server,
        true,
        `${host.server}: ${why}`,
        'correct pgdata, or the rights of the postgres OS user',
      ),
    ];
  }
  if (host.free_bytes === null || host.free_bytes >= LOW_FREE) return [];
  const text = `only ${Math.floor(host.free_bytes / 1024 / 1024)} MB are free where the data directory of ${host.server} is`;
  return [finding('low_disk', host.server, host.free_bytes < MIN_FREE, text, 'make room there')];
}

function login({ master, candidate, login_trouble }: PreflightLook): readonly PreflightFinding[] {
  if (login_trouble === null) return [];
  const text = `from its host, ${master.name} cannot log in to ${candidate.name} for replication, so it could not come back as its replica: ${login_trouble}`;
  return [
    finding(
      'replication_login',
      master.name,
      true,
      text,
      `let it in in pg_hba.conf of ${candidate.name}, with the password in the postgres OS user's .pgpass on ${master.hostname}`,
    ),
  ];
}
