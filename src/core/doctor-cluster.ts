import { type DoctorFinding, type Fix, type SqlPlace, shellWord, sqlFix } from './doctor.js';
import type { FailoverPolicy, ServerDef } from './model.js';
import type { PreflightFinding, PreflightName } from './preflight.js';
import { parseSyncNames } from './sync.js';

/** What concerns the cluster as a whole. */
export interface ClusterCheckup {
  readonly policy: Pick<FailoverPolicy, 'min_witnesses' | 'max_data_loss' | 'fence_method' | 'require_fencing'>;
  readonly servers: readonly ServerDef[];
  /** The recorded master; null: none is recorded. */
  readonly master: string | null;
  /** How the master answered, where it does not take writes; null: it takes them. */
  readonly master_trouble: string | null;
  /** Replicas that stream. */
  readonly streaming: readonly string[];
  /** Replicas whose own look reached the master. */
  readonly witnesses: readonly string[];
  /** `pg_settings` of the master; null where it does not answer. */
  readonly settings: Readonly<Record<string, string>> | null;
  /** What a switchover to each candidate would stumble over. */
  readonly preflight: readonly PreflightFinding[];
  place(server: string): SqlPlace;
}

export function judgeCluster(checkup: ClusterCheckup): readonly DoctorFinding[] {
  return [
    ...judgeMaster(checkup),
    ...judgeCandidates(checkup),
    ...judgeFencing(checkup),
    ...judgeSynchronous(checkup),
    ...checkup.preflight.flatMap((one) => fromPreflight(one, checkup)),
  ];
}

function replicas({ servers, master }: ClusterCheckup): readonly ServerDef[] {
  return servers.filter((one) => one.enabled && one.name !== master);
}

function judgeMaster({ master, master_trouble }: ClusterCheckup): readonly DoctorFinding[] {
  if (master === null) {
    const fix = { where: 'on this host', lines: ['handyrep verify'] };
    return [{ name: 'master', server: null, severity: 'fails', text: 'no master is recorded', fix }];
  }
  if (master_trouble === null) return [];
  const fix = { where: 'on this host', lines: ['handyrep failover-check --dry-run'] };
  const text = `the recorded master ${master} does not take writes now: ${master_trouble}`;
  return [{ name: 'master', server: master, severity: 'fails', text, fix }];
}

function judgeCandidates(checkup: ClusterCheckup): readonly DoctorFinding[] {
  const all = replicas(checkup);
  const promotable = all.filter((one) => one.failover_priority !== null);
  const fit = promotable.filter(({ name }) => checkup.streaming.includes(name));
  const findings: DoctorFinding[] = [];
  const here = 'on this host';
  if (promotable.length === 0) {
    const [first] = all;
    const lines =
      first === undefined
        ? ['handyrep server add NAME hostname=ADDRESS', 'handyrep clone NAME']
        : [`handyrep server alter ${first.name} failover_priority=1`];
    const text = all.length === 0 ? 'there is no enabled replica to promote' : 'no replica has a failover_priority';
    findings.push({ name: 'candidates', server: null, severity: 'fails', text, fix: { where: here, lines } });
  } else if (fit.length === 0) {
    const lines = promotable.map(
      ({ name }) => `handyrep remaster ${name}    # or, where it fell out: handyrep rejoin ${name}`,
    );
    const text = `no replica that may be promoted streams (${promotable.map(({ name }) => name).join(', ')})`;
    findings.push({ name: 'candidates', server: null, severity: 'fails', text, fix: { where: here, lines } });
  }
  const { min_witnesses } = checkup.policy;
  const able = checkup.witnesses.length;
  if (able < min_witnesses) {
    const who = able === 0 ? 'none' : checkup.witnesses.join(', ');
    const text = `failover.min_witnesses is ${min_witnesses}, and of the replicas ${who} can look at the master: a lost master would not be believed lost`;
    const lines = [
      '# mend what is named for the other replicas, or, in the configuration:',
      'failover:',
      `  min_witnesses: ${Math.max(1, able)}`,
    ];
    findings.push({ name: 'witnesses', server: null, severity: 'fails', text, fix: { where: here, lines } });
  }
  return findings;
}

function judgeFencing({ policy }: ClusterCheckup): readonly DoctorFinding[] {
  if (!policy.require_fencing || policy.fence_method !== null) return [];
  const text =
    'require_fencing is true and there is no fence_method: a master whose whole host is lost would not be replaced';
  const lines = [
    'failover:',
    '  fence_method: fence_command',
    'plugins:',
    '  fence_command: { command: [PROGRAM, ARGUMENT] }',
  ];
  return [{ name: 'fencing', server: null, severity: 'fails', text, fix: { where: 'in the configuration', lines } }];
}

/** With `none` an automatic failover needs the proof that synchronous replication gives. */
function judgeSynchronous(checkup: ClusterCheckup): readonly DoctorFinding[] {
  const { policy, settings, master } = checkup;
  if (policy.max_data_loss !== 'none' || settings === null || master === null) return [];
  const names = replicas(checkup).map(({ name }) => `"${name}"`);
  const finding = (text: string, statement: string): DoctorFinding => ({
    name: 'synchronous',
    server: master,
    severity: 'fails',
    text: `max_data_loss is none, and ${text}: only a master that was shut down would be replaced`,
    fix: sqlFix(checkup.place(master), [statement, 'SELECT pg_reload_conf()']),
  });
  const findings: DoctorFinding[] = [];
  if (parseSyncNames(settings['synchronous_standby_names'] ?? '') === null) {
    const value = `ANY 1 (${names.join(', ')})`;
    findings.push(
      finding('synchronous_standby_names is empty', `ALTER SYSTEM SET synchronous_standby_names = '${value}'`),
    );
  }
  const commit = settings['synchronous_commit'] ?? 'on';
  if (commit === 'off' || commit === 'local') {
    findings.push(finding(`synchronous_commit is ${commit}`, 'ALTER SYSTEM SET synchronous_commit = on'));
  }
  return findings;
}

/**
 * Of what a switchover would stumble over, what lasts; null: it is over in a moment, or a doctor looks at it in another way.
 * `fails` where a failover would stumble too.
 */
const LASTING: Readonly<Record<PreflightName, DoctorFinding['severity'] | null>> = {
  archiver_backlog: null,
  archiver_failing: 'warning',
  base_backup_running: null,
  logical_consumer: 'warning',
  foreign_walsender: null,
  long_transaction: null,
  replica_not_streaming: 'warning',
  candidate_behind: null,
  replay_paused: 'warning',
  low_disk: null,
  no_remote_commands: null,
  service_method: null,
  replication_login: null,
  // A failover goes on without it, and finishes later.
  proxy: 'warning',
  no_free_slot: 'fails',
  no_free_walsender: 'fails',
  synchronous_names: 'fails',
  cannot_look: 'fails',
};

function fromPreflight(one: PreflightFinding, checkup: ClusterCheckup): readonly DoctorFinding[] {
  const severity = LASTING[one.name];
  if (severity === null) return [];
  const fix = preflightFix(one, checkup);
  return [{ name: 'preflight', server: one.server, severity, text: one.text, fix }];
}

function preflightFix({ name, server, hint }: PreflightFinding, checkup: ClusterCheckup): Fix {
  const sql = (...statements: readonly string[]): Fix => sqlFix(checkup.place(server), statements);
  const restarted = (statement: string): Fix => {
    const fix = sql(statement);
    return { ...fix, lines: [...fix.lines, `-- then, from this host: handyrep restart ${server}`] };
  };
  const followers = checkup.servers.filter((one) => one.enabled && one.name !== server);
  switch (name) {
    case 'no_free_slot':
      return restarted(`ALTER SYSTEM SET max_replication_slots = ${10 + 2 * followers.length}`);
    case 'no_free_walsender':
      return restarted(`ALTER SYSTEM SET max_wal_senders = ${10 + 2 * followers.length}`);
    case 'replay_paused':
      return sql('SELECT pg_wal_replay_resume()');
    case 'synchronous_names': {
      const names = followers.map((one) => `"${one.name}"`).join(', ');
      return sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${names})'`, 'SELECT pg_reload_conf()');
    }
    case 'cannot_look':
      return { where: 'on this host', lines: ['handyrep init --print-sql    # and run that on the master'] };
    case 'replica_not_streaming':
      return {
        where: 'on this host',
        lines: [
          `handyrep remaster ${shellWord(server)}    # or, where it fell out: handyrep rejoin ${shellWord(server)}`,
        ],
      };
    case 'proxy':
      return { where: 'on this host', lines: [`handyrep proxy init ${shellWord(server)}    # ${hint}`] };
    case 'archiver_backlog':
    case 'archiver_failing':
    case 'base_backup_running':
    case 'candidate_behind':
    case 'foreign_walsender':
    case 'logical_consumer':
    case 'long_transaction':
    case 'low_disk':
    case 'no_remote_commands':
    case 'replication_login':
    case 'service_method':
      return { where: `on ${server}`, lines: [`# ${hint}`] };
  }
}
