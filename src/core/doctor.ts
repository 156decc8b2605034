/** What a doctor looks at. The same names stand in reports and in the runbook. */
export type DoctorName =
  | 'ssh'
  | 'sudo'
  | 'data_directory'
  | 'low_disk'
  | 'standby_signal'
  | 'programs'
  | 'plugin'
  | 'sql_login'
  | 'superuser_login'
  | 'replication_query'
  | 'replication_login'
  | 'rewind_login'
  | 'privileges'
  | 'cluster_table'
  | 'setting'
  | 'clock'
  | 'witness_view'
  | 'slots'
  | 'preflight'
  | 'candidates'
  | 'witnesses'
  | 'synchronous'
  | 'archive'
  | 'fencing'
  | 'master'
  | 'state_file'
  | 'log_file'
  | 'checks';

/** One thing that is wrong, and how it is mended. */
export interface DoctorFinding {
  readonly name: DoctorName;
  /** Null: it is about this host, or the cluster as a whole. */
  readonly server: string | null;
  /** `fails`: a failover would fail, or not happen; `warning`: something after it, or beside it. */
  readonly severity: 'fails' | 'warning';
  readonly text: string;
  readonly fix: Fix | null;
}

/** Exactly what to type or write, and where. */
export interface Fix {
  /** In words: "on db2 (10.0.0.12), as root". */
  readonly where: string;
  readonly lines: readonly string[];
}

/** Where SQL is to be run: on the master, as superuser, in one database. */
export interface SqlPlace {
  readonly hostname: string;
  readonly port: number;
  readonly superuser: string;
  readonly database: string;
}

/** SQL as something that can be pasted into psql. */
export function sqlFix({ hostname, port, superuser, database }: SqlPlace, statements: readonly string[]): Fix {
  const at = `psql -h ${shellWord(hostname)} -p ${port} -U ${shellWord(superuser)} -d ${shellWord(database)}`;
  return { where: `SQL, as superuser: ${at}`, lines: statements.map((one) => (one.endsWith(';') ? one : `${one};`)) };
}

/** A word for a POSIX shell; plain where it can be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What makes a failover fail first; then by server. */
export function sortFindings(findings: readonly DoctorFinding[]): readonly DoctorFinding[] {
  const key = ({ severity, server, name }: DoctorFinding): string =>
    [severity === 'fails' ? '0' : '1', server ?? '', name].join('\t');
  return findings.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** In one sentence. */
export function describeHealth(findings: readonly DoctorFinding[], servers: number): string {
  const fails = findings.filter(({ severity }) => severity === 'fails').length;
  const warnings = findings.length - fails;
  const looked = `${servers} server${servers === 1 ? '' : 's'} and this host were looked at`;
  const warned = warnings === 0 ? '' : ` and ${warnings} warning${warnings === 1 ? '' : 's'}`;
  if (fails > 0) return `${fails} thing${fails === 1 ? '' : 's'} would make a failover fail${warned}: ${looked}`;
  return `a failover finds what it needs${warnings === 0 ? '' : `, with ${warnings} warning${warnings === 1 ? '' : 's'}`}: ${looked}`;
}

const OTHERS: ReadonlySet<string> = new Set([
  ...['/', '/etc', '/home', '/media', '/mnt', '/opt', '/root', '/run', '/srv', '/tmp', '/usr', '/var'],
  ...['/var/lib', '/var/log', '/var/run', '/var/tmp'],
]);

/** Whether a folder is everybody's: no fix may give it to one user. */
export function isShared(folder: string): boolean {
  return OTHERS.has(folder.replace(/(?<=.)\/+$/, ''));
}
