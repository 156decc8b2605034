import type { DoctorFinding, SqlPlace } from './doctor.js';
import { isShared, shellWord, sqlFix } from './doctor.js';
import { formatSize } from './duration.js';
import type { ServerDef } from './model.js';
import type { HostLook, PortLook } from './observation.js';
import { LOW_FREE, MIN_FREE } from './preflight.js';
import { describeSkew } from './skew.js';

/** What one server's host and PostgreSQL tell a doctor, where they can be asked. */
export interface ServerCheckup {
  readonly server: ServerDef;
  readonly is_master: boolean;
  readonly host: HostLook | null;
  /** What the postgres OS user can do there; null where it could not be asked. */
  readonly rights: HostRights | null;
  /** Paths of PostgreSQL's programs by name; null where the host could not be asked. */
  readonly programs: Readonly<Record<string, string>> | null;
  /** `pg_settings` by name; null where SQL did not answer. */
  readonly settings: Readonly<Record<string, string>> | null;
  /** Milliseconds. */
  readonly skew: number | null;
  /** A replica's own look at the master's port; null: it is the master, or could not be asked. */
  readonly witness: { readonly port: PortLook; readonly detail: string } | null;
  readonly postgres_os_user: string;
  readonly place: SqlPlace;
}

/** Whether the postgres OS user may write where a failover writes. */
export interface HostRights {
  readonly pgdata: boolean;
  readonly auto_conf: boolean;
  /** The folder that the data directory is in: diverged WAL is kept there. */
  readonly beside: boolean;
}

/** Programs with what is missing without them. Nothing of a failover needs them; what brings servers back does. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  pg_isready: 'a replica asks with it whether it reaches the master',
  pg_controldata: '`handyrep rejoin` and `handyrep clone` judge with it what a server holds',
  pg_waldump: '`handyrep rejoin` counts with it the commits that only the old master has',
  pg_rewind: '`handyrep rejoin` brings an old master back with it',
  psql: 'logins between the servers are tried with it',
};

export function judgeServer(checkup: ServerCheckup): readonly DoctorFinding[] {
  return [
    ...judgeHost(checkup),
    ...judgePrograms(checkup),
    ...judgeSettings(checkup),
    ...judgeClock(checkup),
    ...judgeWitness(checkup),
  ];
}

function judgeHost({ server, is_master, host, rights, postgres_os_user }: ServerCheckup): readonly DoctorFinding[] {
  if (host === null) return [];
  const { name, hostname, pgdata } = server;
  const quoted = shellWord(pgdata);
  const finding = (
    what: DoctorFinding['name'],
    severity: DoctorFinding['severity'],
    text: string,
    lines: readonly string[],
    where = `on ${hostname}, as root`,
  ): DoctorFinding => ({ name: what, server: name, severity, text, fix: { where, lines } });
  const correct = [
    '# server NAME: pgdata, as `SHOW data_directory` says it',
    `handyrep server alter ${name} pgdata=DIRECTORY`,
  ];
  if (host.kind === 'no_answer')
    return [
      { name: 'ssh', server: name, severity: 'fails', text: `its host cannot be asked: ${host.detail}`, fix: null },
    ];
  if (host.postmaster.kind === 'unknown') {
    return [
      finding(
        'data_directory',
        'fails',
        `its data directory cannot be judged: ${host.postmaster.detail}`,
        correct,
        'on this host',
      ),
    ];
  }
  const findings: DoctorFinding[] = [];
  if (host.postmaster.kind === 'not_running') {
    const text = `no postmaster of ${pgdata} runs: is pgdata right?`;
    findings.push(
      finding(
        'data_directory',
        'fails',
        text,
        [...correct, `handyrep start ${name}    # where it is right`],
        'on this host',
      ),
    );
  }
  if (is_master && host.standby_signal) {
    const text = `standby.signal lies in ${pgdata} of the master: restarted, it would come up read only`;
    findings.push(finding('standby_signal', 'fails', text, [`rm ${quoted}/standby.signal`]));
  }
  if (host.free_bytes !== null && host.free_bytes < LOW_FREE) {
    const text = `only ${formatSize(host.free_bytes)} are free where its data directory is`;
    const severity = host.free_bytes < MIN_FREE ? 'fails' : 'warning';
    findings.push(finding('low_disk', severity, text, [`df -h ${quoted}/. ${quoted}/pg_wal/.    # make room`]));
  }
  if (rights === null) return findings;
  if (!rights.pgdata) {
    const text = `${postgres_os_user} cannot write in ${pgdata}: the old master could not be fenced`;
    findings.push(
      finding('data_directory', 'fails', text, [`chown ${postgres_os_user} ${quoted} && chmod u+rwx ${quoted}`]),
    );
  }
  if (!rights.auto_conf) {
    const file = `${pgdata}/postgresql.auto.conf`;
    const text = `${postgres_os_user} cannot write ${file}: it could not be made to follow another master`;
    findings.push(
      finding('data_directory', 'fails', text, [
        `chown ${postgres_os_user} ${shellWord(file)} && chmod 600 ${shellWord(file)}`,
      ]),
    );
  }
  if (!rights.beside) {
    const parent = pgdata.replace(/\/[^/]+\/*$/, '') || '/';
    const text = `${postgres_os_user} cannot write in ${parent}: \`handyrep rejoin\` keeps there what only an old master has`;
    findings.push(
      finding('data_directory', 'warning', text, [
        isShared(parent)
          ? `# move the data directory into a folder of ${postgres_os_user}'s own, or give it rights in ${parent}`
          : `chown ${postgres_os_user} ${shellWord(parent)}`,
      ]),
    );
  }
  return findings;
}

function judgePrograms({ server, programs }: ServerCheckup): readonly DoctorFinding[] {
  if (programs === null) return [];
  const missing = Object.keys(PROGRAMS).filter((name) => programs[name] === undefined);
  return missing.map((name) => ({
    name: 'programs',
    server: server.name,
    severity: 'warning',
    text: `${name} was not found on ${server.hostname}: ${PROGRAMS[name] ?? ''}`,
    fix: {
      where: 'on this host, where it is installed there (else install the package of the same major version)',
      lines: [`handyrep server alter ${server.name} bin_dir=DIRECTORY_OF_${name.toUpperCase()}`],
    },
  }));
}

/** A setting that must be otherwise, what comes of it as it is, and what mends it. */
interface SettingRule {
  readonly wrong: (settings: Readonly<Record<string, string>>) => boolean;
  readonly severity: DoctorFinding['severity'];
  readonly text: string;
  readonly statements: readonly string[];
  readonly restart: boolean;
}

const isOff = (value: string | undefined): boolean => value === 'off';

const RULES: readonly SettingRule[] = [
  {
    wrong: (one) => one['wal_level'] === 'minimal',
    severity: 'fails',
    text: 'wal_level is minimal: as the master it could have no replica',
    statements: ["ALTER SYSTEM SET wal_level = 'replica'"],
    restart: true,
  },
  {
    wrong: (one) => Number(one['max_wal_senders'] ?? 1) === 0,
    severity: 'fails',
    text: 'max_wal_senders is 0: as the master it could have no replica',
    statements: ['ALTER SYSTEM SET max_wal_senders = 10'],
    restart: true,
  },
  {
    wrong: (one) => isOff(one['hot_standby']),
    severity: 'fails',
    text: 'hot_standby is off: as a replica it lets nobody in, so it cannot be looked at',
    statements: ['ALTER SYSTEM SET hot_standby = on'],
    restart: true,
  },
  {
    wrong: (one) => isOff(one['allow_alter_system']),
    severity: 'fails',
    text: 'allow_alter_system is off: it could not be made to follow a new master without a restart',
    statements: ['# in postgresql.conf: allow_alter_system = on', 'SELECT pg_reload_conf()'],
    restart: false,
  },
  {
    wrong: (one) => isOff(one['wal_log_hints']) && isOff(one['data_checksums']),
    severity: 'warning',
    text: 'wal_log_hints is off and there are no data checksums: pg_rewind cannot bring it back as an old master, only a whole copy can',
    statements: ['ALTER SYSTEM SET wal_log_hints = on'],
    restart: true,
  },
  {
    wrong: (one) => isOff(one['full_page_writes']),
    severity: 'warning',
    text: 'full_page_writes is off: pg_rewind refuses it as a source, and a crash can damage pages',
    statements: ['ALTER SYSTEM SET full_page_writes = on', 'SELECT pg_reload_conf()'],
    restart: false,
  },
  {
    wrong: (one) => isOff(one['fsync']),
    severity: 'warning',
    text: 'fsync is off: what it acknowledged can be lost or damaged by a loss of power',
    statements: ['ALTER SYSTEM SET fsync = on', 'SELECT pg_reload_conf()'],
    restart: false,
  },
];

function judgeSettings({ server, settings, place }: ServerCheckup): readonly DoctorFinding[] {
  if (settings === null) return [];
  return RULES.filter(({ wrong }) => wrong(settings)).map(({ severity, text, statements, restart }) => {
    const fix = sqlFix(
      place,
      statements.filter((one) => !one.startsWith('#')),
    );
    const comments = statements.filter((one) => one.startsWith('#'));
    const then = restart ? [`-- then, from this host: handyrep restart ${server.name}`] : [];
    return {
      name: 'setting',
      server: server.name,
      severity,
      text,
      fix: { ...fix, lines: [...comments, ...fix.lines, ...then] },
    };
  });
}

function judgeClock({ server, skew }: ServerCheckup): readonly DoctorFinding[] {
  const text = skew === null ? null : describeSkew(skew);
  if (text === null) return [];
  const fix = { where: `on ${server.hostname} and on this host, as root`, lines: ['timedatectl set-ntp true'] };
  return [{ name: 'clock', server: server.name, severity: 'warning', text, fix }];
}

function judgeWitness({ server, witness }: ServerCheckup): readonly DoctorFinding[] {
  if (witness === null || witness.port === 'reaches') return [];
  const { hostname } = server;
  const { port, detail } = witness;
  const what = {
    cannot_reach: `it cannot reach the master from its host, so it would agree that a living master is lost: ${detail}`,
    unresolved: `the master's name does not resolve on its host, so it is no witness: ${detail}`,
    cannot_look: `it cannot try the master's port from its host, so it is no witness: ${detail}`,
  }[port];
  const lines = {
    cannot_reach: ['# open the way from this host to the port of PostgreSQL on every other server (firewall, routes)'],
    unresolved: ['# make the names of the configuration resolve here too (/etc/hosts), or use addresses as hostname'],
    cannot_look: ['# install the client programs of PostgreSQL (pg_isready), or bash and timeout'],
  }[port];
  return [
    {
      name: 'witness_view',
      server: server.name,
      severity: 'warning',
      text: what,
      fix: { where: `on ${hostname}, as root`, lines },
    },
  ];
}
