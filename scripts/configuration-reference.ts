import { format } from 'prettier';
import type { z } from 'zod';
import { configJsonSchema } from '../src/config/json-schema.js';
import type { KeyGroup } from '../src/config/schema.js';
import { configSchema, groupAt, KEY_GROUPS, SECTION_NAMES } from '../src/config/schema.js';
import { factsOf } from '../src/config/schema/setting.js';
import { CATALOGUE, isBuilt, isBuiltIn } from '../src/plugin/catalogue.js';

const INTRODUCTION = `<!-- Made by scripts/generate-docs.ts from src/config/schema.ts. Change those, not this file. -->

# Configuration

HandyRep reads one file, \`handyrep.conf.yaml\`. Only its section \`servers\` is required; every other key has the
default given below. \`handyrep config check\` reports every problem of the file with line and column,
\`handyrep config show\` prints what is in effect and where it comes from. The sample \`handyrep.conf.yaml\` shows
every key. For completion in an editor, point it at \`docs/handyrep.schema.json\`:

\`\`\`yaml
# yaml-language-server: $schema=docs/handyrep.schema.json
\`\`\`

## Where it is found

1. \`--config FILE\`
2. \`$HANDYREP_CONFIG\`
3. \`./handyrep.conf.yaml\`
4. \`/etc/handyrep/handyrep.conf.yaml\`

The first that is given or exists is used. A file named by \`--config\` or \`$HANDYREP_CONFIG\` must exist: no other
place is looked at then.

## How values are written

The file is YAML 1.2: true and false are \`true\` and \`false\` (\`yes\` and \`on\` are text), indentation is spaces.
Anchors and aliases work; merge keys (\`<<\`) do not. A section with all its lines commented out has its defaults.

- **Duration**: a number is seconds; or a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`, as in \`500ms\`, \`5s\`, \`2m\`.
- **Size**: a number is MB; or a number with \`B\`, \`kB\`, \`MB\`, \`GB\` or \`TB\`, as in \`16MB\`. Each is 1024 times
  the one before, as in PostgreSQL.
- **Path**: relative paths are relative to the folder of the configuration file; \`~/\` is \`$HOME\`.
- **Absolute path**: a folder on a server. It begins with \`/\`.
- **Plugin**: the name of a built-in plugin of that kind (listed at the end), or of a file \`NAME.js\` or \`NAME.mjs\` in
  \`plugins_dir\`.
- **Text**: one line. What looks like a number or like true and false needs quotes.

## Secrets

A secret is text, \`{ env: NAME }\` (an environment variable) or \`{ file: PATH }\` (a file that holds the secret on one
line). A configuration that holds a secret as text and that group or others can read is refused, and so is a secret
file that group or others can read: run \`chmod 600\` on it. Without a password, libpq's rules hold: \`$PGPASSFILE\`, else
\`~/.pgpass\`.

In the section \`plugins\`, \`{ env: NAME }\` and \`{ file: PATH }\` may stand for any value, at any depth. Text under a key
that is named \`password\`, \`pass\`, \`passphrase\`, \`secret\`, \`token\`, \`api_key\` or \`credentials\`, or that ends in
one of these after a \`_\`, is taken for a secret. Secrets are never printed: \`config show\` shows \`********\`.

## Which one counts: this file or the saved state

\`servers\` and \`server_defaults\` are read at first launch. From then on the saved state (\`server_file\` and the cluster
table) is the authority for the servers, since a failover changes their roles; a difference between the two is
reported by \`handyrep config check\` and \`handyrep status -v\`. With \`override_server_file: true\` the servers are taken
from this file, and all saved server information is replaced. Every other section is read from this file at every run.
`;

const SERVER_NAMES = `A name consists of letters, digits, \`_\`, \`.\` and \`-\`, and begins with a letter or digit. Each
server takes from \`server_defaults\` what it does not say itself. Exactly one server is the master. No two servers have
the same host name and port, or the same data directory on one host.`;

const PLUGIN_SETTINGS = `Each plugin has keys of its own, described in its file. The settings are checked as the rest of the file
is; a plugin that needs none needs no entry.

\`\`\`yaml
plugins:
  push_webhook: { url: { env: ALERT_URL } }
\`\`\``;

const MORE: Readonly<Record<string, string>> = { servers: SERVER_NAMES, plugins: PLUGIN_SETTINGS };

/** `docs/configuration.md`: every key, from the schema. */
export function configurationReference(): string {
  const sections = SECTION_NAMES.map(section).join('\n');
  return `${INTRODUCTION}
${sections}
${pluginList()}`;
}

/** `docs/handyrep.schema.json`. */
export async function configurationSchema(): Promise<string> {
  return format(JSON.stringify(configJsonSchema()), { parser: 'json', printWidth: 120 });
}

function section(name: string): string {
  const schema = Object.entries(configSchema.shape).find(([key]) => key === name)?.[1];
  const named = KEY_GROUPS.find(({ path }) => path[0] === name && path[1] === '*');
  const heading = named === undefined ? `\`${name}\`` : `\`${name}.NAME\``;
  const group = named ?? groupAt([name]);
  const more = MORE[name] === undefined ? '' : `\n${MORE[name]}\n`;
  return `## ${heading}\n\n${schema?.description ?? ''}\n${more}\n${group === undefined ? '' : table(group)}`;
}

function table(group: KeyGroup): string {
  const rows = Object.entries(group.shape).map(([key, schema]) => row(group, key, schema));
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function row(group: KeyGroup, key: string, schema: z.ZodType): string {
  const facts = factsOf(schema);
  if (facts === undefined) throw new Error(`${group.path.join('.')}.${key} has no description`);
  const fallback = group.path[0] === 'servers' ? '`server_defaults`' : 'none';
  const initial = facts.required === true ? 'required' : facts.initial === undefined ? fallback : code(facts.initial);
  return `| \`${key}\` | ${cellText(facts.type)} | ${initial} | ${cellText(facts.meaning)} |`;
}

function code(value: unknown): string {
  const plain = typeof value === 'string' && value !== 'true';
  return `\`${plain ? value : JSON.stringify(value)}\``;
}

function cellText(text: string): string {
  return text.replaceAll('|', '\\|');
}

function pluginList(): string {
  const entries = Object.entries(CATALOGUE).filter(([name]) => isBuiltIn(name) && isBuilt(name));
  const rows = [...new Set(entries.map(([, kind]) => kind))].map((kind) => {
    const names = entries.filter(([, own]) => own === kind).map(([name]) => `\`${name}\``);
    return `| \`${kind}\` | ${names.join(', ')} |`;
  });
  return ['## Built-in plugins', '', '| kind | plugins |', '|---|---|', ...rows, ''].join('\n');
}
