import { checkLines } from './cron.js';
import { type DoctorFinding, isShared, shellWord } from './doctor.js';
import { roughDuration } from './duration.js';
import type { FailoverPolicy } from './model.js';
import { staleAfter } from './staleness.js';

/** What this host tells of itself. */
export interface ManagerCheckup {
  readonly policy: Pick<FailoverPolicy, 'auto_failover' | 'poll_interval'>;
  /** Why each file could not be written; null: it could. */
  readonly state_file: { readonly path: string; readonly trouble: string | null };
  readonly log_file: { readonly path: string; readonly trouble: string | null };
  readonly own_user: string;
  /** Milliseconds since the last check; null: there was none. */
  readonly last_check: number | null;
  /** The crontab of the user that runs HandyRep; null: it could not be read. */
  readonly crontab: string | null;
  /** What crontab must hold. */
  readonly cron_line: string;
}

export function judgeManager(checkup: ManagerCheckup): readonly DoctorFinding[] {
  return [
    ...judgeFile('state_file', 'fails', checkup.state_file, checkup.own_user),
    ...judgeFile('log_file', 'warning', checkup.log_file, checkup.own_user),
    ...judgeChecks(checkup),
  ];
}

function judgeFile(
  name: 'state_file' | 'log_file',
  severity: DoctorFinding['severity'],
  { path, trouble }: ManagerCheckup['state_file'],
  user: string,
): readonly DoctorFinding[] {
  if (trouble === null) return [];
  const folder = path.replace(/\/[^/]*$/, '') || '/';
  const [place, file] = [shellWord(folder), shellWord(path)];
  const own = `${folder === '/' ? '' : folder}/handyrep`;
  const moved = [
    `mkdir -p ${shellWord(own)} && chown ${user} ${shellWord(own)}`,
    `# and in the configuration, under handyrep: ${name.replace('state', 'server')}: ${own}/${path.split('/').at(-1) ?? ''}`,
  ];
  const given = [
    `mkdir -p ${place} && chown ${user} ${place} && chmod u+rwx ${place}`,
    `[ ! -e ${file} ] || { chown ${user} ${file} && chmod u+rw ${file}; }`,
  ];
  const lines = isShared(folder) ? moved : given;
  return [{ name, server: null, severity, text: trouble, fix: { where: 'on this host, as root', lines } }];
}

/** A check that somebody runs often enough is enough, whoever that is. */
function judgeChecks(checkup: ManagerCheckup): readonly DoctorFinding[] {
  const { policy, last_check, crontab, cron_line, own_user } = checkup;
  if (last_check !== null && last_check <= staleAfter(policy.poll_interval)) return [];
  const severity = policy.auto_failover ? 'fails' : 'warning';
  const age = last_check === null ? 'no check was made yet' : `the last check is ${roughDuration(last_check)} old`;
  const planned = crontab !== null && checkLines(crontab).length > 0;
  if (planned) {
    const text = `${age}, although the crontab of ${own_user} has a failover-check: cron may not run, or it fails`;
    const lines = ['systemctl status cron    # crond, on Red Hat', 'handyrep log-tail -n 20'];
    return [{ name: 'checks', server: null, severity, text, fix: { where: 'on this host', lines } }];
  }
  const text = `${age}, and no failover-check is in the crontab of ${own_user}: nobody would notice a lost master`;
  return [
    {
      name: 'checks',
      server: null,
      severity,
      text,
      fix: { where: `on this host, as ${own_user}: crontab -e`, lines: [cron_line] },
    },
  ];
}
