import { type Alert, definePlugin } from '../src/plugin/contract.js';
import { alertTitle } from '../src/core/alert-text.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';

export default definePlugin({
  kind: 'push_alert_method',
  description: 'posts each alert as JSON by HTTPS; a 2xx answer means that it was told',
  settings: (z) =>
    z.strictObject({
      url: z
        .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
        .describe('a secret, as it may hold a token'),
      format: z
        .enum(['json', 'slack'])
        .default('json')
        .describe('slack: a text, for Slack, Mattermost, Rocket.Chat and such'),
      secret: z
        .string()
        .min(8)
        .nullable()
        .default(null)
        .describe('signs the body: header `X-HandyRep-Signature: sha256=HEX`, its HMAC-SHA256'),
      token: z.string().min(1).nullable().default(null).describe('sent as bearer token, in the header Authorization'),
      retries: z.number().int().min(0).max(10).default(2).describe('after an answer 429 or 5xx, or none'),
      timeout: z
        .number()
        .positive()
        .max(10)
        .default(4)
        .describe('seconds for one attempt; all alerts of one run have 10'),
    }),
  run: (settings) => async (context, alert) => {
    const body = settings.format === 'slack' ? slack(context.cluster_name, alert) : json(context.cluster_name, alert);
    const headers: Record<string, string> = { 'Content-Type': 'application/json', 'User-Agent': 'HandyRep' };
    if (settings.token !== null) headers['Authorization'] = `Bearer ${settings.token}`;
    if (settings.secret !== null) headers['X-HandyRep-Signature'] = `sha256=${await hmac(settings.secret, body)}`;
    const { timeout, retries } = settings;
    const request: RequestInit = { method: 'POST', headers, body };
    for (let attempt = 0; ; attempt++) {
      const answer = await ask(settings.url, request, timeout * 1000, context.signal);
      if (answer.kind === 'answer' && answer.status >= 200 && answer.status < 300)
        return ok(`${place(settings.url)} took it`);
      const hopeless = answer.kind === 'answer' && answer.status < 500 && answer.status !== 429;
      if (hopeless || attempt >= retries || context.signal.aborted) return refusal(settings.url, answer, attempt + 1);
      await wait(RETRY_MS * 2 ** attempt, context.signal);
    }
  },
  test: async (settings, context) => {
    // It must change nothing: only that somebody answers HTTP there is seen.
    const answer = await ask(settings.url, { method: 'HEAD' }, settings.timeout * 1000, context.signal);
    return answer.kind === 'answer' ? ok(`${place(settings.url)} answers`) : refusal(settings.url, answer, 1);
  },
});

const RETRY_MS = 300;

type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'none'; readonly why: string };

/** One attempt. A redirection is not followed: a POST would become a GET, and the alert be lost. */
async function ask(url: string, request: RequestInit, ms: number, signal: AbortSignal): Promise<Answer> {
  // Not AbortSignal.any and .timeout: Node 20 may collect a timeout that nobody else holds, and it never fires.
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  const timer = setTimeout(stop, ms);
  signal.addEventListener('abort', stop);
  try {
    const response = await fetch(url, { ...request, redirect: 'manual', signal: limit.signal });
    const text = (await response.text()).slice(0, 200);
    return { kind: 'answer', status: response.status, text };
  } catch (error) {
    return { kind: 'none', why: why(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Node says "fetch failed", and the reason one level deeper. */
function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time';
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause && cause.message === '' ? String(cause.code) : cause.message;
  return error.message;
}

function refusal(url: string, answer: Answer, attempts: number): Outcome<never> {
  const said = answer.kind === 'none' ? answer.why : `answered ${answer.status} ${answer.text.trim()}`.trim();
  const times = attempts === 1 ? '' : `, ${attempts} times tried`;
  const moved = answer.kind === 'answer' && answer.status >= 300 && answer.status < 400;
  return fail('plugin_failed', `${place(url)}: ${said}${times}`, {
    hint: moved ? 'it redirects, which is not followed: configure the final URL' : 'try it: `handyrep alert test`',
  });
}

/** The path may be a secret. */
function place(url: string): string {
  return new URL(url).origin;
}

function json(cluster: string, alert: Alert): string {
  return JSON.stringify({ cluster, ...alert });
}

function slack(cluster: string, alert: Alert): string {
  // The whole markup that a text can have: `&`, `<` and `>` begin it.
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const title = alertTitle(cluster, alert);
  return JSON.stringify({ text: `*${escape(title)}*\n${escape(alert.message)}\n${alert.at}, run ${alert.run}` });
}

async function hmac(secret: string, body: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign']);
  const signed = await crypto.subtle.sign(algorithm.name, key, encoder.encode(body));
  return [...new Uint8Array(signed)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
