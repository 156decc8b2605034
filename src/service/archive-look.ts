import { lookAtScripts, makeScripts } from '../act/archive.js';
import { type ArchiveMismatch, judgeArchiveSettings } from '../core/archive-scripts.js';
import { ARCHIVE_TRY_MS, CALM_LOOK_MS } from '../core/limits.js';
import type { ServerDef } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { readArchiveSettings } from '../observe/archive-settings.js';
import { judgeArchiver } from '../core/archive-rules.js';
import { readArchiver } from '../observe/archiver.js';
import type { Config } from '../config/effective.js';
import type { HostPort, PluginContext, SqlPort } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';

/** The archive as one server sees it. */
export interface ArchiveServerView {
  readonly server: string;
  readonly role: ServerDef['role'];
  /** Where its scripts are. */
  readonly archive_script: string | null;
  readonly restore_script: string | null;
  /** ISO 8601: since when archiving is stopped there. */
  readonly stopped: string | null;
  /** What it says of the places that it cannot archive to; null: it reaches them all. */
  readonly places: string | null;
  /** What PostgreSQL's archiver on the master has to complain of. */
  readonly archiver: readonly string[];
  /** What else is wrong. */
  readonly issues: readonly string[];
  /** What its settings must be, as lines for postgresql.conf. */
  readonly settings: readonly ArchiveMismatch[];
}

/** What looks at the archive; with the lock or without. */
export interface ArchiveEyes {
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly registry: Registry;
  readonly plugin_context: PluginContext;
  readonly config: Config;
  readonly signal: AbortSignal;
}

/** Looks at the archive from each of these servers, all at once. Changes nothing. */
export function lookAtServers(
  eyes: ArchiveEyes,
  servers: readonly ServerDef[],
  master: string | null,
): Promise<readonly ArchiveServerView[]> {
  return Promise.all(servers.map((server) => lookAtServer(eyes, server, master)));
}

async function lookAtServer(eyes: ArchiveEyes, server: ServerDef, master: string | null): Promise<ArchiveServerView> {
  const { sql, signal, hosts, config } = eyes;
  const view = { server: server.name, role: server.role, stopped: null, places: null };
  const [scripts, settings, archiver] = await Promise.all([
    makeScripts(eyes, config.archive, { server, master }),
    readArchiveSettings(sql, server, signal),
    readArchiver(sql, server, signal),
  ]);
  const issues: string[] = [];
  const complaints: string[] = [];
  if (!settings.ok) issues.push(`its settings cannot be looked at: ${describeFailure(settings.error)}`);
  if (archiver.ok && master === server.name) {
    const { archiving, backlog_limit: backlog, delay_limit: delay } = config.archive;
    const said =
      archiver.value.mode === 'off' ? [] : judgeArchiver(archiver.value, null, { archiving, backlog, delay });
    complaints.push(...said);
  }
  if (!scripts.ok) {
    const paths = { archive_script: null, restore_script: null };
    const why = describeFailure(scripts.error);
    return { ...view, ...paths, archiver: complaints, issues: [...issues, why], settings: [] };
  }
  const { paths } = scripts.value;
  const mismatches = settings.ok ? judgeArchiveSettings(settings.value.settings, paths, settings.value.major) : [];
  const seen = await lookAtScripts(eyes, scripts.value, config.handyrep.ssh_timeout + CALM_LOOK_MS);
  const common = {
    ...view,
    archiver: complaints,
    archive_script: paths.archive,
    restore_script: paths.restore,
    settings: mismatches,
  };
  if (!seen.ok) return { ...common, issues: [...issues, describeFailure(seen.error)] };
  const { wrong, stopped } = seen.value;
  if (stopped !== null) issues.push(`archiving is stopped since ${stopped}: \`handyrep archive start\` goes on`);
  if (wrong !== null) {
    return { ...common, stopped, issues: [...issues, `${wrong}: \`handyrep archive start\` installs them`] };
  }
  const tried = await hosts.run(server, [paths.archive, '--check'], { timeout: ARCHIVE_TRY_MS, signal });
  return { ...common, stopped, issues, places: tried.ok ? whatItSays(tried.value) : describeFailure(tried.error) };
}

/** What `archive.sh --check` says of places that cannot be written; null: nothing. */
function whatItSays({ exit_code, stderr }: { readonly exit_code: number; readonly stderr: string }): string | null {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  if (said !== '') return said.replace(/^handyrep archive: /, 'cannot archive to ');
  return exit_code === 0 ? null : `archive.sh --check ended with ${exit_code}`;
}
