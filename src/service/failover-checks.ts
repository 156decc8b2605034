import { LOCK_BESIDE_MS, SSH_LOGIN_MS } from '../core/limits.js';
import type { Report } from '../report/report.js';
import type { Calls } from './calls.js';
import type { Sign } from './doubt.js';
import type { Beside, Calm } from './failover-check.js';
import type { Reach } from './open.js';
import type { CheckReport, FailoverCheckOptions, RejoinedView, RepeatOptions } from './reports.js';

/** See `HandyRep.failoverCheck`. */
export async function checkOnce(calls: Calls, options: FailoverCheckOptions): Promise<CheckReport | Report> {
  const report = await check(calls, options);
  const rejoined = await rejoinAfter(calls, options, report);
  return 'rejoined' in report ? { ...report, rejoined } : report;
}

/** See `HandyRep.failoverChecks`. */
export async function* checkRepeatedly(
  calls: Calls,
  options: FailoverCheckOptions & RepeatOptions,
): AsyncGenerator<CheckReport | Report, void, undefined> {
  const [{ repeat }, { createSentinel }, { keepWarm }, { createKeptSessions }, { sqlSettings }] = await Promise.all([
    import('./failover-check.js'),
    import('./sentinel.js'),
    import('./warm.js'),
    import('../io/kept-sessions.js'),
    import('./create-reach.js'),
  ]);
  const { sql, hosts, tell } = await calls.reach();
  const beside = {
    rejoin: (report: CheckReport | Report) => rejoinAfter(calls, options, report),
    calm: (report: CheckReport | Report) => calm(calls, report),
    sentinel: createSentinel(sql, calls.signal, (message) => {
      tell({ category: 'FAILURE', message: `${message}: looking at once` });
    }),
    kept: createKeptSessions(sqlSettings(calls.loaded), calls.signal),
    warmth: keepWarm(hosts, calls.loaded.config.handyrep.ssh_timeout + SSH_LOGIN_MS, calls.signal),
  };
  const every = options.every ?? calls.loaded.config.failover.poll_interval;
  yield* repeat((sign) => check(calls, options, sign, beside), beside, { ...options, every }, calls.signal);
}

async function check(
  calls: Calls,
  options: FailoverCheckOptions,
  sign: Sign | null = null,
  { sentinel, kept }: Partial<Pick<Beside, 'sentinel' | 'kept'>> = {},
): Promise<CheckReport | Report> {
  const once = async (reach: Reach): Promise<CheckReport | Report> =>
    (await import('./failover-check.js')).failoverCheck(reach, lockWaitBeside(calls), options, { sentinel, sign });
  return calls.run(once, kept);
}

/** `auto_rejoin`, when the check is over and its lock released. */
async function rejoinAfter(
  calls: Calls,
  options: FailoverCheckOptions,
  report: CheckReport | Report,
): Promise<readonly RejoinedView[]> {
  if (!calls.loaded.config.failover.auto_rejoin || options.dry_run === true) return [];
  const { mayFollow, rejoinFormerMasters } = await import('./auto-rejoin.js');
  return mayFollow(report) ? rejoinFormerMasters(await calls.reach(), lockWaitBeside(calls)) : [];
}

async function calm(calls: Calls, report: CheckReport | Report): Promise<Calm> {
  const state = 'master_up' in report ? await calls.saved() : null;
  return (await import('./failover-check.js')).calmAfter(report, state?.ok === true ? state.value : null);
}

/** Checks go on beside a rejoin of ours, which holds the lock for a moment to begin and to end. */
function lockWaitBeside(calls: Calls): number {
  return calls.loaded.config.failover.auto_rejoin ? Math.max(calls.lock_wait, LOCK_BESIDE_MS) : calls.lock_wait;
}
