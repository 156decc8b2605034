import { userInfo } from 'node:os';
import type { Tools } from '../act/actor.js';
import { whyNoReplicationLogin, whyNoRewindLogin } from '../act/login.js';
import type { DoctorFinding, SqlPlace } from '../core/doctor.js';
import { type DoctorNames, judgeLogin } from '../core/doctor-access.js';
import { judgeCluster } from '../core/doctor-cluster.js';
import { CALM_LOOK_MS } from '../core/limits.js';
import { bytesBehind } from '../core/lsn.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { type PreflightFinding, judgePreflight } from '../core/preflight.js';
import { acceptsWrites, describeReach, recordedMaster } from '../core/situation.js';
import { lookAtCandidate, lookAtMaster } from '../observe/preflight.js';
import { proxyAnswers, proxyTrouble } from './connections.js';
import { type CheckedServer, checkServer } from './doctor-server.js';
import type { Reach } from './open.js';

/** Everything that is looked at for a doctor, beside this host itself. */
export interface DoctorCase {
  readonly reach: Reach;
  readonly tools: Tools;
  readonly state: SavedState;
  readonly names: DoctorNames;
  readonly master: ServerDef | null;
  /** Enabled servers. */
  readonly servers: readonly ServerDef[];
  readonly seen: Readonly<Record<string, ServerObservation>>;
  /** Milliseconds for one remote look. */
  readonly timeout: number;
  place(server: ServerDef): SqlPlace;
}

export async function checkCluster(reach: Reach, tools: Tools, state: SavedState): Promise<readonly DoctorFinding[]> {
  const { handyrep, failover } = reach.loaded.config;
  const { handyrep_db, handyrep_user, replication_user, postgres_superuser, postgres_os_user } = handyrep;
  const servers = Object.values(state.servers).flatMap(({ def }) => (def.enabled ? [def] : []));
  const master = state.servers[recordedMaster(state) ?? '']?.def ?? null;
  const looks = await Promise.all(servers.map((def) => tools.look(def)));
  const one: DoctorCase = {
    reach,
    tools,
    state,
    names: {
      handyrep_db,
      handyrep_user,
      replication_user,
      postgres_superuser,
      postgres_os_user,
      own_user: userInfo().username,
    },
    master,
    servers,
    seen: Object.fromEntries(looks.map((seen) => [seen.server, seen])),
    timeout: handyrep.ssh_timeout + CALM_LOOK_MS,
    place: ({ hostname, port }) => ({ hostname, port, superuser: postgres_superuser, database: handyrep_db }),
  };
  const [checks, preflight] = await Promise.all([
    Promise.all(servers.map((def) => checkServer(one, def))),
    preflights(one),
  ]);
  // Afterwards: a host has a limit for how many sessions it opens at once.
  const logins = await tryLogins(one, checks);
  const seen = master === null ? undefined : one.seen[master.name];
  return [
    ...checks.flatMap(({ findings }) => findings),
    ...logins,
    ...judgeCluster({
      policy: failover,
      servers,
      master: master?.name ?? null,
      master_trouble: seen === undefined || acceptsWrites(seen) ? null : describeReach(seen),
      streaming: servers.filter(({ name }) => streams(one.seen[name])).map(({ name }) => name),
      witnesses: checks.flatMap(({ def, witness }) => (witness === 'reaches' ? [def.name] : [])),
      settings: checks.find(({ def }) => def.name === master?.name)?.settings ?? null,
      preflight,
      place: (name) => one.place(state.servers[name]?.def ?? servers[0] ?? fallback(name)),
    }),
  ];
}

function fallback(name: string): never {
  throw new Error(`a finding names the unknown server ${name}`);
}

function streams(seen: ServerObservation | undefined): boolean {
  const receiver = seen?.facts?.receiver;
  return receiver?.kind === 'running' && receiver.status === 'streaming';
}

/** What a switchover to each replica that may be promoted would stumble over, each thing once. */
async function preflights(one: DoctorCase): Promise<readonly PreflightFinding[]> {
  const { master, tools, state, seen } = one;
  if (master === null || seen[master.name]?.reach.kind !== 'accepting') return [];
  const replicas = one.servers.filter(({ name }) => name !== master.name);
  const candidates = replicas.filter(
    ({ name, failover_priority }) => failover_priority !== null && seen[name]?.reach.kind === 'accepting',
  );
  const { signal, sql } = tools;
  const [master_facts, proxies] = await Promise.all([
    lookAtMaster(sql, master, signal),
    proxyAnswers(one.tools, state, one.reach.loaded.config.failover),
  ]);
  const proxy_trouble = proxyTrouble(proxies, master.name);
  const found = await Promise.all(
    candidates.map(async (candidate): Promise<readonly PreflightFinding[]> => {
      const ahead = seen[master.name]?.facts?.lsn ?? null;
      const at = seen[candidate.name]?.facts?.lsn ?? null;
      return judgePreflight({
        master,
        candidate,
        others: replicas
          .filter(({ name }) => name !== candidate.name)
          .map((def) => ({ def, streaming: streams(seen[def.name]) })),
        known_names: Object.values(state.servers).flatMap(({ def, calm }) => [
          def.name,
          calm?.application_name ?? def.name,
        ]),
        master_facts,
        candidate_facts: await lookAtCandidate(sql, candidate, signal),
        behind: ahead === null || at === null ? null : bytesBehind(at, ahead),
        candidate_streams: streams(seen[candidate.name]),
        // Hosts, plugins and logins are looked at by themselves.
        master_host: { kind: 'no_answer', server: master.name, detail: '' },
        candidate_host: { kind: 'no_answer', server: candidate.name, detail: '' },
        service_trouble: [],
        login_trouble: null,
        proxy_trouble,
      });
    }),
  );
  const all = new Map(found.flat().map((finding) => [`${finding.name} ${finding.server}`, finding]));
  return [...all.values()];
}

/** Every server may become the master, and every other one must then get in: two logins for each pair. */
async function tryLogins(one: DoctorCase, checks: readonly CheckedServer[]): Promise<readonly DoctorFinding[]> {
  const { tools, servers, seen, names } = one;
  const from = checks.filter(({ commands }) => commands).map(({ def }) => def);
  const found = await Promise.all(
    from.map(async (source) => {
      const findings: DoctorFinding[] = [];
      for (const to of servers) {
        if (to.name === source.name || seen[to.name]?.reach.kind !== 'accepting') continue;
        const [replication, rewind] = await Promise.all([
          whyNoReplicationLogin(tools, source, to),
          whyNoRewindLogin(tools, source, to),
        ]);
        const tried = [
          ['replication', replication],
          ['rewind', rewind],
        ] as const;
        for (const [kind, why] of tried) {
          if (why !== null) findings.push(judgeLogin({ kind, from: source, to, why }, names));
        }
      }
      return findings;
    }),
  );
  return found.flat();
}
