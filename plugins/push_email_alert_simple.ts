import type { ServerDef } from '../src/core/model.js';
import { alertBody, alertTitle } from '../src/core/alert-text.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type PluginContext, type Zod, definePlugin } from '../src/plugin/contract.js';

/** Milliseconds for each phase of a connection; the run as a whole has its own limit. */
const PHASE_MS = 5000;

const settingsOf = (z: Zod) =>
  z.strictObject({
    to: z.array(z.string().min(3)).min(1).describe('who gets it'),
    from: z.string().min(3).describe('whom it comes from'),
    transport: z
      .enum(['smtp', 'sendmail'])
      .default('smtp')
      .describe('smtp: to `host`; sendmail: by the program on this host'),
    host: z.string().min(1).default('localhost').describe('the mail server'),
    port: z.number().int().min(1).max(65_535).default(587).describe('587 for starttls, 465 for tls, 25 for a relay'),
    tls: z
      .enum(['starttls', 'tls', 'opportunistic', 'none'])
      .default('starttls')
      .describe(
        'starttls: required; tls: from the first byte; opportunistic: starttls where the server offers it; none',
      ),
    verify_certificate: z.boolean().default(true).describe('false accepts any certificate'),
    ca_file: z
      .string()
      .startsWith('/', { error: 'must be an absolute path' })
      .nullable()
      .default(null)
      .describe('certificates of the authorities to trust; absent: those of Node'),
    user: z.string().min(1).nullable().default(null).describe('logs in as this user; absent: no login'),
    password: z.string().min(1).nullable().default(null).describe('a secret'),
    sendmail: z.string().min(1).default('/usr/sbin/sendmail').describe('the program, for transport sendmail'),
  });

type Settings = ReturnType<ReturnType<typeof settingsOf>['parse']>;

export default definePlugin({
  kind: 'push_alert_method',
  description: 'sends each alert as a mail, by SMTP or the sendmail program',
  settings: settingsOf,
  run: (settings) => async (context, alert) => {
    const message = {
      from: settings.from,
      to: settings.to,
      subject: alertTitle(context.cluster_name, alert),
      text: alertBody(context.cluster_name, alert),
      date: new Date(alert.at),
      // The same alert sent twice is the same mail; what belongs together is one thread.
      messageId: `<${alert.id}@handyrep>`,
      ...(alert.subject === null
        ? {}
        : {
            references: `<${context.cluster_name}.${alert.subject}.${alert.since ?? ''}@handyrep>`.replaceAll(
              /[^\w@<>.-]/g,
              '-',
            ),
          }),
      headers: { 'Auto-Submitted': 'auto-generated', 'X-HandyRep-Cluster': context.cluster_name },
    };
    return settings.transport === 'smtp'
      ? bySmtp(settings, context.signal, (transport) => transport.sendMail(message).then(() => undefined))
      : bySendmail(settings, context, message);
  },
  test: async (settings, context, server) =>
    settings.transport === 'smtp'
      ? bySmtp(settings, context.signal, (transport) => transport.verify().then(() => undefined))
      : findSendmail(settings, context, server),
});

interface Transport {
  sendMail(message: object): Promise<unknown>;
  verify(): Promise<unknown>;
}

async function bySmtp(
  settings: Settings,
  signal: AbortSignal,
  work: (transport: Transport) => Promise<void>,
): Promise<Outcome<string>> {
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, user, password } = settings;
  const transport = createTransport({
    host,
    port,
    secure: tls === 'tls',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { rejectUnauthorized: settings.verify_certificate, ...(await authorities(settings.ca_file)) },
    ...(user === null ? {} : { auth: { user, pass: password ?? '' } }),
    connectionTimeout: PHASE_MS,
    greetingTimeout: PHASE_MS,
    socketTimeout: PHASE_MS,
    dnsTimeout: PHASE_MS,
  });
  const stop = (): void => transport.close();
  signal.addEventListener('abort', stop);
  try {
    await work(transport);
    return ok(`${host}:${port} took it`);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const login = error instanceof Error && 'code' in error && error.code === 'EAUTH';
    return fail('plugin_failed', `mail server ${host}:${port}: ${said}`, {
      hint: login ? 'look at user and password of push_email_alert_simple' : 'try it: `handyrep alert test`',
    });
  } finally {
    signal.removeEventListener('abort', stop);
    transport.close();
  }
}

async function authorities(file: string | null): Promise<{ readonly ca?: string }> {
  if (file === null) return {};
  const { readFile } = await import('node:fs/promises');
  return { ca: await readFile(file, 'utf8') };
}

async function bySendmail(settings: Settings, context: PluginContext, message: object): Promise<Outcome<string>> {
  const [anywhere] = context.servers;
  if (anywhere === undefined) return fail('plugin_failed', 'no server is known yet');
  const { createTransport } = await import('nodemailer');
  const composed = await createTransport({ streamTransport: true, buffer: true, newline: 'unix' }).sendMail(message);
  const mail: unknown = composed.message;
  if (!Buffer.isBuffer(mail)) throw new Error('nodemailer composed no buffer');
  const argv = [settings.sendmail, '-i', '-f', bare(settings.from), '--', ...settings.to.map(bare)] as const;
  const done = await context.hosts.run({ ...anywhere, connection: 'local' }, [...argv], {
    as: 'login',
    timeout: PHASE_MS,
    input: mail.toString('utf8'),
    signal: context.signal,
  });
  if (!done.ok) return fail('plugin_failed', `${settings.sendmail}: ${done.error.message}`, { hint: done.error.hint });
  if (done.value.exit_code === 0) return ok(`${settings.sendmail} took it`);
  return fail(
    'plugin_failed',
    `${settings.sendmail} ended with ${done.value.exit_code}: ${done.value.stderr.trim().slice(-500)}`,
  );
}

/** `Name <address>` is for people, the address for programs. */
function bare(address: string): string {
  return /<([^<>]+)>\s*$/.exec(address)?.[1] ?? address.trim();
}

async function findSendmail(settings: Settings, context: PluginContext, server: ServerDef): Promise<Outcome<string>> {
  const options = { as: 'login', timeout: PHASE_MS, signal: context.signal } as const;
  const here = { ...server, connection: 'local' } as const;
  const found = await context.hosts.script(here, 'test -x "$1"', [settings.sendmail], options);
  if (!found.ok) return found;
  return found.value.exit_code === 0
    ? ok(`${settings.sendmail} is there`)
    : fail('plugin_failed', `${settings.sendmail} is not an executable program on this host`);
}
