import { mkdtempSync } from 'node:fs';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roleStatements } from '../state/grants.js';
import { quoteIdent } from '../core/sqltext.js';
import { cleanAtExit } from './cleanup.js';
import { FOLDER_PREFIX, writeOwner } from './abandoned.js';
import type { Binaries } from './binaries.js';
import { giveTo, runAs, type OsUser } from './os-user.js';
import { killProcesses, postmasterPid, waitGone } from './processes.js';
import { ROLES } from './roles.js';
import { COMMON_SETTINGS, settingLines } from './settings.js';
import { runSql } from './sql.js';

const cached = new Map<string, Promise<string>>();

/** A stopped data directory with the roles in it, made once for each set of binaries in this process. */
export function template(binaries: Binaries, user: OsUser | null): Promise<string> {
  const known = cached.get(binaries.bin_dir);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  cleanAtExit(folder);
  writeOwner(folder);
  const made = giveTo(user, folder)
    .then(() => buildTemplate(binaries, user, folder))
    .catch((error: unknown) => {
      cached.delete(binaries.bin_dir);
      throw error;
    });
  cached.set(binaries.bin_dir, made);
  return made;
}

/** Makes a data directory with the roles in it below `folder`, of a system identifier of its own, and leaves it stopped. */
export async function buildTemplate(binaries: Binaries, user: OsUser | null, folder: string): Promise<string> {
  const pgdata = join(folder, 'template');
  const building = join(folder, 'building');
  await rm(building, { recursive: true, force: true });
  await runAs(
    user,
    [
      join(binaries.bin_dir, 'initdb'),
      ...['-D', building, '-U', ROLES.superuser, '--auth=trust', '--no-sync', '--encoding=UTF8', '--no-locale'],
    ],
    { cwd: folder, timeout: 120_000 },
  );
  await appendFile(join(building, 'postgresql.conf'), settingLines(COMMON_SETTINGS));
  await writeRoles(binaries, user, folder, building);
  await rename(building, pgdata);
  return pgdata;
}

/** Starts the new directory on a socket only, makes the roles, and stops it cleanly. */
async function writeRoles(binaries: Binaries, user: OsUser | null, folder: string, pgdata: string): Promise<void> {
  const pg_ctl = join(binaries.bin_dir, 'pg_ctl');
  const port = 5432;
  const log = join(folder, 'template.log');
  await writeFile(log, '');
  await giveTo(user, log);
  const options = `-c listen_addresses= -c unix_socket_directories=${folder} -c port=${port.toString()}`;
  await runAs(user, [pg_ctl, 'start', '-w', '-s', '-t', '60', '-D', pgdata, '-l', log, '-o', options], {
    cwd: folder,
    timeout: 90_000,
  });
  try {
    const target = { host: folder, port, user: ROLES.superuser, database: 'postgres', timeout: 10_000 };
    const app = quoteIdent(ROLES.app);
    const statements = [
      ...roleStatements(ROLES),
      `CREATE ROLE ${app} LOGIN`,
      `GRANT CREATE ON SCHEMA public TO ${app}`,
    ];
    for (const statement of statements) await runSql(target, statement);
    await runAs(user, [pg_ctl, 'stop', '-w', '-s', '-m', 'fast', '-t', '60', '-D', pgdata], {
      cwd: folder,
      timeout: 90_000,
    });
  } catch (error) {
    const pid = postmasterPid(pgdata);
    if (pid !== null) await waitGone(killProcesses(pid), 5000);
    throw error;
  }
}
