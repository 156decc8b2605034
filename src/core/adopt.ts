import type { FormerMaster, SavedState } from './model.js';
import type { HostLook, ServerObservation } from './observation.js';
import { type Failure, fail } from './outcome.js';
import { refuseRebuilt } from './rebuild-rules.js';
import { type Evidence, type Situation, acceptsWrites, canMeanDown, describeReach, evidence } from './situation.js';

/** What a look at the live cluster says of who is its master. */
export type Adoption =
  /** One server is the master, and it is not the recorded one. */
  | {
      readonly kind: 'adopt';
      readonly master: string;
      /** Recorded as masters until now. */
      readonly old_masters: readonly string[];
      /** Those of them that stream from the live master's timeline: they are replicas, and nothing is owed. */
      readonly replicas: readonly string[];
      readonly evidence: readonly Evidence[];
    }
  | { readonly kind: 'agrees'; readonly master: string; readonly evidence: readonly Evidence[] }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly evidence: readonly Evidence[] };

export interface AdoptInput {
  /** Every server was looked at, the disabled ones too, and the hosts of the enabled ones. */
  readonly situation: Situation;
  /** Servers that a living run makes anew. */
  readonly under_way: readonly string[];
}

/** A server that takes writes, with all that must be known of it. */
interface Writer {
  readonly server: string;
  readonly timeline: number;
  readonly system_identifier: string;
}

/**
 * Judges whether the live cluster says without doubt who its master is: exactly one server of this system identifier accepts
 * writes, on the newest timeline, and no other one may do so unseen. Adopting makes the recorded master a former one, which a
 * later check may stop: so what cannot be told is refused.
 */
export function judgeAdoption(input: AdoptInput): Adoption {
  const { situation: s } = input;
  const seen = Object.values(s.servers).map((one) => sighting(s, one));
  const refused = (failure: Failure): Adoption => ({ kind: 'refused', failure, evidence: seen });
  const busy = refuseBusy(input);
  if (busy !== null) return refused(busy);
  const writer = findWriter(s);
  if ('code' in writer) return refused(writer);
  const recorded = recordedMasters(s.state);
  const doubt =
    refuseForeigners(s, writer) ??
    refuseOldTimeline(s, writer) ??
    refuseRelic(s.state, writer) ??
    refuseRebuilt(s.state, writer.server, 'be taken for the master') ??
    refuseUntold(s, writer) ??
    refuseUnseen(s, writer, recorded);
  if (doubt !== null) return refused(doubt);
  const enabled = s.state.servers[writer.server]?.def.enabled === true;
  const old_masters = recorded.filter((name) => name !== writer.server);
  if (enabled && recorded.includes(writer.server) && old_masters.length === 0)
    return { kind: 'agrees', master: writer.server, evidence: seen };
  const replicas = old_masters.filter((name) => follows(s.servers[name], writer));
  return { kind: 'adopt', master: writer.server, old_masters, replicas, evidence: seen };
}

function refusal(message: string, hint: string, server?: string): Failure {
  return fail('unsafe', message, { hint, ...(server === undefined ? {} : { server }) }).error;
}

/** What another run, another HandyRep or a half-done operation must end first. */
function refuseBusy({ situation: { state, active }, under_way }: AdoptInput): Failure | null {
  if (!active.active) {
    return refusal(`this HandyRep is not the active one: ${active.detail}`, 'adopt where the active one runs');
  }
  if (state.operation !== null) {
    return refusal(
      `the operation ${state.operation.id} is unfinished, and says who is to be the master`,
      'see it with `handyrep resolve`; finish it or give it up first',
    );
  }
  const [rebuilt] = under_way;
  if (rebuilt === undefined) return null;
  return refusal(`${rebuilt} is being made anew from the recorded master`, 'wait for its end', rebuilt);
}

/** Everybody that takes writes; one of another cluster does not count where it is known which one is ours. */
function findWriter(s: Situation): Writer | Failure {
  const accepting = Object.values(s.servers).filter((one) => acceptsWrites(one) && isOurs(s, one));
  const writing = accepting.filter((one) => one.facts?.read_only !== true);
  const newest = Math.max(0, ...writing.map(timelineOf));
  // A master that was made read only is no second one, once another one has gone on to a newer timeline.
  const rivals = accepting.filter((one) => one.facts?.read_only === true && timelineOf(one) >= newest);
  const all = [...writing, ...rivals];
  const [only, ...others] = all;
  if (only === undefined || writing.length === 0) return refuseNone(s, only);
  if (others.length > 0) {
    const words = all.map((one) => `${one.server} (timeline ${one.facts?.timeline ?? 'unknown'})`).sort();
    return refusal(
      `${words.join(' and ')} accept writes: the live cluster does not say which one is right`,
      'decide which one holds the data to keep, stop the others, then adopt',
    );
  }
  const { timeline = null, system_identifier = null } = only.facts ?? {};
  if (timeline === null || system_identifier === null) {
    return refusal(
      `${only.server} accepts writes, and does not tell its timeline or its system identifier`,
      '`handyrep init --print-sql` prints the grants that our role needs there',
      only.server,
    );
  }
  return { server: only.server, timeline, system_identifier };
}

function refuseNone(s: Situation, read_only: ServerObservation | undefined): Failure {
  if (Object.values(s.servers).every((one) => one.facts === null)) {
    const looks = Object.values(s.servers).map(describeReach).join('; ');
    return refusal(`no server tells its role: ${looks}`, "check this host's network and logins with `handyrep poll`");
  }
  const foreign = Object.values(s.servers).filter((one) => acceptsWrites(one) && !isOurs(s, one));
  const why =
    read_only !== undefined
      ? `; ${read_only.server} is no replica and has default_transaction_read_only on`
      : foreign.length > 0
        ? `; ${foreign.map((one) => `${one.server} does, with system identifier ${one.facts?.system_identifier ?? ''}`).join(', ')}`
        : '';
  return refusal(
    `no server of this cluster accepts writes${why}: there is no master to adopt`,
    'bring the right server up as master, or see `handyrep failover-check --dry-run`',
  );
}

/** Where nothing is known of the cluster yet, all that is configured must be one cluster. */
function refuseForeigners(s: Situation, { server, system_identifier: ours }: Writer): Failure | null {
  if (s.state.system_identifier !== null) return null;
  const stranger = Object.values(s.servers).find((one) => {
    const { system_identifier: theirs = null } = one.facts ?? {};
    return isEnabled(s.state, one.server) && theirs !== null && theirs !== ours;
  });
  if (stranger === undefined) return null;
  return refusal(
    `${stranger.server} has system identifier ${stranger.facts?.system_identifier ?? ''}, ${server} has ${ours}: they are two clusters, and it is not known which one is ours`,
    `correct hostname and port of the one that does not belong here, or set enabled: false for it`,
    stranger.server,
  );
}

/** A newer timeline anywhere means that somebody was promoted after this one. */
function refuseOldTimeline(s: Situation, { server, timeline }: Writer): Failure | null {
  const newer = Object.values(s.servers).find((one) => isOurs(s, one) && timelineOf(one) > timeline);
  const { master_position: last } = s.state;
  const hint = 'find the server that was promoted last; stop the one whose data is not to be kept, then adopt';
  if (newer !== undefined) {
    const text = `${server} accepts writes on timeline ${timeline}, and ${newer.server} is on ${timelineOf(newer)}: ${server} is not the last that was promoted`;
    return refusal(text, hint, server);
  }
  if (last === null || last.timeline <= timeline) return null;
  const text = `${server} accepts writes on timeline ${timeline}, and ${last.server} was the master on ${last.timeline} at ${last.at}: ${server} is not the last that was promoted`;
  return refusal(text, hint, server);
}

/** A former master that came back as it was: its fencing is owed, and adopting it would forget that. */
function refuseRelic(state: SavedState, { server, timeline }: Writer): Failure | null {
  const former = state.former_masters.find((one) => one.server === server);
  if (former === undefined || outgrew(former, timeline)) return null;
  const replaced = former.timeline === null ? '' : `, replaced on timeline ${former.timeline}`;
  return refusal(
    `${server} is a former master${replaced}, and is back accepting writes on timeline ${timeline}: it is to be fenced, not adopted`,
    `\`handyrep failover-check\` stops it; bring up or promote the server that replaced it`,
    server,
  );
}

function outgrew({ timeline: replaced_on }: FormerMaster, timeline: number): boolean {
  return replaced_on !== null && timeline >= replaced_on;
}

/** A server that is up and does not let us see what it is may take writes at this moment. */
function refuseUntold(s: Situation, writer: Writer): Failure | null {
  const former = new Set(s.state.former_masters.map((one) => one.server));
  const untold = Object.values(s.servers).find((one) => {
    if (one.server === writer.server || canMeanDown(one)) return false;
    if (one.reach.kind === 'accepting' && one.facts !== null) return false;
    if (isEnabled(s.state, one.server)) return true;
    return former.has(one.server) && one.reach.kind !== 'unresolved';
  });
  if (untold === undefined) return null;
  return refusal(
    `${writer.server} accepts writes, and it cannot be told whether ${untold.server} does too: ${describeReach(untold)}`,
    `see to it that ${untold.server} answers us, or stop it; then adopt`,
    untold.server,
  );
}

/** A server that does not answer: its host may show a second master; the recorded master must be proved not to be one. */
function refuseUnseen(s: Situation, writer: Writer, recorded: readonly string[]): Failure | null {
  for (const { def } of Object.values(s.state.servers)) {
    const seen = s.servers[def.name];
    if (def.name === writer.server || (seen !== undefined && !canMeanDown(seen))) continue;
    const host = hostOf(s, def.name);
    if (host?.kind === 'looked' && host.postmaster.kind === 'running' && mayBeMaster(host, recorded)) {
      return refusal(
        `${writer.server} accepts writes, and so may ${def.name}: it does not answer here, and PostgreSQL runs on its host (control file: ${host.control?.state ?? 'not readable'})`,
        `mend its network, or stop it with \`handyrep stop ${def.name}\` or on its host; then adopt`,
        def.name,
      );
    }
    const stopped = host?.kind === 'looked' && host.postmaster.kind === 'not_running';
    if (!recorded.includes(def.name) || !def.enabled || stopped || isSuperseded(s.state, writer)) continue;
    return refusal(
      `${writer.server} accepts writes on timeline ${writer.timeline}, which is no proof that it replaced ${def.name}: ${def.name} is recorded as master, it does not answer, and its host does not show whether it runs`,
      `bring ${def.name} or its host back so that it can be told; when it is gone for good, take it out of the configuration and set handyrep.override_server_file: true for one \`handyrep verify\``,
      def.name,
    );
  }
  return null;
}

/** The control file of a running standby never says "in production" ("pg_controldata"). */
function mayBeMaster(host: Extract<HostLook, { kind: 'looked' }>, recorded: readonly string[]): boolean {
  return host.control === null ? recorded.includes(host.server) : host.control.state === 'in production';
}

/** The writer was promoted after the recorded master was last seen writing: what a promotion by hand is proved by, too. */
function isSuperseded({ master_position }: SavedState, { timeline }: Writer): boolean {
  return master_position !== null && timeline > master_position.timeline;
}

function hostOf({ closer }: Situation, name: string): HostLook | undefined {
  return closer === null ? undefined : [closer.host, ...closer.candidate_hosts].find((look) => look.server === name);
}

/** An old master that has become a replica already: it streams, on the timeline of the live master. */
function follows(seen: ServerObservation | undefined, { timeline, system_identifier }: Writer): boolean {
  const facts = seen?.facts ?? null;
  if (facts?.in_recovery !== true || facts.system_identifier !== system_identifier) return false;
  const { receiver } = facts;
  return receiver?.kind === 'running' && receiver.status === 'streaming' && facts.timeline === timeline;
}

function recordedMasters(state: SavedState): readonly string[] {
  return Object.values(state.servers).flatMap(({ def }) => (def.role === 'master' ? [def.name] : []));
}

function isEnabled(state: SavedState, name: string): boolean {
  return state.servers[name]?.def.enabled === true;
}

function isOurs({ state: { system_identifier: known } }: Situation, { facts }: ServerObservation): boolean {
  return known === null || facts?.system_identifier == null || facts.system_identifier === known;
}

function timelineOf({ facts }: ServerObservation): number {
  return facts?.timeline ?? 0;
}

function sighting(s: Situation, seen: ServerObservation): Evidence {
  const { server, at, facts } = seen;
  if (facts === null) {
    const host = hostOf(s, server);
    const runs = host?.kind === 'looked' ? `; its host: postmaster ${host.postmaster.kind.replace('_', ' ')}` : '';
    return evidence(server, at, `${describeReach(seen)}${runs}`);
  }
  const { receiver } = facts;
  const from =
    receiver?.kind === 'running' && receiver.sender_host !== null
      ? `, ${receiver.status} from ${receiver.sender_host}:${receiver.sender_port ?? ''}`
      : '';
  const role = facts.in_recovery ? `is in recovery${from}` : facts.read_only ? 'is read only' : 'accepts writes';
  const of = isOurs(s, seen) ? '' : `, of another cluster (system identifier ${facts.system_identifier ?? ''})`;
  return evidence(server, at, `${server} ${role}, on timeline ${facts.timeline ?? 'unknown'}${of}`);
}

/** What is on record of one server, in words, before and after. */
export interface RecordChange {
  readonly server: string;
  readonly before: string;
  readonly after: string;
}

/** What is on record of each server in two states; the same words where nothing changes. */
export function compareRecords(before: SavedState, after: SavedState): readonly RecordChange[] {
  return Object.keys(after.servers).map((server) => ({
    server,
    before: recordOf(before, server),
    after: recordOf(after, server),
  }));
}

function recordOf(state: SavedState, name: string): string {
  const def = state.servers[name]?.def;
  if (def === undefined) return 'not known';
  const former = state.former_masters.find((one) => one.server === name);
  const owed = former === undefined ? '' : `, former master, ${former.fenced === null ? 'its fencing owed' : 'fenced'}`;
  return `${def.role}${def.enabled ? '' : ', disabled'}${owed}`;
}

/** The question, in the words of what it changes. */
export function adoptQuestion(adoption: Extract<Adoption, { kind: 'adopt' }>): string {
  const { master, old_masters, replicas } = adoption;
  const former = old_masters.filter((name) => !replicas.includes(name));
  const parts = [
    ...(replicas.length === 0 ? [] : [`${replicas.join(', ')} as a replica of it`]),
    ...(former.length === 0
      ? []
      : [`${former.join(', ')} as a disabled former master, which is stopped if it comes back accepting writes`]),
  ];
  return `${master} is recorded as the master${parts.map((part) => `, ${part}`).join('')}`;
}
