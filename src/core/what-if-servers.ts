import type { Decision } from './decision.js';
import type { Fitness } from './eligibility.js';
import { bytesBehind, lsnFromNumber } from './lsn.js';
import type { ServerDef } from './model.js';
import type { ControlFile, HostLook, Postmaster, ServerObservation, SqlFacts, WitnessLook } from './observation.js';
import { type Situation, acceptsWrites, canMeanDown } from './situation.js';
import { weighWitness } from './suspicion.js';
import type { Change, ChangeKind } from './what-if.js';

/** What servers, their hosts and witnesses could have said instead. */
export function serverChanges(s: Situation, master: string, decision: Decision): readonly Change[] {
  const others = Object.keys(s.state.servers).filter((name) => name !== master);
  return [
    ...(s.closer?.witnesses ?? []).flatMap((look) => witnessChanges(s, look, master)),
    ...hostChanges(s, master),
    ...masterChanges(s, master),
    ...others.flatMap((name) => replicaChanges(s, name, decision)),
    ...overtaking(s, decision),
  ];
}

function change(kind: ChangeKind, about: string, claim: string, apply: Change['apply']): Change {
  return { kind, about, claim, touches: `${kind} ${about}`, apply };
}

function witnessChanges(s: Situation, look: WitnessLook, master: string): readonly Change[] {
  const { server } = look;
  const { testimony } = weighWitness(s, look, master);
  const changes: Change[] = [];
  if (testimony !== 'sees_it') {
    const reaches = { ...look, port: 'reaches', port_detail: 'imagined' } as const;
    changes.push(change('witness', server, `could reach ${master}`, withWitness(reaches)));
  }
  if (testimony !== 'agrees' && testimony !== 'not_a_witness') {
    const facts = look.seen.facts === null ? null : { ...look.seen.facts, receiver: { kind: 'none' } as const };
    const cannot = { ...look, seen: { ...look.seen, facts }, port: 'cannot_reach', port_detail: 'imagined' } as const;
    changes.push(change('witness', server, `could not reach ${master} either`, withWitness(cannot)));
  }
  return changes;
}

function withWitness(changed: WitnessLook): Change['apply'] {
  return (s) => {
    if (s.closer === null) return s;
    const witnesses = s.closer.witnesses.map((look) => (look.server === changed.server ? changed : look));
    return { ...s, closer: { ...s.closer, witnesses } };
  };
}

/** Other answers of the master's host. */
function hostChanges(s: Situation, master: string): readonly Change[] {
  if (s.closer === null) return [];
  const { host } = s.closer;
  const apply =
    (look: HostLook): Change['apply'] =>
    (before) =>
      before.closer === null ? before : { ...before, closer: { ...before.closer, host: look } };
  const say = (claim: string, look: HostLook): Change => change('host', `the host of ${master}`, claim, apply(look));
  const looked = { ...blankHost(master), ...host, kind: 'looked' } as const;
  const dead = (state: ControlFile['state']): HostLook => ({
    ...looked,
    postmaster: { kind: 'not_running' },
    port: 'cannot_reach',
    control: { ...controlOf(s, host), state },
  });
  const running: Postmaster = { kind: 'running', pid: 0, state: 'S' };
  const frozen: HostLook = { ...looked, postmaster: running, port: 'cannot_reach', control: controlOf(s, host) };
  return [
    say('said that no postmaster runs, and its control file "in production"', dead('in production')),
    say('said that no postmaster runs, and its control file "shut down"', dead('shut down')),
    say('said that the postmaster runs, and that nothing answers on its port', frozen),
    say('reached PostgreSQL on its own port', { ...frozen, port: 'reaches' }),
    say('answered nothing', { kind: 'no_answer', server: master, detail: 'imagined' }),
  ];
}

function blankHost(server: string): Extract<HostLook, { kind: 'looked' }> {
  return {
    kind: 'looked',
    server,
    postmaster: { kind: 'not_running' },
    port: 'cannot_look',
    control: null,
    standby_signal: false,
    free_bytes: null,
    detail: 'imagined',
  };
}

function controlOf({ state }: Situation, host: HostLook): ControlFile {
  const { system_identifier, master_position } = state;
  const known = host.kind === 'looked' ? host.control : null;
  return {
    state: 'in production',
    checkpoint_lsn: known?.checkpoint_lsn ?? master_position?.lsn ?? lsnFromNumber(0n),
    timeline: known?.timeline ?? master_position?.timeline ?? 1,
    system_identifier: system_identifier ?? known?.system_identifier ?? '',
  };
}

function masterChanges(s: Situation, master: string): readonly Change[] {
  const seen = s.servers[master];
  if (seen === undefined) return [];
  if (!acceptsWrites(seen)) {
    return [change('server', master, 'answered as a master', withAnswer(answering(s, seen, false)))];
  }
  if (seen.facts?.read_only === true) {
    const facts = { ...seen.facts, read_only: false };
    return [change('server', master, 'were not read only', withAnswer({ ...seen, facts }))];
  }
  return [];
}

function replicaChanges(s: Situation, name: string, decision: Decision): readonly Change[] {
  const seen = s.servers[name];
  const saved = s.state.servers[name];
  const changes: Change[] = [];
  const fitness = decision.fitness.find((one) => one.server === name);
  if (seen !== undefined) {
    const { kind } = seen.reach;
    if (acceptsWrites(seen)) {
      changes.push(change('server', name, 'did not accept writes', withAnswer(answering(s, seen, true))));
    }
    if (kind !== 'accepting') changes.push(change('server', name, 'answered', withAnswer(answering(s, seen, true))));
    else if (!canMeanDown(seen) && seen.facts?.in_recovery === true) {
      const refused = { ...seen, reach: { kind: 'refused', detail: 'imagined' }, facts: null } as const;
      changes.push(change('server', name, 'did not answer', withAnswer(refused)));
    }
  }
  if (saved === undefined || fitness === undefined) return changes;
  const { def, calm } = saved;
  const redefine = (claim: string, to: Partial<ServerDef>): Change =>
    change(
      'server',
      name,
      claim,
      withSaved(name, (server) => ({ ...server, def: { ...server.def, ...to } })),
    );
  if (!def.enabled) changes.push(redefine('were enabled', { enabled: true }));
  if (def.failover_priority === null) changes.push(redefine('had a failover_priority', { failover_priority: 1 }));
  else if (fitness.candidate !== null) changes.push(redefine('had no failover_priority', { failover_priority: null }));
  if (calm?.streaming !== true)
    changes.push(change('server', name, 'had been streaming before the trouble', streaming(name)));
  if (fitness.unfit.some(({ reason }) => reason === 'disk_full')) {
    changes.push(change('server', name, 'had room on its disk', withRoom(name)));
  }
  return changes;
}

/** How much more WAL a fit replica would have to hold to be chosen. */
function overtaking(s: Situation, decision: Decision): readonly Change[] {
  const fit = decision.fitness.filter(
    (one): one is Fitness & { candidate: NonNullable<Fitness['candidate']> } => one.candidate !== null,
  );
  const furthest = fit.reduce<bigint>((best, { candidate }) => (candidate.lsn > best ? candidate.lsn : best), 0n);
  return fit.flatMap(({ server, candidate }) => {
    const seen = s.servers[server];
    if (seen?.facts == null) return [];
    const lsn = lsnFromNumber(furthest + 1n);
    const facts = { ...seen.facts, lsn, receive_lsn: lsn };
    const claim = `held ${bytesBehind(candidate.lsn, lsn)} more byte(s) of WAL`;
    return [{ ...change('server', server, claim, withAnswer({ ...seen, facts })), touches: `position ${server}` }];
  });
}

/** What it would answer if it were as it was when all was well. */
function answering({ state }: Situation, seen: ServerObservation, in_recovery: boolean): ServerObservation {
  const { calm = null } = state.servers[seen.server] ?? {};
  const lsn = calm?.lsn ?? state.master_position?.lsn ?? null;
  const blank: SqlFacts = {
    in_recovery,
    system_identifier: state.system_identifier,
    timeline: calm?.timeline ?? state.master_position?.timeline ?? null,
    version: null,
    lsn,
    receive_lsn: in_recovery ? lsn : null,
    replay_lsn: in_recovery ? lsn : null,
    replay_paused: false,
    replay_age_ms: null,
    receiver: null,
    application_name: calm?.application_name ?? null,
    read_only: false,
    sync: null,
  };
  return { ...seen, reach: { kind: 'accepting', detail: 'imagined' }, facts: { ...blank, ...seen.facts, in_recovery } };
}

/** One server answers so, as a witness too. */
function withAnswer(seen: ServerObservation): Change['apply'] {
  return (s) => {
    const witnesses = (s.closer?.witnesses ?? []).map((look) =>
      look.server === seen.server ? { ...look, seen } : look,
    );
    const closer = s.closer === null ? null : { ...s.closer, witnesses };
    return { ...s, servers: { ...s.servers, [seen.server]: seen }, closer };
  };
}

type Saved = Situation['state']['servers'][string];

function withSaved(name: string, to: (server: Saved) => Saved): Change['apply'] {
  return (s) => {
    const saved = s.state.servers[name];
    if (saved === undefined) return s;
    return { ...s, state: { ...s.state, servers: { ...s.state.servers, [name]: to(saved) } } };
  };
}

function streaming(name: string): Change['apply'] {
  return withSaved(name, (server) => ({
    ...server,
    calm: {
      at: new Date(0).toISOString(),
      lsn: null,
      timeline: null,
      application_name: null,
      ...server.calm,
      streaming: true,
    },
  }));
}

function withRoom(name: string): Change['apply'] {
  return (s) => {
    if (s.closer === null) return s;
    const candidate_hosts = s.closer.candidate_hosts.map((look) =>
      look.kind === 'looked' && look.server === name ? { ...look, free_bytes: null } : look,
    );
    return { ...s, closer: { ...s.closer, candidate_hosts } };
  };
}
