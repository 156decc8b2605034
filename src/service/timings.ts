import type { Config } from '../config/effective.js';
import type { ServerDef } from '../core/model.js';
import { type RunTiming, type TimingInput, runTimings } from '../core/timings.js';
import { type Outcome, ok } from '../core/outcome.js';
import type { Registry } from '../plugin/registry.js';
import { type Report, failed, success } from '../report/report.js';
import { loadStateFile } from '../state/file.js';
import type { Reach } from './open.js';

/** What bounds the runs of a configuration, with these servers. */
export async function timingInput(
  config: Config,
  servers: readonly ServerDef[],
  registry: Registry,
): Promise<TimingInput> {
  const { handyrep, failover, archive } = config;
  const extra_commands = Object.values(config.extra_failover_commands);
  const named = [
    ...servers.flatMap((one) => [one.restart_method, one.promotion_method, one.clone_method]),
    ...[failover.fence_method, failover.connection_failover_method].filter((name) => name !== null),
    failover.rejoin_method,
    ...[archive.archive_script_method, archive.archive_delete_method].filter((name) => name !== null),
  ];
  const names = [...new Set(named)];
  const found = await Promise.all(
    names.map(async (name) => {
      const [settings, own] = await Promise.all([registry.settingsOf(name), registry.isOwn(name)]);
      return { name, own, ms: settings.ok ? ownLimit(settings.value) : null };
    }),
  );
  return {
    connect_timeout: handyrep.connect_timeout,
    statement_timeout: handyrep.statement_timeout,
    ssh_timeout: handyrep.ssh_timeout,
    command_timeout: handyrep.command_timeout,
    policy: failover,
    servers,
    extra_commands,
    archive:
      archive.archiving && archive.archive_script_method !== null
        ? { script_method: archive.archive_script_method, delete_method: archive.archive_delete_method }
        : null,
    plugins: Object.fromEntries(found.flatMap(({ name, ms }) => (ms === null ? [] : [[name, ms] as const]))),
    own_plugins: found.flatMap(({ name, own }) => (own ? [name] : [])),
  };
}

/** Seconds, in the settings of the built-in plugins that wait. */
function ownLimit(settings: Readonly<Record<string, unknown>> | null): number | null {
  const seconds = settings?.['timeout'] ?? settings?.['wait_seconds'];
  return typeof seconds === 'number' ? seconds * 1000 : null;
}

/** Answer of `doctor --timings`. */
export type TimingsReport = Report & { readonly timings: readonly RunTiming[] };

/** The longest that each kind of run can last. Opens no connection, takes no lock. */
export async function timingsReport({ loaded, registry }: Reach): Promise<TimingsReport | Report> {
  const servers = await knownServers(loaded.config);
  if (!servers.ok) return failed(servers.error);
  const timings = runTimings(await timingInput(loaded.config, servers.value, registry));
  const details = `the longest that each kind of run can last with ${servers.value.length} server(s); \`--lock-wait\` comes on top`;
  return success(details, { timings });
}

/** The servers as they are saved; before the first check those of the configuration. */
export async function knownServers(config: Config): Promise<Outcome<readonly ServerDef[]>> {
  const { cluster_name, server_file: path, override_server_file } = config.handyrep;
  const loaded = await loadStateFile(path, { cluster_name, repair: false, now: Date.now() });
  if (!loaded.ok) return loaded;
  const saved = override_server_file ? null : loaded.value.state;
  return ok(saved === null ? Object.values(config.servers) : Object.values(saved.servers).map(({ def }) => def));
}
