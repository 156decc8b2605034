import type { Tablespace } from './copy.js';
import type { ServerDef } from './model.js';
import type { SqlFacts } from './observation.js';
import { type Failure, type Outcome, fail, ok } from './outcome.js';

/** What is in a data directory: nothing, only a server's own configuration, a database cluster, or something else. */
export type DirectoryState = 'missing' | 'empty' | 'prepared' | 'data' | 'other';

/** A directory outside of the data directory that the copy will fill. */
export interface OutsideLook {
  readonly location: string;
  /** `own`: it holds what the data directory that is there links to; `used`: somebody else's files. */
  readonly state: 'missing' | 'empty' | 'own' | 'used' | 'unwritable';
  readonly free_bytes: number | null;
}

/** What the host of a server that is to be made anew tells. */
export interface TargetLook {
  readonly directory: DirectoryState;
  /** Some of the names in it. */
  readonly names: string;
  /** Its control file and standby.signal say that it is a replica: for one that runs and does not let us in. */
  readonly standby: boolean;
  /** The postmaster of the data directory; null: none runs. */
  readonly postmaster: number | null;
  /** Processes that a dead postmaster left. */
  readonly orphans: string;
  /** Of the data directory; null where its control file cannot be read. */
  readonly system_identifier: string | null;
  /** The first digits of its control file, by which it is known again; empty where there is none. */
  readonly fingerprint: string;
  readonly writable: boolean;
  /** Whether a postgresql.conf of its own is there: in the data directory, kept beside it, or in `pgconf`. */
  readonly has_conf: boolean;
  /** The major version of the server program there, and where it lies; null: none was found. */
  readonly major: number | null;
  readonly program: string;
  readonly free_bytes: number | null;
  /** Where pg_wal is a link to. */
  readonly waldir: string | null;
  /** The directories of the source's tablespaces, in their order, and behind them the separate WAL directory, if there is one. */
  readonly outside: readonly OutsideLook[];
}

/** What the server that is copied tells. */
export interface SourceFacts {
  readonly in_recovery: boolean;
  readonly system_identifier: string;
  readonly major: number;
  readonly port: number;
  /** Of everything inside the data directory but WAL. */
  readonly data_bytes: number;
  /** What the WAL of a copy may come to. */
  readonly wal_bytes: number;
  readonly tablespaces: readonly Tablespace[];
  readonly free_senders: number;
}

export interface CloneSituation {
  readonly target: ServerDef;
  readonly source: ServerDef;
  readonly master: ServerDef;
  /** What the target says by SQL; null: it does not answer. */
  readonly target_facts: SqlFacts | null;
  readonly look: TargetLook;
  readonly source_facts: SourceFacts;
  /** On the master. */
  readonly free_slots: number;
  /** A rebuild of ours was broken off there: what the directory holds is its. */
  readonly broken: boolean;
  readonly reclone: boolean;
  readonly force: boolean;
}

/** What a clone that may be done begins with. */
export interface CloneStart {
  /** The target runs as a replica and is stopped first. */
  readonly stop: boolean;
  /** The directory holds a database cluster, whole or half. */
  readonly replaces: boolean;
}

/** Whether a server may be made anew: every refusal names what was seen and what to do. */
export function judgeClone(seen: CloneSituation): Outcome<CloneStart> {
  const why =
    whyRunning(seen) ??
    whyDirectory(seen) ??
    whyOutside(seen) ??
    whyPrograms(seen) ??
    whyNoRoom(seen) ??
    whySlots(seen);
  if (why !== null) return { ok: false, error: why };
  const { look } = seen;
  return ok({ stop: look.postmaster !== null, replaces: look.directory === 'data' || look.directory === 'other' });
}

function refuse({ target }: CloneSituation, message: string, hint: string): Failure {
  return fail('unsafe', `${target.name}: ${message}`, { server: target.name, hint }).error;
}

function whyRunning(seen: CloneSituation): Failure | null {
  const { target, master, source_facts, target_facts: facts, look } = seen;
  if (target.name === master.name) {
    return refuse(seen, 'it is the master, which is never made anew', 'name a replica');
  }
  const accepts = facts !== null && !facts.in_recovery;
  if (accepts && facts.system_identifier === source_facts.system_identifier) {
    const hint = 'see `handyrep failover-check`, which stops a former master; or stop PostgreSQL there by hand';
    return refuse(seen, `it answers and accepts writes at ${target.hostname}:${target.port}`, hint);
  }
  if (look.postmaster === null && facts !== null) {
    const where = `${target.hostname}:${target.port}`;
    const hint = 'correct hostname, port or pgdata; or stop what listens there';
    return refuse(seen, `PostgreSQL answers at ${where}, and none runs in ${target.pgdata}`, hint);
  }
  if (accepts) {
    return refuse(seen, 'another cluster answers there and accepts writes', 'correct hostname, port and pgdata');
  }
  if (look.postmaster === null) {
    if (look.orphans === '') return null;
    const hint = 'end them, then try again';
    return refuse(seen, `no postmaster runs, and processes of ${target.pgdata} are left: ${look.orphans}`, hint);
  }
  if (!seen.reclone) {
    const hint = `\`handyrep clone ${target.name} --reclone\` stops it and replaces what it holds`;
    return refuse(seen, `it runs (pid ${look.postmaster}, ${target.pgdata})`, hint);
  }
  if (facts === null && !look.standby) {
    const hint = 'stop PostgreSQL there by hand; only a server that says that it is a replica is stopped';
    return refuse(seen, `it runs (pid ${look.postmaster}) and does not say whether it accepts writes`, hint);
  }
  return null;
}

function whyDirectory(seen: CloneSituation): Failure | null {
  const { target, look, source, source_facts, broken } = seen;
  if (!look.writable) {
    const hint = `give it to the postgres OS user on ${target.hostname}`;
    return refuse(seen, `${target.pgdata} cannot be written, or not be made in its parent folder`, hint);
  }
  if (look.directory === 'other' && !broken) {
    const hint = `is pgdata right? Empty it by hand: what is no data directory is never removed`;
    return refuse(seen, `${target.pgdata} is neither empty nor a data directory: ${look.names}`, hint);
  }
  if (look.directory === 'data' && !broken) {
    if (!seen.reclone) {
      const hint = `\`handyrep clone ${target.name} --reclone\` replaces it`;
      return refuse(seen, `${target.pgdata} holds a data directory`, hint);
    }
    const hint = `is pgdata right? \`--reclone --force\` replaces it all the same`;
    const { system_identifier: found } = look;
    if (found === null && !seen.force) {
      return refuse(seen, `its control file cannot be read, so nobody can say whose data ${target.pgdata} is`, hint);
    }
    if (found !== null && found !== source_facts.system_identifier && !seen.force) {
      const whose = `system identifier ${found}, not ${source_facts.system_identifier}`;
      return refuse(seen, `${target.pgdata} is of another cluster (${whose})`, hint);
    }
  }
  if (look.has_conf) return null;
  if (target.pgconf !== null) {
    const hint = `make its configuration there first (Debian: pg_createcluster), with port ${target.port}`;
    return refuse(seen, `there is no postgresql.conf in ${target.pgconf}`, hint);
  }
  if (target.port === source_facts.port) return null;
  const hint = `put a postgresql.conf with port = ${target.port} into ${target.pgdata}, and try again`;
  const message = `it would get the configuration of ${source.name}, whose port is ${source_facts.port}, not ${target.port}`;
  return refuse(seen, message, hint);
}

function whyOutside(seen: CloneSituation): Failure | null {
  for (const { location, state } of seen.look.outside) {
    if (state === 'unwritable') {
      const hint =
        'give its folder to the postgres OS user, or name another (tablespace_mapping and waldir of the clone method)';
      return refuse(seen, `the directory ${location} cannot be made or written`, hint);
    }
    if (state !== 'used' || seen.broken) continue;
    const hint = 'empty it, or name another (tablespace_mapping and waldir of the clone method)';
    return refuse(seen, `the directory ${location} is not empty`, hint);
  }
  return null;
}

function whyPrograms(seen: CloneSituation): Failure | null {
  const { target, look, source, source_facts } = seen;
  if (look.major === null) {
    const hint = `install PostgreSQL ${source_facts.major} there, or correct bin_dir`;
    return refuse(seen, `no server program of PostgreSQL ${source_facts.major} was found on ${target.hostname}`, hint);
  }
  if (look.major === source_facts.major) return null;
  const hint = `install PostgreSQL ${source_facts.major} there, or correct bin_dir`;
  const message = `${look.program} is PostgreSQL ${look.major}, and ${source.name} is ${source_facts.major}`;
  return refuse(seen, message, hint);
}

function whyNoRoom(seen: CloneSituation): Failure | null {
  const { target, look, source, source_facts } = seen;
  const needed = source_facts.data_bytes + source_facts.wal_bytes;
  const { free_bytes: free } = look;
  if (free !== null && free < needed) {
    const message = `${source.name} needs ${about(needed)} (WAL included), and ${target.pgdata} has room for ${about(free)}`;
    return refuse(seen, message, 'free space there, or give it a larger disk');
  }
  for (const [index, outside] of look.outside.entries()) {
    const bytes = source_facts.tablespaces[index]?.bytes ?? source_facts.wal_bytes;
    if (outside.free_bytes === null || outside.free_bytes >= bytes) continue;
    const message = `${outside.location} gets ${about(bytes)} and has room for ${about(outside.free_bytes)}`;
    return refuse(seen, message, 'free space there, or map it elsewhere (tablespace_mapping of the clone method)');
  }
  return null;
}

/** Ours that is temporary, the one that stays, and the method's own. */
const SLOTS = 3;
/** The copy and its WAL. */
const SENDERS = 2;

function whySlots(seen: CloneSituation): Failure | null {
  const { master, source, target, source_facts } = seen;
  const slots = target.use_slots ? SLOTS : SLOTS - 1;
  if (seen.free_slots < slots) {
    const message = `${slots} replication slots are needed on ${master.name}, and ${seen.free_slots} are free`;
    return refuse(seen, message, 'drop slots that nobody uses, or raise max_replication_slots');
  }
  if (source_facts.free_senders >= SENDERS) return null;
  const message = `${SENDERS} WAL senders are needed on ${source.name}, and ${source_facts.free_senders} are free`;
  return refuse(seen, message, 'wait for other copies to end, or raise max_wal_senders');
}

/** A size with one digit behind the point. */
export function about(bytes: number): string {
  const units = ['TB', 'GB', 'MB', 'kB'] as const;
  const index = units.findIndex((_, at) => bytes >= 1024 ** (4 - at));
  const unit = units[index];
  return unit === undefined ? `${Math.round(bytes)} B` : `${(bytes / 1024 ** (4 - index)).toFixed(1)} ${unit}`;
}
