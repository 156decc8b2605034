import { CALM_LOOK_MS } from '../core/limits.js';
import { execute } from '../act/execute.js';
import { whyNoReplicationLogin } from '../act/login.js';
import { bytesBehind } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { type Outcome, describeFailure } from '../core/outcome.js';
import { type SwitchoverPlan, journal, switchoverSteps } from '../core/plan.js';
import { type PreflightFinding, judgePreflight } from '../core/preflight.js';
import { unwritable } from '../core/suspicion.js';
import { planSwitchover } from '../core/switchover.js';
import { lookAtHost } from '../observe/host.js';
import { lookAtCandidate, lookAtMaster } from '../observe/preflight.js';
import { type CheckResult, refresh, resultOf } from './check.js';
import { beforeHook, newOperation } from './new-operation.js';
import { lookAtProxies, proxyTrouble } from './connections.js';
import type { RoundResult } from './round.js';
import { type Session, actorOf } from './session.js';

/** Everything that a switchover will need was looked at: the plan, and what speaks against it. */
interface Prepared {
  readonly plan: SwitchoverPlan;
  readonly preflight: readonly PreflightFinding[];
}

/** What a switchover would do, and what it would stumble over. Changes nothing. */
export async function rehearse(session: Session, observed: RoundResult): Promise<CheckResult> {
  const prepared = await prepare(session, observed);
  if (!('plan' in prepared)) return prepared;
  const { plan, preflight } = prepared;
  const refusal = refuse(observed, plan, preflight);
  const details = `dry run, nothing was done: ${refusal?.details ?? `${plan.old_master} would hand over to ${plan.new_master}`}`;
  return {
    ...resultOf(observed),
    ...refusal,
    details,
    steps: switchoverSteps(plan, beforeHook(session.config, observed.situation)),
    preflight,
  };
}

/** Hands the master's part over to a replica: the master lives, and nothing that it acknowledged is lost. */
export async function switchOver(session: Session, observed: RoundResult): Promise<CheckResult> {
  const prepared = await prepare(session, observed);
  if (!('plan' in prepared)) return prepared;
  const { plan, preflight } = prepared;
  const steps = switchoverSteps(plan, beforeHook(session.config, observed.situation));
  const refusal = refuse(observed, plan, preflight);
  if (refusal !== null) return { ...resultOf(observed), ...refusal, steps, preflight };
  const operation = newOperation(session, {
    kind: 'switchover',
    automatic: false,
    old_master: plan.old_master,
    new_master: plan.new_master,
    steps: journal(steps),
    evidence: preflight.map(({ text }) => text),
    moments: observed.moments,
  });
  const message = `begins: ${plan.old_master} hands over to ${plan.new_master}`;
  session.tell({ category: 'FAILOVER', message, alert: 'announcement' });
  const done = await execute(actorOf(session), operation, observed.situation);
  await refresh(session);
  const success = done.result === 'SUCCESS';
  return {
    ...resultOf(observed),
    success,
    details: done.details,
    hint: success ? null : 'see what stopped it, and `handyrep failover --dry-run`',
    operation: done.operation,
    failed_over: success || done.result === 'FAIL',
    refused: done.result === 'REFUSED',
    steps,
    preflight,
  };
}

type Refusal = Pick<CheckResult, 'success' | 'details' | 'hint' | 'refused'>;

function refused(details: string, hint: string): Refusal {
  return { success: false, details, hint, refused: true };
}

function refuse(
  { situation }: RoundResult,
  plan: SwitchoverPlan,
  preflight: readonly PreflightFinding[],
): Refusal | null {
  // Nothing could be journalled: no force helps.
  const sick = unwritable(situation);
  if (sick.length > 0)
    return refused(sick.map(({ text }) => text).join('; '), 'mend the folder of handyrep.server_file');
  const blocking = situation.on_demand?.force === true ? [] : preflight.filter(({ blocks }) => blocks);
  if (blocking.length === 0) return null;
  const reasons = blocking.map(({ name, text }) => `${name}: ${text}`).join('; ');
  const hints = [...new Set(blocking.map(({ hint }) => hint))].join('; ');
  return refused(
    `${plan.old_master} does not hand over to ${plan.new_master}: ${reasons}`,
    `${hints}; or override with --force`,
  );
}

async function prepare(session: Session, observed: RoundResult): Promise<Prepared | CheckResult> {
  const { diagnosis } = observed.decision;
  const name = diagnosis.kind === 'master_healthy' ? diagnosis.master : '';
  // What the round just saw is in the state: who streams now is fit, not who streamed at the last check.
  const situation = { ...observed.situation, state: session.state.current() };
  const choice = planSwitchover(situation, name, session.plugins.select);
  if (choice.kind === 'nobody') {
    const refusal = refused(`no replica can take over from ${name}: ${choice.why}`, 'mend what is named for a replica');
    return { ...resultOf(observed), ...refusal };
  }
  const { plan } = choice;
  const defs = session.state.current().servers;
  const master = defs[plan.old_master]?.def;
  const candidate = defs[plan.new_master]?.def;
  if (master === undefined || candidate === undefined) throw new Error('the plan names a server that is not known');
  return { plan, preflight: await preflightOf(session, observed, plan, master, candidate) };
}

async function preflightOf(
  session: Session,
  { situation }: RoundResult,
  plan: SwitchoverPlan,
  master: ServerDef,
  candidate: ServerDef,
): Promise<readonly PreflightFinding[]> {
  const { sql, hosts, signal } = session;
  const state = session.state.current();
  const others = Object.values(state.servers).flatMap(({ def }) =>
    def.enabled && def.role === 'replica' && def.name !== candidate.name ? [def] : [],
  );
  const options = { timeout: session.config.handyrep.ssh_timeout + CALM_LOOK_MS, signal };
  const [master_facts, candidate_facts, master_host, candidate_host, trouble, login_trouble, proxies] =
    await Promise.all([
      lookAtMaster(sql, master, signal),
      lookAtCandidate(sql, candidate, signal),
      lookAtHost(hosts, master, options),
      lookAtHost(hosts, candidate, options),
      serviceTrouble(session, master),
      whyNoReplicationLogin(actorOf(session), master, candidate),
      lookAtProxies(session),
    ]);
  const ahead = situation.servers[master.name]?.facts?.lsn ?? null;
  const at = situation.servers[plan.new_master]?.facts?.lsn ?? null;
  return judgePreflight({
    master,
    candidate,
    others: others.map((def) => ({ def, streaming: streams(situation.servers[def.name]) })),
    known_names: Object.values(state.servers).flatMap(({ def, calm }) => [
      def.name,
      calm?.application_name ?? def.name,
    ]),
    master_facts,
    candidate_facts,
    behind: ahead === null || at === null ? null : bytesBehind(at, ahead),
    candidate_streams: streams(situation.servers[candidate.name]),
    master_host,
    candidate_host,
    service_trouble: trouble,
    login_trouble,
    proxy_trouble: proxyTrouble(proxies, master.name),
  });
}

function streams(seen: ServerObservation | undefined): boolean {
  const receiver = seen?.facts?.receiver;
  return receiver?.kind === 'running' && receiver.status === 'streaming';
}

/** The old master is stopped and started by its restart method: tried without stopping it. */
async function serviceTrouble(
  session: Session,
  master: ServerDef,
): Promise<readonly { server: string; text: string }[]> {
  const [plugin, tester] = await Promise.all([
    session.registry.get('restart_method', master.restart_method),
    session.registry.tester(master.restart_method),
  ]);
  const wrong = (outcome: Outcome<unknown>): readonly { server: string; text: string }[] =>
    outcome.ok ? [] : [{ server: master.name, text: describeFailure(outcome.error) }];
  if (!plugin.ok || !tester.ok) return wrong(plugin.ok ? tester : plugin);
  return tester.value === null ? [] : wrong(await tester.value(session.plugin_context, master));
}
