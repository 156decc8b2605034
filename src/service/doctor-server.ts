import type { DoctorFinding } from '../core/doctor.js';
import { judgeArchiveView } from '../core/doctor-archive.js';
import { judgeCommands, judgeLogin, judgePrivileges } from '../core/doctor-access.js';
import { PROGRAMS, judgeServer } from '../core/doctor-server.js';
import type { ServerDef } from '../core/model.js';
import type { PortLook } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import { rolePrivileges, tablePrivileges } from '../core/privileges.js';
import { describeReach } from '../core/situation.js';
import { judgeSlots } from '../core/slot-rules.js';
import { findBinaries } from '../observe/binary.js';
import { lookUpPrivileges, readRights, readSettings } from '../observe/doctor.js';
import { lookAtHost, lookAtPort } from '../observe/host.js';
import { readSlots } from '../observe/slots.js';
import { readSkew } from '../observe/thorough.js';
import type { DoctorCase } from './doctor-cluster.js';
import { pluginsNeeded } from './plugins-needed.js';
import { slotsFor } from './verify.js';

/** What looking at one server came to. */
export interface CheckedServer {
  readonly def: ServerDef;
  readonly findings: readonly DoctorFinding[];
  /** Commands can be run there as the postgres OS user. */
  readonly commands: boolean;
  readonly witness: PortLook | null;
  readonly settings: Readonly<Record<string, string>> | null;
}

/** Everything about one server: its host by commands, its PostgreSQL by SQL, both at once. */
export async function checkServer(one: DoctorCase, def: ServerDef): Promise<CheckedServer> {
  const [host, sql, archive] = await Promise.all([checkHost(one, def), checkSql(one, def), archiveFindings(one, def)]);
  const findings = judgeServer({
    server: def,
    is_master: def.name === one.master?.name,
    host: host.look,
    rights: host.rights,
    programs: host.programs,
    settings: sql.settings,
    skew: sql.skew,
    witness: host.witness,
    postgres_os_user: one.names.postgres_os_user,
    place: one.place(def),
  });
  return {
    def,
    findings: [...host.findings, ...sql.findings, ...findings, ...slotFindings(one, def, sql, host), ...archive],
    commands: host.commands,
    witness: host.witness?.port ?? null,
    settings: sql.settings,
  };
}

/** Where HandyRep looks after the archive; else nothing of it is even loaded. */
async function archiveFindings(one: DoctorCase, def: ServerDef): Promise<readonly DoctorFinding[]> {
  const { config } = one.reach.loaded;
  const silent = one.seen[def.name]?.reach.kind !== 'accepting';
  if (!config.archive.archiving || silent) return [];
  const { lookAtServers } = await import('./archive-look.js');
  const views = await lookAtServers({ ...one.tools, config }, [def], one.master?.name ?? null);
  return views.flatMap((view) => judgeArchiveView(def, view));
}

async function checkHost(one: DoctorCase, def: ServerDef) {
  const { hosts, signal } = one.tools;
  const options = { timeout: one.timeout, signal };
  const test = await hosts.script(def, one.reach.loaded.config.handyrep.test_ssh_command, [], {
    ...options,
    as: 'login',
  });
  const login = test.ok
    ? test.value.exit_code === 0
      ? null
      : `test_ssh_command ended with ${test.value.exit_code}: ${test.value.stderr.trim()}`
    : test.error.message;
  const login_hint = test.ok ? 'handyrep config show handyrep.test_ssh_command' : (test.error.hint ?? '');
  const became = login === null ? await hosts.run(def, ['true'], options) : null;
  const become = became === null || became.ok ? null : became.error.message;
  const findings = judgeCommands(def, { login, login_hint, become }, one.names);
  const nothing = { findings, commands: false, look: null, rights: null, programs: null, witness: null };
  if (findings.length > 0) return nothing;
  const master = one.master?.name === def.name ? null : one.master;
  const [look, rights, programs, witness, plugins] = await Promise.all([
    lookAtHost(hosts, def, options),
    readRights(hosts, def, options),
    findBinaries(hosts, def, Object.keys(PROGRAMS), { signal }),
    master === null ? null : lookAtPort(hosts, def, master, options),
    testPlugins(one, def),
  ]);
  return {
    findings: [...findings, ...plugins],
    commands: true,
    look,
    rights,
    programs: programs.ok ? programs.value : null,
    witness,
  };
}

/** Every plugin that is named for this server: that it is there, and its own test. */
async function testPlugins({ reach, tools }: DoctorCase, def: ServerDef): Promise<readonly DoctorFinding[]> {
  const { registry, loaded } = reach;
  const found = await Promise.all(
    pluginsNeeded(loaded.config, def).map(async ({ kind, name, needed_for }): Promise<readonly DoctorFinding[]> => {
      const [plugin, test] = await Promise.all([registry.get(kind, name), registry.tester(name)]);
      const failed = !plugin.ok ? plugin : !test.ok ? test : await test.value?.(tools.plugin_context, def);
      if (failed === undefined || failed.ok) return [];
      const { message, hint } = failed.error;
      const severity = needed_for === 'failover' && kind !== 'push_alert_method' ? 'fails' : 'warning';
      const fix = hint === undefined ? null : { where: `${kind} ${name}`, lines: [hint] };
      return [{ name: 'plugin', server: def.name, severity, text: `${kind} ${name}: ${message}`, fix }];
    }),
  );
  return found.flat();
}

async function checkSql(one: DoctorCase, def: ServerDef) {
  const { tools, names, seen } = one;
  const { sql, signal } = tools;
  const look = seen[def.name];
  const nothing = { findings: [] as readonly DoctorFinding[], settings: null, skew: null, slots: null };
  if (look === undefined) return nothing;
  if (look.reach.kind !== 'accepting') {
    const why = describeReach(look);
    return { ...nothing, findings: [judgeLogin({ kind: 'sql', from: null, to: def, why }, names)] };
  }
  const major = Math.floor((look.facts?.version ?? 0) / 10_000);
  const { handyrep } = one.reach.loaded.config;
  const privileges = [...rolePrivileges(handyrep), ...tablePrivileges(handyrep, handyrep)];
  const [settings, skew, slots, identity, superuser, granted] = await Promise.all([
    readSettings(sql, def, signal),
    readSkew(sql, def, signal),
    readSlots(sql, def, signal),
    sql.identify(def, { signal }),
    major < 15 ? sql.query(def, 'SELECT 1', [], { user: 'superuser', signal }) : null,
    // The catalogues are the same everywhere: what is missing is missing on the master.
    def.name === one.master?.name ? lookUpPrivileges(sql, def, { privileges, major }, signal) : null,
  ]);
  const findings: DoctorFinding[] = [];
  if (!identity.ok)
    findings.push(judgeLogin({ kind: 'query', from: null, to: def, why: describeFailure(identity.error) }, names));
  if (superuser?.ok === false)
    findings.push(judgeLogin({ kind: 'superuser', from: null, to: def, why: describeFailure(superuser.error) }, names));
  if (granted !== null) {
    if (granted.ok) findings.push(...judgePrivileges(def, granted.value, one.place(def)));
    else {
      const text = `what our role may do cannot be looked up: ${describeFailure(granted.error)}`;
      findings.push({ name: 'privileges', server: def.name, severity: 'fails', text, fix: null });
    }
  }
  return {
    findings,
    settings: settings.ok ? settings.value : null,
    skew: skew.ok ? skew.value : null,
    slots: slots.ok ? slots.value : null,
  };
}

/** By the rules of a verify. */
function slotFindings(
  one: DoctorCase,
  def: ServerDef,
  { slots }: Awaited<ReturnType<typeof checkSql>>,
  { look }: Awaited<ReturnType<typeof checkHost>>,
): readonly DoctorFinding[] {
  if (slots === null) return [];
  const free_bytes = look?.kind === 'looked' ? look.free_bytes : null;
  const issues = judgeSlots({ server: def.name, ...slots, free_bytes, ...slotsFor(one.state, one.seen, def.name) });
  return issues.map((text) => ({ name: 'slots', server: def.name, severity: 'warning', text, fix: null }));
}
