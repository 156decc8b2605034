import type { ProxyDef, ServerDef } from '../src/core/model.js';
import { PAUSED } from '../src/core/connections.js';
import { type Outcome, describeFailure, fail, ok } from '../src/core/outcome.js';
import { quoteIdent } from '../src/core/sqltext.js';
import { type ConnectionRequest, type PluginContext, type SqlRow, definePlugin } from '../src/plugin/contract.js';

interface Settings {
  readonly databases: readonly string[];
  readonly read_only: 'all' | 'one' | 'none';
  readonly read_only_suffix: string;
  readonly options: string;
  readonly config_file: string;
  readonly template: string;
  readonly run_as: 'postgres' | 'root';
  readonly admin_user: string;
  readonly admin_password: string | null;
  readonly poll_user: string | null;
  readonly poll_password: string | null;
  readonly pause: boolean;
  readonly pause_timeout: number;
  readonly timeout: number;
  readonly restart_if_down: boolean;
  readonly restart_command: readonly string[];
}

/** One line of the section `[databases]`: where clients of this name belong. */
interface Entry {
  readonly name: string;
  readonly dbname: string;
  readonly host: string;
  readonly port: number;
  readonly writes: boolean;
}

/** One database as the console shows it. */
interface Shown {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly paused: boolean;
  readonly disabled: boolean;
}

interface Work {
  readonly context: PluginContext;
  readonly settings: Settings;
  readonly proxy: ProxyDef;
}

/** Every name with its servers. pgbouncer has one port for a list of hosts, so replicas of another port are left out. */
function entriesOf(settings: Settings, master: ServerDef, replicas: readonly ServerDef[]): readonly Entry[] {
  const [first = master] = replicas;
  const readers = replicas.length === 0 ? [master] : replicas.filter(({ port }) => port === first.port);
  const chosen = settings.read_only === 'one' ? readers.slice(0, 1) : readers;
  return settings.databases.flatMap((dbname): Entry[] => {
    const write = { name: dbname, dbname, host: master.hostname, port: master.port, writes: true };
    if (settings.read_only === 'none') return [write];
    const host = chosen.map(({ hostname }) => hostname).join(',');
    return [write, { name: dbname + settings.read_only_suffix, dbname, host, port: first.port, writes: false }];
  });
}

function talk(
  { context, settings, proxy }: Work,
  statements: readonly string[],
  timeout = settings.timeout,
): ReturnType<PluginContext['console']['run']> {
  const { name, hostname, port } = proxy;
  const user = proxy.admin_user ?? settings.admin_user;
  const target = { name, hostname, port, user, database: 'pgbouncer', password: settings.admin_password };
  return context.console.run(target, statements, { timeout: timeout * 1000, signal: context.signal });
}

async function show(work: Work, before: readonly string[] = []): Promise<Outcome<readonly Shown[]>> {
  const answers = await talk(work, [...before, 'SHOW DATABASES']);
  if (!answers.ok) return answers;
  return ok((answers.value.at(-1) ?? []).map(shownOf));
}

function shownOf(row: SqlRow): Shown {
  return {
    name: row['name'] ?? '',
    host: row['host'] ?? '',
    port: Number(row['port']),
    paused: row['paused'] === '1',
    disabled: row['disabled'] === '1',
  };
}

function find(all: readonly Shown[], { name }: Entry): Shown | undefined {
  return all.find((one) => one.name === name);
}

function goesTo(shown: Shown | undefined, entry: Entry): boolean {
  return shown?.host === entry.host && shown.port === entry.port;
}

/** What keeps a name from being served as it should be; null: nothing. */
function trouble(shown: Shown | undefined, entry: Entry): string | null {
  if (shown === undefined) return `it does not offer ${entry.name}`;
  if (!goesTo(shown, entry)) {
    return `it sends ${entry.name} to ${shown.host}:${shown.port}, not to ${entry.host}:${entry.port}`;
  }
  if (shown.disabled) return `${entry.name} is disabled`;
  return shown.paused ? `${entry.name} is paused: its clients wait` : null;
}

function broken({ proxy }: Work, message: string, hint: string): Outcome<never> {
  return fail('plugin_failed', `${proxy.name}: ${message}`, { server: proxy.name, hint });
}

/** Which servers the names go to, in words. */
function describe({ proxy }: Work, entries: readonly Entry[]): string {
  return `${proxy.name}: ${entries.map(({ name, host, port }) => `${name} goes to ${host}:${port}`).join(', ')}`;
}

async function pause(work: Work, { master }: ConnectionRequest): Promise<Outcome<string>> {
  const { settings, proxy } = work;
  if (!settings.pause) return ok(`${proxy.name}: clients are not made to wait (pause: false)`);
  const shown = await show(work);
  if (!shown.ok) return shown;
  const entries = entriesOf(settings, master, []);
  const astray = entries.find((one) => one.writes && !goesTo(find(shown.value, one), one));
  if (astray !== undefined) {
    return broken(work, trouble(find(shown.value, astray), astray) ?? '', 'mend it with `handyrep proxy init`');
  }
  const ours = new Set(entries.map(({ name }) => name));
  const names = shown.value.flatMap(({ name, host, port }) =>
    ours.has(name) && port === master.port && host.split(',').includes(master.hostname) ? [name] : [],
  );
  const waiting = await talk(
    work,
    names.map((name) => `PAUSE ${quoteIdent(name)}`),
    settings.pause_timeout,
  );
  if (waiting.ok) return ok(`${proxy.name}: clients of ${names.join(', ') || 'no database'} wait`);
  // What was given up keeps new transactions waiting until it is taken back.
  const back = await resume(work, names);
  const undone = back.ok ? '' : `; and they could not be let go on: ${describeFailure(back.error)}`;
  const late = waiting.error.code === 'sql_timeout';
  const why = late
    ? `transactions of its clients did not end in ${settings.pause_timeout} s (pooling by session never pauses while a client is connected)`
    : describeFailure(waiting.error);
  const hint = 'see SHOW CLIENTS and pg_stat_activity; pause_timeout is how long a transaction is waited for';
  return broken(work, `${why}${undone}`, hint);
}

/** Lets the clients of those of these names go on that are paused. */
async function resume(work: Work, names: readonly string[]): Promise<Outcome<void>> {
  const shown = await show(work);
  if (!shown.ok) return shown;
  const paused = shown.value.filter(({ name, paused: waits }) => waits && names.includes(name));
  const done = await talk(
    work,
    paused.map(({ name }) => `RESUME ${quoteIdent(name)}`),
  );
  return done.ok ? ok(undefined) : done;
}

async function render(work: Work, request: ConnectionRequest, entries: readonly Entry[]): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const template = await context.template(settings.template);
  if (!template.ok) return template;
  const options = settings.options === '' ? '' : ` ${settings.options}`;
  return context.render(template.value, {
    cluster_name: context.cluster_name,
    proxy: { name: proxy.name, hostname: proxy.hostname, port: proxy.port },
    master: serverValues(request.master),
    replicas: request.replicas.map(serverValues),
    databases: entries.map((entry) => ({ ...entry, options })),
  });
}

function serverValues({ name, hostname, port }: ServerDef): object {
  return { name, hostname, port };
}

async function move(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const entries = entriesOf(settings, request.master, request.replicas);
  const text = await render(work, request, entries);
  if (!text.ok) return text;
  const path = proxy.config_file ?? settings.config_file;
  const written = await context.writeFile(proxy, path, text.value, { as: settings.run_as, signal: context.signal });
  if (!written.ok) return fence(work, entries, written);
  const shown = await reload(work, path);
  if (!shown.ok) return shown;
  const first = entries.find((entry) => !goesTo(find(shown.value, entry), entry));
  if (first !== undefined) {
    const what = trouble(find(shown.value, first), first) ?? '';
    const hint = `\`%include ${path}\` belongs into the section [databases] of its configuration; its log says what it could not read`;
    return fence(work, entries, broken(work, `${path} is written and reloaded, and ${what}`, hint));
  }
  const enable = entries.filter((entry) => find(shown.value, entry)?.disabled === true);
  const done = await talk(
    work,
    enable.map(({ name }) => `ENABLE ${quoteIdent(name)}`),
  );
  if (!done.ok) return done;
  const on = await resume(
    work,
    entries.map(({ name }) => name),
  );
  if (!on.ok) return on;
  const hurried = await hurry(work, entries);
  return hurried.ok ? ok(describe(work, entries)) : hurried;
}

/** How long it may take to connect to servers that answer, milliseconds; pgbouncer tries three times a second. */
const HURRY_MS = 1500;

/**
 * A pool that could not connect to the old master waits `server_login_retry` (15 s) before it tries the new one, and so do its
 * clients. While any of them waits, that time is nothing. Its trouble is none of the move, which would only take longer; but where
 * the time is not taken back, or we are killed meanwhile, the change stays owed, and the RELOAD of a later one does it: that
 * brings back what the configuration says of it, or pgbouncer's default.
 */
async function hurry(work: Work, entries: readonly Entry[]): Promise<Outcome<void>> {
  const nothing = ok(undefined);
  if (!(await anyWaits(work, entries))) return nothing;
  const config = await talk(work, ['SHOW CONFIG']);
  const row = config.ok ? config.value[0]?.find((one) => one['key'] === 'server_login_retry') : undefined;
  const usual = row?.['value'] ?? '';
  if (!/^\d+(\.\d+)?$/.test(usual)) return nothing;
  await talk(work, ['SET server_login_retry = 0']);
  const until = performance.now() + HURRY_MS;
  while (performance.now() < until && !work.context.signal.aborted && (await anyWaits(work, entries))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const back = await talk(work, [`SET server_login_retry = ${usual}`]);
  return back.ok ? nothing : back;
}

async function anyWaits(work: Work, entries: readonly Entry[]): Promise<boolean> {
  const pools = await talk(work, ['SHOW POOLS']);
  if (!pools.ok) return false;
  return (pools.value[0] ?? []).some(
    (pool) => entries.some(({ name }) => name === pool['database']) && Number(pool['cl_waiting']) > 0,
  );
}

/** RELOAD answers well also where the new configuration could not be read: what it shows afterwards counts. */
async function reload(work: Work, path: string): Promise<Outcome<readonly Shown[]>> {
  const shown = await show(work, ['RELOAD']);
  const { settings, context, proxy } = work;
  const [program, ...args] = settings.restart_command;
  if (shown.ok || !settings.restart_if_down || program === undefined || shown.error.cause !== 'ECONNREFUSED') {
    if (shown.ok) return shown;
    return {
      ok: false,
      error: { ...shown.error, message: `${shown.error.message}; ${path} is written for when it is back` },
    };
  }
  const started = await context.hosts.run(proxy, [program, ...args], { as: 'login', signal: context.signal });
  if (!started.ok) return started;
  if (started.value.exit_code !== 0) {
    const said = started.value.stderr.trim().split('\n').at(-1) ?? '';
    return broken(work, `${program} ended with ${started.value.exit_code}: ${said}`, 'start it by hand');
  }
  // It may listen a moment after the command has ended.
  const until = performance.now() + settings.timeout * 1000;
  for (;;) {
    const up = await show(work);
    if (up.ok || up.error.cause !== 'ECONNREFUSED') return up;
    if (performance.now() > until || context.signal.aborted) return up;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * It cannot be sent to the master, so at least nobody is sent to another server for writing: those sessions end, and new ones
 * wait until a later check succeeds.
 */
async function fence(work: Work, entries: readonly Entry[], failed: Outcome<never>): Promise<Outcome<never>> {
  if (failed.ok) return failed;
  const shown = await show(work);
  const wrong = !shown.ok
    ? []
    : entries.filter((entry) => {
        const one = find(shown.value, entry);
        return entry.writes && one !== undefined && !one.paused && !goesTo(one, entry);
      });
  if (wrong.length === 0) return failed;
  const cut = await talk(
    work,
    wrong.map(({ name }) => `KILL ${quoteIdent(name)}`),
  );
  const names = wrong.map(({ name }) => name).join(', ');
  const what = cut.ok ? `clients of ${names} wait until then` : `clients of ${names} may reach the old master`;
  return { ok: false, error: { ...failed.error, message: `${failed.error.message}; ${what}` } };
}

async function look(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const entries = entriesOf(work.settings, request.master, request.replicas);
  const shown = await show(work);
  if (!shown.ok) return shown;
  const wrong = entries.flatMap((entry) => trouble(find(shown.value, entry), entry) ?? []);
  if (wrong.length > 0) {
    const failed = broken(work, wrong.join('; '), '`handyrep proxy init` mends it now');
    const waits = shown.value.some((one) => one.paused && entries.some(({ name }) => name === one.name));
    return waits && !failed.ok ? { ok: false, error: { ...failed.error, cause: PAUSED } } : failed;
  }
  const seen = request.as_client ? await asClient(work, entries) : ok(undefined);
  return seen.ok ? ok(describe(work, entries)) : seen;
}

/** Logs in as a client would, to the first name that takes writes. */
async function asClient(work: Work, entries: readonly Entry[]): Promise<Outcome<void>> {
  const { context, settings, proxy } = work;
  const { name: database = '' } = entries.find(({ writes }) => writes) ?? {};
  const { name, hostname, port } = proxy;
  const user = settings.poll_user ?? proxy.admin_user ?? settings.admin_user;
  const password = settings.poll_user === null ? settings.admin_password : settings.poll_password;
  const target = { name, hostname, port, user, database, password };
  const options = { timeout: settings.timeout * 1000, signal: context.signal };
  const answers = await context.console.run(target, ['SELECT pg_is_in_recovery() AS standby'], options);
  if (!answers.ok) return answers;
  if (answers.value[0]?.[0]?.['standby'] === 'f') return ok(undefined);
  return broken(work, `a client of ${database} reaches a server in recovery`, 'see where it sends its clients');
}

const NO_PROXY = {
  message: 'multi_pgbouncer: there is no enabled server with role: pgbouncer',
  hint: 'add them with `handyrep server add NAME role=pgbouncer hostname=HOST`',
};

/** Its console lets us in, and the folder of its file can be written. Changes nothing. */
async function tryOne(work: Work): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const shown = await show(work);
  if (!shown.ok) return shown;
  const path = proxy.config_file ?? settings.config_file;
  if (settings.run_as === 'root') return ok(`${proxy.name}: its console lets us in`);
  const script = 'test -w "$(dirname "$1")" && { ! [ -e "$1" ] || [ -f "$1" ]; }';
  const done = await context.hosts.script(proxy, script, [path], { signal: context.signal });
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return ok(`${proxy.name}: its console lets us in, and ${path} can be written`);
  return broken(
    work,
    `${path} cannot be written there`,
    'give its folder to the postgres OS user, or set run_as: root',
  );
}

export default definePlugin({
  kind: 'connection_failover_method',
  description:
    'any number of pgbouncers: writes their [databases], and pauses, reloads and resumes them by their console',
  settings: (z) => {
    const name = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, { error: 'must be of letters, digits, _ . and -' });
    return z.strictObject({
      databases: z.array(name).min(1).describe('the databases that clients name'),
      read_only: z
        .enum(['all', 'one', 'none'])
        .default('all')
        .describe('for read-only clients there is a second name: of all replicas that are well, of one, or none'),
      read_only_suffix: z
        .string()
        .regex(/^[A-Za-z0-9_.-]+$/)
        .default('_ro')
        .describe('what the second name has behind the first'),
      options: z
        .string()
        .regex(/^[^\p{Cc};#]*$/u)
        .default('')
        .describe('more for each line, such as pool_mode=transaction pool_size=40'),
      config_file: z
        .string()
        .startsWith('/')
        .default('/etc/pgbouncer/handyrep.ini')
        .describe('the file that is written there, unless the server has a config_file of its own'),
      template: z.string().default('pgbouncer_databases.ini').describe('what it is made from'),
      run_as: z.enum(['postgres', 'root']).default('postgres').describe('who writes it: root by sudo'),
      admin_user: z.string().min(1).default('pgbouncer').describe('one of its admin_users, for the console'),
      admin_password: z.string().nullable().default(null).describe('null: from the password file'),
      poll_user: z
        .string()
        .nullable()
        .default(null)
        .describe('who logs in to a database where poll_connection_proxy is true; null: the same'),
      poll_password: z.string().nullable().default(null).describe('null: from the password file'),
      pause: z
        .boolean()
        .default(true)
        .describe('false: in a switchover clients are not made to wait, and see an error'),
      pause_timeout: z
        .number()
        .min(0.1)
        .max(300)
        .default(5)
        .describe('how long transactions under way may take to end before a switchover, seconds'),
      timeout: z.number().min(0.1).max(60).default(5).describe('for the console, seconds'),
      restart_if_down: z
        .boolean()
        .default(false)
        .describe('true: one that does not listen is started; false where Pacemaker or systemd owns the process'),
      restart_command: z
        .array(z.string())
        .default(['sudo', '-n', 'systemctl', 'restart', 'pgbouncer'])
        .describe('how, as the ssh user'),
    });
  },
  run: (settings) => async (context, request) => {
    const { proxy, action } = request;
    if (proxy === null) {
      return fail('plugin_failed', NO_PROXY.message, { hint: NO_PROXY.hint });
    }
    const work = { context, settings, proxy };
    switch (action) {
      case 'pause':
        return pause(work, request);
      case 'move':
        return move(work, request);
      case 'look':
        return look(work, request);
    }
  },
  test: async (settings, context) => {
    const proxies = context.proxies.filter(({ enabled }) => enabled);
    const all = await Promise.all(proxies.map((proxy) => tryOne({ context, settings, proxy })));
    const bad = all.find((one) => !one.ok);
    if (bad !== undefined) return bad;
    if (all.length === 0) return fail('plugin_failed', NO_PROXY.message, { hint: NO_PROXY.hint });
    return ok(all.flatMap((one) => (one.ok ? [one.value] : [])).join('; '));
  },
});
