import * as z from 'zod';
import { failoverSection } from './schema/failover.js';
import { handyrepSection } from './schema/handyrep.js';
import {
  archiveSection,
  extraCommand,
  extraCommandsSection,
  passwordsSection,
  pluginsSection,
} from './schema/sections.js';
import { serverDefaultsSection, serverEntry, serversSection } from './schema/servers.js';
import type { SettingFacts } from './schema/setting.js';
import { factsOf } from './schema/setting.js';

/** The whole configuration file. The only home of its defaults. */
export const configSchema = z.strictObject({
  handyrep: handyrepSection.prefault({}).describe('HandyRep itself: its files, its database role, its timeouts.'),
  passwords: passwordsSection
    .prefault({})
    .describe('Passwords of the database roles. Absent ones are left to .pgpass.'),
  failover: failoverSection.prefault({}).describe('When to fail over, and how.'),
  extra_failover_commands: extraCommandsSection
    .prefault({})
    .describe('Commands that run after a failover, by a name of your choice, in this order.'),
  archive: archiveSection.prefault({}).describe('WAL archiving.'),
  server_defaults: serverDefaultsSection
    .prefault({})
    .describe('What holds for every server that does not say otherwise.'),
  servers: serversSection.describe('The servers, by name.'),
  plugins: pluginsSection.prefault({}).describe('Settings of plugins, by the name of the plugin.'),
});

export type ParsedConfig = z.output<typeof configSchema>;

/** One group of keys, for documentation, suggestions and `config show`. */
export interface KeyGroup {
  /** The path of the group; `*` stands for a name of the operator's choice. */
  readonly path: readonly string[];
  readonly shape: Readonly<Record<string, z.ZodType>>;
}

/** Every group of keys that HandyRep itself knows, in the order of the documentation. */
export const KEY_GROUPS: readonly KeyGroup[] = [
  { path: ['handyrep'], shape: handyrepSection.shape },
  { path: ['passwords'], shape: passwordsSection.shape },
  { path: ['failover'], shape: failoverSection.shape },
  { path: ['extra_failover_commands', '*'], shape: extraCommand.shape },
  { path: ['archive'], shape: archiveSection.shape },
  { path: ['server_defaults'], shape: serverDefaultsSection.shape },
  { path: ['servers', '*'], shape: serverEntry.shape },
];

/** The names of the top-level sections. */
export const SECTION_NAMES = Object.keys(configSchema.shape);

/** The group that holds the keys directly below `path`; undefined where HandyRep does not know them. */
export function groupAt(path: readonly PropertyKey[]): KeyGroup | undefined {
  return KEY_GROUPS.find(
    (group) => group.path.length === path.length && group.path.every((part, i) => part === '*' || part === path[i]),
  );
}

/** What is known of the key at `path`. */
export function settingAt(path: readonly PropertyKey[]): SettingFacts | undefined {
  const shape = groupAt(path.slice(0, -1))?.shape ?? {};
  const key = String(path.at(-1));
  const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
  return schema === undefined ? undefined : factsOf(schema);
}
