import type { ProxyDef } from '../../src/core/model.js';
import { type Outcome, fail, ok } from '../../src/core/outcome.js';
import type { ConnectionRequest, PluginContext, PluginKinds } from '../../src/plugin/contract.js';

/** One proxy, and what is needed to do something with it. */
export interface Work<S> {
  readonly context: PluginContext;
  readonly settings: S;
  readonly proxy: ProxyDef;
}

/** What a connection method does with one proxy of its kind. */
export interface ProxyMethod<S> {
  /** As the configuration names it. */
  readonly name: string;
  readonly role: ProxyDef['role'];
  pause(work: Work<S>, request: ConnectionRequest): Promise<Outcome<string>>;
  move(work: Work<S>, request: ConnectionRequest): Promise<Outcome<string>>;
  look(work: Work<S>, request: ConnectionRequest): Promise<Outcome<string>>;
  /** Whether it would work. Changes nothing. */
  attempt(work: Work<S>): Promise<Outcome<string>>;
}

/** A plugin's `run`, of what it does with one proxy. */
export function runOf<S>(method: ProxyMethod<S>): (settings: S) => PluginKinds['connection_failover_method'] {
  return (settings) => async (context, request) => {
    const { proxy, action } = request;
    return proxy === null ? noProxy(method) : method[action]({ context, settings, proxy }, request);
  };
}

/** A plugin's `test`: all enabled proxies at once; the first that would not work counts, else what all of them say. */
export function testOf<S>(method: ProxyMethod<S>): (settings: S, context: PluginContext) => Promise<Outcome<string>> {
  return async (settings, context) => {
    const proxies = context.proxies.filter(({ enabled }) => enabled);
    const all = await Promise.all(proxies.map((proxy) => method.attempt({ context, settings, proxy })));
    const bad = all.find((one) => !one.ok);
    if (bad !== undefined) return bad;
    if (all.length === 0) return noProxy(method);
    return ok(all.flatMap((one) => (one.ok ? [one.value] : [])).join('; '));
  };
}

function noProxy<S>({ name, role }: ProxyMethod<S>): Outcome<never> {
  return fail('plugin_failed', `${name}: there is no enabled server with role: ${role}`, {
    hint: `add them with \`handyrep server add NAME role=${role} hostname=HOST\``,
  });
}

/** A failure of one proxy. */
export function broken({ proxy }: { readonly proxy: ProxyDef }, message: string, hint: string): Outcome<never> {
  return fail('plugin_failed', `${proxy.name}: ${message}`, { server: proxy.name, hint });
}

/** The text of a proxy's file, made from its template; `values` beside those that every template gets. */
export async function fileText(
  { context, settings, proxy }: Work<{ readonly template: string }>,
  values: Readonly<Record<string, unknown>>,
): Promise<Outcome<string>> {
  const template = await context.template(settings.template);
  if (!template.ok) return template;
  const { name, hostname, port } = proxy;
  return context.render(template.value, {
    cluster_name: context.cluster_name,
    proxy: { name, hostname, port },
    ...values,
  });
}

/** Whom a client logs in as. */
export interface ClientLogin {
  readonly user: string;
  readonly database: string;
  /** Null: from the password file. */
  readonly password: string | null;
}

/** Logs in through a proxy as a client would; fails where it does not reach a server that takes writes. */
export async function asClient(
  { context, settings, proxy }: Work<{ readonly timeout: number }>,
  login: ClientLogin,
): Promise<Outcome<void>> {
  const { name, hostname, port } = proxy;
  const options = { timeout: settings.timeout * 1000, signal: context.signal };
  const statements = ['SELECT pg_is_in_recovery() AS standby'];
  const answers = await context.console.run({ name, hostname, port, ...login }, statements, options);
  if (!answers.ok) return answers;
  if (answers.value[0]?.[0]?.['standby'] === 'f') return ok(undefined);
  const message = `a client of ${login.database} reaches a server in recovery`;
  return broken({ proxy }, message, 'see where it sends its clients');
}
