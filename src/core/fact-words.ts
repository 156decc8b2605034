import { formatDuration, formatSize, roughSize } from './duration.js';
import { formatLsn } from './lsn.js';
import type { HostLook, Receiver, ServerObservation, SqlFacts } from './observation.js';
import { isPaused } from './pause.js';
import { type Situation, recordedMaster } from './situation.js';
import { type Testimony, managerSickness, weighWitness } from './suspicion.js';

/** Something that was known when a decision was made. */
export interface Fact {
  /** The server or thing that it is about. */
  readonly about: string;
  /** Where it came from. */
  readonly source: string;
  /** Milliseconds between the look and the decision; null for what has no age. */
  readonly age: number | null;
  readonly text: string;
}

/** Everything that the decision was made from, in words: servers, hosts, witnesses, what was saved, settings, ourselves. */
export function factsOf(s: Situation): readonly Fact[] {
  return [
    ...Object.values(s.servers)
      .toSorted((a, b) => byRole(s, a.server) - byRole(s, b.server) || (a.server < b.server ? -1 : 1))
      .map((seen) => serverFact(s, seen)),
    ...closerFacts(s),
    ...savedFacts(s),
    { about: 'settings', source: 'configuration', age: null, text: settings(s) },
    ...ownFacts(s),
  ];
}

function byRole(s: Situation, server: string): number {
  return server === recordedMaster(s.state) ? 0 : 1;
}

function serverFact(s: Situation, seen: ServerObservation): Fact {
  const { reach, facts, took } = seen;
  const detail = reach.detail === '' ? '' : ` (${reach.detail})`;
  const says = facts === null ? '' : `: ${describeFacts(facts)}`;
  const part = seen.server === recordedMaster(s.state) ? `${seen.server}, the recorded master` : seen.server;
  return {
    about: part,
    source: 'look from here',
    age: Math.max(0, s.now - seen.at),
    text: `${reach.kind}${detail}${says}, in ${took.toString()} ms`,
  };
}

function describeFacts(facts: SqlFacts): string {
  const position = facts.lsn === null ? 'at an unknown position' : `at ${formatLsn(facts.lsn)}`;
  const timeline = `timeline ${facts.timeline?.toString() ?? 'unknown'}`;
  const role = facts.in_recovery ? 'in recovery' : facts.read_only ? 'read only' : 'takes writes';
  const receiver = facts.in_recovery ? `, ${describeReceiver(facts.receiver)}` : '';
  const paused = facts.replay_paused ? ', replay is paused' : '';
  return `${role}, ${timeline}, ${position}${receiver}${paused}`;
}

function describeReceiver(receiver: Receiver | null): string {
  if (receiver === null) return 'its WAL receiver was not told';
  switch (receiver.kind) {
    case 'none':
      return 'no WAL receiver';
    case 'hidden':
      return 'its WAL receiver is hidden from our role';
    case 'running': {
      const heard = receiver.receipt_age_ms === null ? '' : `, last heard ${seconds(receiver.receipt_age_ms)} before`;
      const from = receiver.sender_host === null ? '' : ` from ${receiver.sender_host}`;
      return `WAL receiver ${receiver.status}${from}${heard}`;
    }
  }
}

function closerFacts(s: Situation): readonly Fact[] {
  const master = recordedMaster(s.state);
  if (s.closer === null || master === null) return [];
  const { host, witnesses, candidate_hosts } = s.closer;
  const { made, wanted } = s.attempts;
  const since = s.trouble_since === null ? '' : `, silent for ${seconds(s.now - s.trouble_since)}`;
  return [
    {
      about: master,
      source: 'looks',
      age: null,
      text: `${made.toString()} of ${wanted.toString()} looks made${since}`,
    },
    { about: `host of ${master}`, source: 'remote command', age: null, text: describeHost(host) },
    ...witnesses.map((look): Fact => {
      const verdict = weighWitness(s, look, master);
      const age = Math.max(0, s.now - look.seen.at);
      return {
        about: `witness ${look.server}`,
        source: 'SQL and remote command',
        age,
        text: `${TESTIMONY[verdict.testimony]}: ${verdict.evidence.text}`,
      };
    }),
    ...candidate_hosts.map((look): Fact => ({
      about: `host of ${look.server}`,
      source: 'remote command',
      age: null,
      text: describeHost(look),
    })),
  ];
}

const TESTIMONY: Readonly<Record<Testimony, string>> = {
  sees_it: 'vetoes',
  agrees: 'confirms',
  silent: 'cannot say',
  no_answer: 'cannot be asked',
  not_a_witness: 'is no witness',
};

function describeHost(look: HostLook): string {
  if (look.kind === 'no_answer') return `no answer (${look.detail})`;
  const { postmaster, control } = look;
  const process =
    postmaster.kind === 'running'
      ? `postmaster ${postmaster.pid.toString()} runs (state ${postmaster.state})`
      : postmaster.kind === 'not_running'
        ? 'no postmaster'
        : `postmaster unknown (${postmaster.detail})`;
  const file = control === null ? 'control file not read' : `control file "${control.state}"`;
  const checkpoint = control === null ? '' : `, checkpoint ${formatLsn(control.checkpoint_lsn)}`;
  const signal = look.standby_signal ? ', standby.signal is there' : '';
  const free = look.free_bytes === null ? '' : `, ${roughSize(look.free_bytes)} free`;
  return `${process}, its port from there: ${look.port}, ${file}${checkpoint}${signal}${free}`;
}

function savedFacts(s: Situation): readonly Fact[] {
  const { state, now } = s;
  const fact = (about: string, at: string | null, text: string): Fact => ({
    about,
    source: `saved state ${state.generation.toString()}`,
    age: at === null ? null : Math.max(0, now - Date.parse(at)),
    text,
  });
  const facts: Fact[] = [];
  const { master_position: position, sync, pause, last_failover: last, operation } = state;
  if (position !== null) {
    const text = `${position.server} was at ${formatLsn(position.lsn)} on timeline ${position.timeline.toString()}`;
    facts.push(fact('last position', position.at, text));
  }
  if (s.heartbeat !== undefined) {
    const { server, at, lsn, timeline } = s.heartbeat;
    const text = `${server} was at ${formatLsn(lsn)} on timeline ${timeline.toString()}`;
    facts.push({ about: 'last heartbeat', source: `session held on ${server}`, age: Math.max(0, now - at), text });
  }
  if (sync !== null && sync.setting !== '') {
    facts.push(
      fact('synchronous', sync.at, `synchronous_standby_names ${sync.setting}, synchronous_commit ${sync.commit}`),
    );
  }
  if (isPaused(pause, now))
    facts.push(fact('pause', pause.since, `until ${pause.until ?? 'resumed'}: ${pause.reason}`));
  if (last !== null) {
    facts.push(fact('last failover', last.ended, last.acknowledged ? 'acknowledged' : 'not acknowledged'));
  }
  if (operation !== null) facts.push(fact('operation', operation.begun, `${operation.id} is unfinished`));
  for (const former of state.former_masters) {
    const text = former.fenced === null ? 'its fencing is owed' : `fenced at ${former.fenced}`;
    facts.push(fact(`former master ${former.server}`, former.since, text));
  }
  return facts;
}

function settings({ policy, on_demand }: Situation): string {
  const { max_data_loss: limit } = policy;
  const asked = on_demand === null ? [] : [`asked for by an operator${on_demand.force ? ', by force' : ''}`];
  return [
    ...asked,
    `auto_failover ${String(policy.auto_failover)}`,
    `restart_master ${String(policy.restart_master)}`,
    `failover_on_hung ${String(policy.failover_on_hung)}`,
    `require_fencing ${String(policy.require_fencing)}`,
    `fence_method ${policy.fence_method ?? 'none'}`,
    `min_witnesses ${policy.min_witnesses.toString()}`,
    `max_data_loss ${typeof limit === 'string' ? limit : formatSize(limit.bytes)}`,
    `min_failover_interval ${formatDuration(policy.min_failover_interval)}`,
  ].join(', ');
}

function ownFacts(s: Situation): readonly Fact[] {
  const sick = managerSickness(s);
  const well = 'its clocks agree, and the state can be written';
  const text = sick.length === 0 ? well : sick.map((one) => one.text).join('; ');
  const active = s.active.active ? 'active' : 'not the active one';
  const restart = s.restart_failed === null ? [] : [`starting the master failed: ${s.restart_failed}`];
  return [
    { about: 'this host', source: 'itself', age: null, text },
    { about: 'this HandyRep', source: 'master_check_method', age: null, text: `${active} (${s.active.detail})` },
    ...restart.map((why): Fact => ({ about: 'this run', source: 'itself', age: null, text: why })),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
