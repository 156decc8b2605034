import { shellWord } from './doctor.js';

/** Where the files of an archive lie on one database host. */
export interface ScriptPaths {
  readonly folder: string;
  readonly archive: string;
  readonly restore: string;
  /** While it is there nothing is archived. */
  readonly stop: string;
}

/** `script_dir` of the configuration for one server. */
export function scriptPaths(script_dir: string, server: string): ScriptPaths {
  const folder = script_dir.replaceAll(/\{\{\s*server\s*\}\}/g, () => server).replace(/(?<=.)\/+$/, '');
  return {
    folder,
    archive: `${folder}/archive.sh`,
    restore: `${folder}/restore.sh`,
    stop: `${folder}/stop_archiving`,
  };
}

/**
 * What `archive_command` and `restore_command` are to be. A script that is missing makes the shell end with 127: at that a replica
 * gives up its recovery, and the archiver restarts without a word in its statistics ("Setting Up WAL Archiving",
 * "restore_command"). Hence `|| exit 1`.
 */
export function archiveCommands(paths: ScriptPaths): { readonly archive: string; readonly restore: string } {
  const program = (path: string): string => shellWord(path).replaceAll('%', '%%');
  return {
    archive: `${program(paths.archive)} %p %f || exit 1`,
    restore: `${program(paths.restore)} %f %p || exit 1`,
  };
}

/** A line for postgresql.conf ("Setting Parameters": quotes are doubled, backslashes escape). */
export function confLine(name: string, value: string): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** Settings of a server that decide what it archives and restores, as `SHOW` says them. */
export interface ArchiveSettings {
  readonly archive_mode: string;
  readonly archive_command: string;
  /** Absent before PostgreSQL 15. */
  readonly archive_library?: string | undefined;
  readonly restore_command: string;
  readonly archive_cleanup_command: string;
}

/** One thing that is otherwise than the scripts need it. */
export interface ArchiveMismatch {
  readonly text: string;
  /** For postgresql.conf. */
  readonly line: string;
  /** Otherwise a reload is enough. */
  readonly restart: boolean;
}

/** What the settings of one server must be for the scripts to be called. `major` is PostgreSQL's major version. */
export function judgeArchiveSettings(
  settings: ArchiveSettings,
  paths: ScriptPaths,
  major: number,
): readonly ArchiveMismatch[] {
  const commands = archiveCommands(paths);
  const wrong: ArchiveMismatch[] = [];
  if (settings.archive_mode === 'off') {
    const text = 'archive_mode is off: as the master it archives nothing';
    wrong.push({ text, line: 'archive_mode = on', restart: true });
  }
  if ((settings.archive_library ?? '') !== '') {
    const text = `archive_library is ${settings.archive_library ?? ''}: archive_command is not called`;
    wrong.push({ text, line: confLine('archive_library', ''), restart: false });
  }
  const archives = calls(settings.archive_command, paths.archive, ['%p', '%f']);
  if (archives !== null) {
    const text = `archive_command ${archives}`;
    wrong.push({ text, line: confLine('archive_command', commands.archive), restart: false });
  }
  const restores = calls(settings.restore_command, paths.restore, ['%f', '%p']);
  if (restores !== null) {
    const text = `restore_command ${restores}: as a replica it cannot fetch what its master has removed`;
    wrong.push({ text, line: confLine('restore_command', commands.restore), restart: major < 14 });
  }
  if (settings.archive_cleanup_command !== '') {
    const text =
      'archive_cleanup_command is set: it deletes from the archive what a base backup or another replica needs';
    wrong.push({ text, line: confLine('archive_cleanup_command', ''), restart: false });
  }
  return wrong;
}

/** Null: it calls this script with these two behind it. */
function calls(command: string, path: string, order: readonly [string, string]): string | null {
  const at = [shellWord(path).replaceAll('%', '%%'), path].map((one) => command.indexOf(one)).find((one) => one >= 0);
  if (command === '' || command === '(disabled)') return 'is empty';
  if (at === undefined) return `does not call ${path}`;
  const rest = command.slice(at);
  const [first, second] = [rest.indexOf(order[0]), rest.indexOf(order[1])];
  return first >= 0 && second > first ? null : `does not call ${path} with ${order.join(' ')}`;
}
