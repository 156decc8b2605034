import { type ArchiverFacts, type ArchiverView, judgeArchiver } from '../core/archive-rules.js';
import { DIRECT } from '../core/connections.js';
import { CALM_LOOK_MS } from '../core/limits.js';
import { type Outcome, describeFailure } from '../core/outcome.js';
import { enabledReplicas, recordedMaster } from '../core/situation.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { upstreamOf } from '../core/remaster-rules.js';
import type { ReplicationView } from '../core/status.js';
import { type Thorough, type ThoroughOptions, lookThoroughly } from '../observe/thorough.js';
import { readArchiver } from '../observe/archiver.js';
import { quoteIdent } from '../core/sqltext.js';
import type { ScriptFindings } from './archive.js';
import { lookAtProxies } from './connections.js';
import { type Findings, POLL_FINDINGS } from './keep.js';
import { pluginsNeeded } from './plugins-needed.js';
import type { Session } from './session.js';

/** What a verify finds besides how the servers answer, for all of them at once. */
export async function findings(
  session: Session,
  servers: Readonly<Record<string, ServerObservation>>,
): Promise<Findings> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def ?? null;
  const { handyrep } = session.config;
  const options: ThoroughOptions = {
    sql: session.sql,
    hosts: session.hosts,
    master,
    test_ssh_command: handyrep.test_ssh_command,
    timeout: handyrep.ssh_timeout + CALM_LOOK_MS,
    signal: session.signal,
    slots_for: (name) => slotsFor(state, servers, name),
  };
  const defs = Object.values(state.servers).flatMap(({ def }) =>
    def.enabled && servers[def.name] !== undefined ? [def] : [],
  );
  const reading = readArchivers(
    session,
    defs.filter(({ name }) => servers[name]?.facts != null),
  );
  const examined = Promise.all(
    defs.flatMap((def) => {
      const seen = servers[def.name];
      return seen === undefined ? [] : [examine(session, options, { def, seen })];
    }),
  );
  const [found, proxies, read, scripts] = await Promise.all([
    examined,
    lookAtProxies(session),
    reading,
    lookAtScripts(session, defs),
  ]);
  const archives = judgeArchives(session, read, master?.name ?? null);
  const own = proxies[DIRECT];
  const direct = own?.ok === false ? [describeFailure(own.error)] : [];
  const issuesOf = ({ name, issues }: Examined): readonly string[] => [
    ...issues,
    ...(archives.issues[name] ?? []),
    ...(scripts.issues[name] ?? []),
    ...(name === master?.name ? direct : []),
  ];
  return {
    depth: 'verify',
    archivers: archives.views,
    archive: scripts.right,
    issues: Object.fromEntries(found.map((one) => [one.name, issuesOf(one)])),
    proxies,
    slots: found.flatMap(({ slots }) => slots),
    replication: replication(session, defs, servers, master),
  };
}

/** What a poll finds besides: through the proxies, where that is configured. */
export async function pollFindings(session: Session): Promise<Findings> {
  if (!session.config.failover.poll_connection_proxy) return POLL_FINDINGS;
  return { ...POLL_FINDINGS, proxies: await lookAtProxies(session) };
}

/** Where HandyRep looks after the archive; else nothing of it is even loaded. */
async function lookAtScripts(session: Session, defs: readonly ServerDef[]): Promise<ScriptFindings> {
  if (!session.config.archive.archiving) return { issues: {}, right: {} };
  return (await import('./archive.js')).lookAtArchive(session, defs);
}

type ArchiversRead = readonly (readonly [string, Outcome<ArchiverFacts>])[];

function readArchivers({ sql, signal }: Session, defs: readonly ServerDef[]): Promise<ArchiversRead> {
  return Promise.all(defs.map(async (def) => [def.name, await readArchiver(sql, def, signal)] as const));
}

interface Archives {
  readonly views: readonly ArchiverView[];
  readonly issues: Readonly<Record<string, readonly string[]>>;
}

function judgeArchives({ config }: Session, read: ArchiversRead, master: string | null): Archives {
  const facts = new Map(read.flatMap(([name, one]) => (one.ok ? [[name, one.value] as const] : [])));
  const { archiving, backlog_limit: backlog, delay_limit: delay } = config.archive;
  const onMaster = facts.get(master ?? '') ?? null;
  const issues = read.map(([name, one]) => [
    name,
    one.ok
      ? judgeArchiver(one.value, onMaster, { archiving, backlog, delay })
      : [`its WAL archiver cannot be looked at: ${describeFailure(one.error)}`],
  ]);
  const views = [...facts].map(([server, one]) => ({ server, ...one }));
  return { views, issues: Object.fromEntries(issues) as Archives['issues'] };
}

interface Examined extends Thorough {
  readonly name: string;
}

async function examine(
  session: Session,
  options: ThoroughOptions,
  { def, seen }: { readonly def: ServerDef; readonly seen: ServerObservation },
): Promise<Examined> {
  const [thorough, ready] = await Promise.all([lookThoroughly(options, def, seen), readiness(session, def)]);
  return { name: def.name, slots: thorough.slots, issues: [...thorough.issues, ...ready] };
}

/** A replica has its slot on whomever it streams from; where that is not known, on the master. */
export function slotsFor(
  state: SavedState,
  seen: Readonly<Record<string, ServerObservation>>,
  server: string,
): ReturnType<ThoroughOptions['slots_for']> {
  const known = Object.keys(state.servers).filter((name) => name !== server);
  const master = recordedMaster(state);
  const expected = enabledReplicas(state).filter(
    (name) =>
      name !== server &&
      seen[name] !== undefined &&
      state.servers[name]?.def.use_slots === true &&
      (upstreamOf(state, seen[name]) ?? master) === server,
  );
  return { known, expected };
}

/** What a failover will call for this server and would not find: told now, and not in the middle of one. */
async function readiness(session: Session, def: ServerDef): Promise<readonly string[]> {
  const needed = pluginsNeeded(session.config, def).filter(({ needed_for }) => needed_for === 'failover');
  const found = await Promise.all(needed.map(({ kind, name }) => session.registry.get(kind, name)));
  const missing = found.flatMap((plugin) => (plugin.ok ? [] : [describeFailure(plugin.error)]));
  return def.role === 'master' ? [...missing, ...(await tableIssues(session, def))] : missing;
}

/** Without the cluster table a lost management host takes the saved state with it. */
async function tableIssues(session: Session, master: ServerDef): Promise<readonly string[]> {
  const { handyrep_schema, handyrep_table } = session.config.handyrep;
  const name = `${quoteIdent(handyrep_schema)}.${quoteIdent(handyrep_table)}`;
  const text = `SELECT CASE WHEN to_regclass($1) IS NULL THEN 'missing'
     WHEN NOT has_table_privilege(to_regclass($1)::oid, 'SELECT, INSERT, UPDATE') THEN 'closed' END AS trouble`;
  const rows = await session.sql.query(master, text, [name], { signal: session.signal });
  if (!rows.ok) return [`the cluster table cannot be looked up: ${describeFailure(rows.error)}`];
  const trouble = rows.value[0]?.['trouble'] ?? null;
  if (trouble === null) return [];
  const what = trouble === 'missing' ? 'does not exist' : 'may not be written by our role';
  return [`the cluster table ${handyrep_schema}.${handyrep_table} ${what}: run \`handyrep init\``];
}

function replication(
  session: Session,
  defs: readonly ServerDef[],
  servers: Readonly<Record<string, ServerObservation>>,
  master: ServerDef | null,
): Readonly<Record<string, ReplicationView>> {
  const ahead = master === null ? null : (servers[master.name]?.facts ?? null);
  const views = defs.flatMap((def) => {
    const facts = servers[def.name]?.facts ?? null;
    if (def.role === 'master' || facts === null) return [];
    return [[def.name, session.plugins.replication_status({ def, replica: facts, master: ahead })] as const];
  });
  return Object.fromEntries(views);
}
