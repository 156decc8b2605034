import { setStopped } from '../act/archive.js';
import { withArchiveDone, withArchiveOwed } from '../core/archive-owed.js';
import { judgeNeeded } from '../core/archive-cleanup.js';
import { scriptPaths } from '../core/archive-scripts.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { recordedMaster } from '../core/situation.js';
import { readWalNeed } from '../observe/archive-settings.js';
import { type Report, checked, failed } from '../report/report.js';
import { installAll, scriptsFor, whyNoArchive } from './archive.js';
import { type ArchiveServerView, lookAtServers } from './archive-look.js';
import type { Reach } from './open.js';
import { observeAndDecide } from './round.js';
import type { Session } from './session.js';
import { actUnderLock, notYetBelieved, unfinishedOperation } from './under-lock.js';

/** Answer of `archive start`, `archive stop` and `archive status`. */
export type ArchiveReport = Report & {
  readonly master: string | null;
  readonly method: string | null;
  /** The enabled servers, as they are now. */
  readonly servers: readonly ArchiveServerView[];
};

/** Answer of `archive cleanup`. */
export type ArchiveCleanupReport = Report & {
  /** The first segment that is still needed, whatever its timeline, and by whom. */
  readonly needed_from: string;
  readonly needed_by: string;
  readonly places: readonly { readonly place: string; readonly result: Report['result']; readonly details: string }[];
};

function enabledServers(session: Session): readonly ServerDef[] {
  return Object.values(session.state.current().servers).flatMap(({ def }) => (def.enabled ? [def] : []));
}

/** What stands in the way of changing anything about the archive; null: nothing. */
async function obstacle(session: Session): Promise<Report | null> {
  const none = whyNoArchive(session);
  if (none?.ok === false) return failed(none.error);
  const unfinished = unfinishedOperation(session);
  if (unfinished !== null) return failed(unfinished);
  return notYetBelieved(session);
}

/** Installs the scripts on every enabled server, lets them work, and has each try whether it reaches the archive. */
export function startArchiving(reach: Reach, lock_wait: number): Promise<ArchiveReport | Report> {
  return actUnderLock(reach, { command: 'archive start', lock_wait }, async (session) => {
    const refused = await obstacle(session);
    if (refused !== null) return refused;
    const servers = enabledServers(session);
    const master = recordedMaster(session.state.current());
    if (master === null)
      return failed(fail('unsafe', 'no master is recorded', { hint: 'run `handyrep verify`' }).error);
    const { gap } = session.state.current().archive;
    const work = { master, install: servers.map(({ name }) => name), gap };
    const begun = await session.state.save((state) => withArchiveOwed(state, work, null));
    if (!begun.ok) return failed(begun.error);
    const done = await installAll(session, servers);
    const installed = done.flatMap(({ server, outcome }) => (outcome.ok ? [server] : []));
    const saved = await session.state.save((state) =>
      withArchiveDone(state, { installed: installed.map(({ name }) => name), closed: false }),
    );
    if (!saved.ok) return failed(saved.error);
    const started = await markAll(session, installed, false);
    const failures = [...done.map(({ outcome }) => outcome), ...started].flatMap((one) => (one.ok ? [] : [one.error]));
    return report(session, 'ARCHIVE', {
      trouble: failures.map(describeFailure),
      said: `archiving goes on: the scripts are installed on ${installed.map(({ name }) => name).join(', ')}`,
      servers: await lookAtServers(session, servers, recordedMaster(session.state.current())),
      judge: 'places',
    });
  });
}

/** From now on archive.sh refuses on every enabled server, and PostgreSQL keeps its WAL. */
export function stopArchiving(reach: Reach, lock_wait: number): Promise<ArchiveReport | Report> {
  return actUnderLock(reach, { command: 'archive stop', lock_wait }, async (session) => {
    const refused = await obstacle(session);
    if (refused !== null) return refused;
    const servers = enabledServers(session);
    const stopped = await markAll(session, servers, true);
    const names = servers.map(({ name }) => name).join(', ');
    return report(session, 'ARCHIVE', {
      trouble: stopped.flatMap((one) => (one.ok ? [] : [describeFailure(one.error)])),
      said: `archiving is stopped on ${names}: PostgreSQL keeps its WAL until \`handyrep archive start\`, and the disk of the master fills`,
      servers: await lookAtServers(session, servers, recordedMaster(session.state.current())),
      judge: 'nothing',
    });
  });
}

/** How the archive is on every enabled server. Changes nothing. */
export function archiveStatus(reach: Reach, lock_wait: number): Promise<ArchiveReport | Report> {
  return actUnderLock(reach, { command: 'archive status', lock_wait }, async (session) => {
    const none = whyNoArchive(session);
    if (none?.ok === false) return failed(none.error);
    const servers = await lookAtServers(session, enabledServers(session), recordedMaster(session.state.current()));
    return report(session, null, {
      trouble: [],
      said: 'all servers archive and restore as they should',
      servers,
      judge: 'all',
    });
  });
}

function markAll(session: Session, servers: readonly ServerDef[], stop: boolean): Promise<readonly Outcome<boolean>[]> {
  const { script_dir } = session.config.archive;
  const { hosts } = session;
  const { signal } = session.act_context;
  return Promise.all(
    servers.map((server) =>
      setStopped({ hosts, signal }, { server, paths: scriptPaths(script_dir, server.name), stop }),
    ),
  );
}

interface Said {
  readonly trouble: readonly string[];
  readonly said: string;
  readonly servers: readonly ArchiveServerView[];
  /** Which of what the servers show makes it a failure. */
  readonly judge: 'nothing' | 'places' | 'all';
}

function report(session: Session, category: 'ARCHIVE' | null, { trouble, said, servers, judge }: Said): ArchiveReport {
  const shown = servers.flatMap(({ server, places, archiver, issues, settings }) => {
    const own = judge === 'all' ? [...archiver, ...issues, ...settings.map(({ text }) => text)] : [];
    const all = judge === 'nothing' || places === null ? own : [places, ...own];
    return all.map((text) => `${server}: ${text}`);
  });
  const wrong = [...trouble, ...shown];
  const missing = servers.some(({ settings }) => settings.length > 0);
  const details = wrong.length === 0 ? said : judge === 'all' ? inShort(servers) : wrong.join('; ');
  if (category !== null) session.tell({ category, message: details, iserror: wrong.length > 0 });
  const hint = missing && judge !== 'nothing' ? HINT : null;
  const master = recordedMaster(session.state.current());
  const { archive_script_method: method } = session.config.archive;
  return checked(wrong.length === 0, details, hint, { master, method, servers });
}

const HINT = 'put the lines that are shown into postgresql.conf of each server, after `handyrep archive start`';

/** What is wrong with each is shown below, and is in the fields. */
function inShort(servers: readonly ArchiveServerView[]): string {
  const ill = servers.filter(
    ({ places, archiver, issues, settings }) =>
      places !== null || archiver.length + issues.length + settings.length > 0,
  );
  return `${ill.map(({ server }) => server).join(', ')} would not archive and restore as they should`;
}

/** Deletes from the archive what the delete method lets go and no server needs. */
export function cleanUpArchive(
  reach: Reach,
  { lock_wait, dry_run }: { readonly lock_wait: number; readonly dry_run: boolean },
): Promise<ArchiveCleanupReport | Report> {
  return actUnderLock(reach, { command: 'archive cleanup', lock_wait }, async (session) => {
    const refused = await obstacle(session);
    if (refused !== null) return refused;
    const prepared = await prepareCleanup(session);
    if (!prepared.ok) return failed(prepared.error);
    const { run, places, server, needed_from, why } = prepared.value;
    const done = await Promise.all(
      places.map(async (place) => {
        const outcome = await run(session.act_context, { server, place, needed_from, dry_run });
        const details = outcome.ok ? outcome.value : describeFailure(outcome.error);
        return { place: place.name, result: outcome.ok ? ('SUCCESS' as const) : ('FAIL' as const), details };
      }),
    );
    const fine = done.every(({ result }) => result === 'SUCCESS');
    const details = done.map((one) => one.details).join('; ');
    if (!dry_run) session.tell({ category: 'ARCHIVE', message: details, iserror: !fine });
    return checked(fine, details, null, { needed_from, needed_by: why, places: done });
  });
}

const LOOK = { persistent: false, thorough: true, may_write: false, on_demand: null, restart_failed: null };

/** Everything that has to be so before something may be deleted. */
async function prepareCleanup(session: Session) {
  const { archive_delete_method: method } = session.config.archive;
  if (method === null) {
    return fail('config_invalid', 'archive.archive_delete_method is not set: nothing is ever deleted', {
      hint: 'name a method there, such as archive_delete_find',
    });
  }
  const plugin = await session.registry.get('archive_delete_method', method);
  if (!plugin.ok) return plugin;
  const { decision } = await observeAndDecide(session, LOOK);
  const server = session.state.current().servers[recordedMaster(session.state.current()) ?? '']?.def;
  if (server === undefined || decision.diagnosis.kind !== 'master_healthy') {
    return fail('unsafe', `nothing is deleted: ${decision.details}`, {
      hint: 'what is needed is known when all is well',
    });
  }
  const scripts = await scriptsFor(session, server);
  if (!scripts.ok) return scripts;
  const { plan } = scripts.value;
  if (plan.kept_by !== null)
    return fail('unsafe', `nothing is deleted: ${plan.kept_by}`, { hint: 'see its configuration' });
  const needs = await Promise.all(enabledServers(session).map((one) => readWalNeed(session.sql, one, session.signal)));
  const segment = Math.max(...needs.map(({ segment_bytes }) => segment_bytes));
  const needed = judgeNeeded(
    needs.map(({ need }) => need),
    segment,
  );
  if (!needed.ok) return needed;
  return ok({ run: plugin.value, places: plan.places, server, ...needed.value });
}
