import type { Diagnosis } from './diagnosis.js';
import type { Finding, Rule } from './diagnose.js';
import type { HostLook } from './observation.js';
import { type Evidence, type Situation, describeReach, evidence, otherWriter, recordedMaster } from './situation.js';
import { type WitnessVerdict, weighWitness } from './suspicion.js';

type Looked = Extract<HostLook, { kind: 'looked' }>;

/** What every rule about a silent master has before it. */
interface Silent {
  readonly s: Situation;
  readonly master: string;
  readonly host: HostLook;
  readonly verdicts: readonly WitnessVerdict[];
  readonly evidence: readonly Evidence[];
  readonly retriesDone: boolean;
}

function gather(s: Situation): Silent | null {
  const master = recordedMaster(s.state);
  const seen = master === null ? undefined : s.servers[master];
  if (master === null || seen === undefined || s.closer === null) return null;
  const { host, witnesses } = s.closer;
  const verdicts = witnesses.map((look) => weighWitness(s, look, master));
  const facts = [
    evidence(master, seen.at, `${describeReach(seen)}, ${describeAttempts(s)}`),
    evidence(`host of ${master}`, s.now, describeHost(host)),
    ...verdicts.map((verdict) => verdict.evidence),
  ];
  return { s, master, host, verdicts, evidence: facts, retriesDone: s.attempts.made >= s.attempts.wanted };
}

function describeAttempts({ attempts: { made, wanted, begun = made } }: Situation): string {
  const waiting = begun - made;
  return `${made} of ${wanted} looks made${waiting > 0 ? `, ${waiting} more have no answer yet` : ''}`;
}

function describeHost(host: HostLook): string {
  if (host.kind === 'no_answer') return `${host.server}: its host cannot be asked (${host.detail})`;
  const { postmaster, control } = host;
  const process = {
    running:
      postmaster.kind === 'running' && postmaster.state === 'T' ? 'the postmaster is stopped' : 'the postmaster runs',
    not_running: 'no postmaster runs',
    unknown: 'the postmaster cannot be told',
  }[postmaster.kind];
  const detail = postmaster.kind === 'unknown' ? `: ${postmaster.detail}` : '';
  const state = control === null ? 'the control file cannot be read' : `the control file says "${control.state}"`;
  return `${host.server}: ${process}${detail}, ${state}`;
}

function speak(silent: Silent, diagnosis: Diagnosis): Finding {
  return { diagnosis, evidence: silent.evidence };
}

/** Rule 6: what would keep us from believing, and what is still to be asked. */
function silentMaster(s: Situation): Finding | null {
  const master = recordedMaster(s.state) ?? '';
  const silent = gather(s);
  if (silent === null) {
    const seen = s.servers[master];
    const facts = seen === undefined ? [] : [evidence(master, seen.at, describeReach(seen))];
    return { diagnosis: { kind: 'master_silent', master, next: 'closer_look' }, evidence: facts };
  }
  const { host } = silent;
  const seeing = silent.verdicts.filter((verdict) => verdict.testimony === 'sees_it');
  if (seeing.length > 0) {
    const hangs = host.kind === 'looked' && host.postmaster.kind === 'running' && host.port === 'cannot_reach';
    const witnesses = seeing.map((one) => one.server);
    return speak(silent, { kind: 'master_seen_by_replica', master, witnesses, hangs });
  }
  if (host.kind === 'looked' && host.port === 'reaches') {
    return speak(silent, { kind: 'master_alive_to_its_host', master });
  }
  const decisive = (isCrash(silent) || isStopped(silent)) && otherWriter(s, master) === null;
  if (!silent.retriesDone && !decisive) return speak(silent, { kind: 'master_silent', master, next: 'retry' });
  const have = countWitnesses(silent);
  if (have < s.policy.min_witnesses) return speak(silent, { kind: 'too_few_witnesses', master, have });
  return null;
}

/**
 * Where the host itself tells that PostgreSQL is gone, a replica that answers is enough to show that we are
 * not cut off. Where nothing tells, only a replica that proved that it cannot reach the master either counts.
 */
function countWitnesses(silent: Silent): number {
  const told = silent.host.kind === 'looked' && silent.host.postmaster.kind === 'not_running';
  return silent.verdicts.filter(({ testimony }) => testimony === 'agrees' || (told && testimony === 'silent')).length;
}

/** No process, while the control file still says "in production": decisive, no retry can add to it. */
function isCrash({ host, s }: Silent): boolean {
  if (host.kind !== 'looked' || host.postmaster.kind !== 'not_running') return false;
  return host.control?.state === 'in production' && ownsControl(s, host);
}

/**
 * Its own host says that the process is stopped (SIGSTOP) and answers nobody there either, and every retry has begun: none of them can
 * be answered, and how long they would wait on adds nothing.
 */
function isStopped({ host, master, s }: Silent): boolean {
  if (host.kind !== 'looked' || host.postmaster.kind !== 'running') return false;
  if (s.servers[master]?.reach.kind !== 'timeout') return false;
  const begun = s.attempts.begun ?? s.attempts.made;
  return host.postmaster.state === 'T' && host.port === 'cannot_reach' && begun >= s.attempts.wanted;
}

function ownsControl(s: Situation, host: Looked): boolean {
  const { system_identifier: known } = s.state;
  return host.control !== null && (known === null || host.control.system_identifier === known);
}

/** Rule 7: ssh works and the postmaster is not running. */
function processGone(s: Situation): Finding | null {
  const silent = gather(s);
  if (silent?.host.kind !== 'looked') return null;
  const { host, master } = silent;
  if (host.postmaster.kind === 'unknown') {
    return speak(silent, { kind: 'master_untold', master, why: host.postmaster.detail });
  }
  if (host.postmaster.kind === 'running') return null;
  if (host.control === null) {
    return speak(silent, { kind: 'master_untold', master, why: `its control file cannot be read: ${host.detail}` });
  }
  if (!ownsControl(s, host)) {
    const why = `the data directory there belongs to system identifier ${host.control.system_identifier}`;
    return speak(silent, { kind: 'master_untold', master, why });
  }
  switch (host.control.state) {
    case 'in production':
      return speak(silent, { kind: 'master_crashed', master });
    case 'shut down':
      return speak(silent, { kind: 'master_shut_down', master });
    case 'starting up':
    case 'shutting down':
    case 'in crash recovery':
      return speak(silent, { kind: 'master_stopped', master });
    case 'shut down in recovery':
    case 'in archive recovery':
      return speak(silent, {
        kind: 'master_untold',
        master,
        why: `its control file says "${host.control.state}": somebody made it a replica`,
      });
  }
}

/** Rule 8: ssh works, the postmaster runs, and it does not answer. */
function processHangs(s: Situation): Finding | null {
  const silent = gather(s);
  if (silent?.host.kind !== 'looked' || silent.host.postmaster.kind !== 'running') return null;
  const { master } = silent;
  const reach = s.servers[master]?.reach.kind;
  // Refused or unreachable while it runs is a changed port or a firewall: nothing that a kill would mend.
  if (reach !== 'timeout') return speak(silent, { kind: 'master_alive_to_its_host', master });
  if (silent.host.port !== 'cannot_reach') {
    const why = 'the postmaster runs, and its own host could not try whether it answers there';
    return speak(silent, { kind: 'master_untold', master, why });
  }
  return speak(silent, { kind: 'master_hung', master });
}

/** Rule 9: nothing works and nobody can reach it. */
function hostLost(s: Situation): Finding | null {
  const silent = gather(s);
  if (silent === null) return null;
  return speak(silent, { kind: 'master_host_lost', master: silent.master });
}

/** Rules 6 to 9: a master that does not answer. */
export const diagnoseLost: readonly Rule[] = [
  {
    number: 6,
    when: 'the master does not answer',
    then: 'look closer and retry; one replica that can reach it, or too few witnesses: no failover',
    kinds: ['master_silent', 'master_seen_by_replica', 'master_alive_to_its_host', 'too_few_witnesses'],
    diagnose: silentMaster,
  },
  {
    number: 7,
    when: 'ssh works and the postmaster is not running',
    then: 'restart it if restart_master says so, else fail over; "in production" needs no further retry',
    kinds: ['master_crashed', 'master_shut_down', 'master_stopped', 'master_untold'],
    diagnose: processGone,
  },
  {
    number: 8,
    when: 'ssh works, the postmaster runs, and it does not answer',
    then: 'failover_on_hung: kill it, then fail over; a stopped process (SIGSTOP) need not let the last retries run out',
    kinds: ['master_hung', 'master_alive_to_its_host', 'master_untold'],
    diagnose: processHangs,
  },
  {
    number: 9,
    when: 'nothing works and nobody can reach it',
    then: 'fence_method; without one, and unless require_fencing, go on with the fencing owed',
    kinds: ['master_host_lost'],
    diagnose: hostLost,
  },
];
