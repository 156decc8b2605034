import { SEND_ALERTS_MS } from '../core/limits.js';
import type { Event } from '../core/event.js';
import { describeFailure } from '../core/outcome.js';
import type { Alert, PluginContext, PluginKinds } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';
import { pause } from '../io/wait.js';

export interface AlertOptions {
  /** Names of plugins. */
  readonly methods: readonly string[];
  readonly registry: Registry;
  readonly context: PluginContext;
  tell(event: Event): void;
}

/** The alert that an event is, if it is one. */
export function alertOf(event: Event, at: string): Alert | null {
  if (event.alert !== true) return null;
  const { category, message, server = null } = event;
  return { at, server, category, message, recovery: category === 'RECOVERY' };
}

/** Sends what a run had to say to people, by every configured method at once. Trouble is logged, never raised. */
export async function sendAlerts(alerts: readonly Alert[], options: AlertOptions): Promise<void> {
  if (alerts.length === 0) return;
  await Promise.all(options.methods.map((method) => sendBy(method, alerts, options)));
}

async function sendBy(method: string, alerts: readonly Alert[], options: AlertOptions): Promise<void> {
  const plugin = await options.registry.get('push_alert_method', method);
  const problem = plugin.ok ? await withinTime(sendAll(plugin.value, alerts, options)) : describeFailure(plugin.error);
  if (problem === null) return;
  options.tell({ category: 'ALERT', message: `${method}: alerts were not sent: ${problem}`, iserror: true });
}

async function sendAll(
  send: PluginKinds['push_alert_method'],
  alerts: readonly Alert[],
  { context }: AlertOptions,
): Promise<string | null> {
  for (const alert of alerts) {
    const sent = await send(context, alert);
    if (!sent.ok) return describeFailure(sent.error);
  }
  return null;
}

async function withinTime(sending: Promise<string | null>): Promise<string | null> {
  const over = new AbortController();
  const late = pause(SEND_ALERTS_MS, over.signal).then(() => `no end within ${SEND_ALERTS_MS / 1000} s`);
  try {
    return await Promise.race([sending, late]);
  } finally {
    over.abort();
  }
}
