import { type ArchiveScripts, closeGap, installScripts, lookAtScripts, makeScripts } from '../act/archive.js';
import { type ArchiveWork, withArchiveDone, withArchiveOwed } from '../core/archive-owed.js';
import { CALM_LOOK_MS } from '../core/limits.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail } from '../core/outcome.js';
import { type Situation, canMeanDown, recordedMaster } from '../core/situation.js';
import type { Session } from './session.js';

const GO_ON = '`handyrep archive start` goes on';

/** What a server's scripts should be. */
export function scriptsFor(session: Session, server: ServerDef): Promise<Outcome<ArchiveScripts>> {
  return makeScripts(session, session.config.archive, { server, master: recordedMaster(session.state.current()) });
}

/** What a verify finds of the archive, besides what PostgreSQL's archiver says. */
export interface ScriptFindings {
  readonly issues: Readonly<Record<string, readonly string[]>>;
  /** Of the servers that could be looked at: whether their scripts are right. */
  readonly right: Readonly<Record<string, boolean>>;
}

/** Looks at the scripts of these servers, all at once. Changes nothing. */
export async function lookAtArchive(session: Session, servers: readonly ServerDef[]): Promise<ScriptFindings> {
  const timeout = session.config.handyrep.ssh_timeout + CALM_LOOK_MS;
  const started = session.state.current().archive.master !== null;
  const found = await Promise.all(
    servers.map(async (server) => {
      const scripts = await scriptsFor(session, server);
      const seen = scripts.ok ? await lookAtScripts(session, scripts.value, timeout) : scripts;
      if (!seen.ok) {
        // That its host cannot be reached is told already.
        const silent = seen.error.code === 'ssh_connect' || seen.error.code === 'aborted';
        const issues = silent ? [] : [`its archive scripts: ${describeFailure(seen.error)}`];
        return { name: server.name, right: null, issues };
      }
      const { wrong, stopped } = seen.value;
      const mended = started ? 'the next check installs them' : 'run `handyrep archive start`';
      const issues = [
        ...(wrong === null ? [] : [`${wrong}: ${mended}`]),
        ...(stopped === null
          ? []
          : [`archiving is stopped since ${stopped}${server.role === 'master' ? ', and WAL is kept' : ''}: ${GO_ON}`]),
      ];
      return { name: server.name, right: wrong === null, issues };
    }),
  );
  const right = found.flatMap((one) => (one.right === null ? [] : [[one.name, one.right] as const]));
  return {
    issues: Object.fromEntries(found.map(({ name, issues }) => [name, issues])),
    right: Object.fromEntries(right),
  };
}

/** Makes and installs the scripts of these servers, all at once. */
export function installAll(
  session: Session,
  servers: readonly ServerDef[],
): Promise<readonly { readonly server: ServerDef; readonly outcome: Outcome<boolean> }[]> {
  const timeout = session.config.handyrep.ssh_timeout + CALM_LOOK_MS;
  return Promise.all(
    servers.map(async (server) => {
      const scripts = await scriptsFor(session, server);
      const outcome = scripts.ok
        ? await installScripts({ ...session, plugin_context: session.act_context }, scripts.value, timeout)
        : scripts;
      return { server, outcome };
    }),
  );
}

/**
 * Goes on with what is to be done for the archive. Servers that do not answer are left for later, so a dead one makes no check slow.
 * True: something was done.
 */
export async function catchUp(session: Session, situation: Situation, work: ArchiveWork): Promise<boolean> {
  const state = session.state.current();
  const answers = (name: string): boolean => {
    const seen = situation.servers[name];
    return seen !== undefined && !canMeanDown(seen);
  };
  const servers = work.install.flatMap((name) => {
    const def = state.servers[name]?.def;
    return def === undefined || !answers(name) ? [] : [def];
  });
  const moved = state.archive.master !== work.master;
  if (servers.length === 0 && !work.gap && !moved) return false;
  const at = new Date().toISOString();
  const begun = await session.state.save((one) => withArchiveOwed(one, work, at));
  if (!begun.ok) return false;
  const done = await installAll(session, servers);
  const installed = done.flatMap(({ server, outcome }) => (outcome.ok ? [server.name] : []));
  for (const { server, outcome } of done) {
    if (outcome.ok) continue;
    const message = `the archive scripts of ${server.name} are still to be installed: ${describeFailure(outcome.error)}`;
    session.tell({ category: 'ARCHIVE', message, server: server.name, iserror: true });
  }
  if (installed.length > 0) {
    const message = `the archive scripts of ${installed.join(', ')} are installed, for the master ${work.master}`;
    session.tell({ category: 'ARCHIVE', message });
  }
  const waits = work.install.includes(work.master) && !installed.includes(work.master);
  const closed = work.gap && !waits && (await gapClosed(session, situation, work.master));
  await session.state.save((one) => withArchiveDone(one, { installed, closed }));
  return true;
}

/** Whether nothing of the former master's WAL is left for this one to archive. */
async function gapClosed(session: Session, situation: Situation, master: string): Promise<boolean> {
  const server = session.state.current().servers[master]?.def;
  const timeline = situation.servers[master]?.facts?.timeline ?? null;
  if (server === undefined || timeline === null) return false;
  const scripts = await scriptsFor(session, server);
  const done = scripts.ok ? await closeGap(session, { server, paths: scripts.value.paths, timeline }) : scripts;
  if (!done.ok) {
    session.tell({ category: 'ARCHIVE', message: describeFailure(done.error), server: master, iserror: true });
    return false;
  }
  if (done.value.kind === 'stopped') return false;
  const { count, first, from } = done.value;
  if (count === 0) return true;
  const message = `${master} archived ${count} segment(s) that the former master had completed and not archived`;
  if (from !== null) session.tell({ category: 'ARCHIVE', message: `${message}, behind ${from}`, server: master });
  else {
    const gap = `the archive has none of the WAL before ${first ?? 'them'} that ${master} still has: if it began earlier, it has a gap, so make a base backup`;
    session.tell({ category: 'ARCHIVE', message: `${message}; ${gap}`, server: master, iserror: true, alert: true });
  }
  return true;
}

/** Null where the configuration says that there is an archive. */
export function whyNoArchive({ config }: Pick<Session, 'config'>): Outcome<never> | null {
  const { archiving, archive_script_method } = config.archive;
  if (archiving && archive_script_method !== null) return null;
  return fail('config_invalid', 'archive.archiving is false: HandyRep does not look after an archive', {
    hint: 'set archive.archiving: true, and archive.archive_script_method',
  });
}
