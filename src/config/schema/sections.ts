import * as z from 'zod';
import { optional, required, setting } from './setting.js';
import { boolean, choice, nullable, plugin, PLUGIN_NAME, remotePath, size, timeout } from './values.js';

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const secret = {
  type: 'secret',
  schema: z.union(
    [
      z.string().min(1),
      z.strictObject({ env: z.string().regex(ENVIRONMENT_NAME) }),
      z.strictObject({ file: z.string().min(1) }),
    ],
    { error: 'must be text, { env: NAME } or { file: PATH }' },
  ),
};

/** Passwords of the database roles. The values go to `secrets`, never into the configuration. */
export const passwordsSection = z.strictObject({
  handyrep_db_pass: optional(secret, 'The password of `handyrep_user`.'),
  replication_pass: optional(secret, 'The password of `replication_user`.'),
  superuser_pass: optional(secret, 'The password of `postgres_superuser`.'),
});

/** WAL archiving. */
export const archiveSection = z.strictObject({
  archiving: setting(boolean, false, '`true`: HandyRep looks after WAL archiving.'),
  archive_script_method: setting(
    nullable(plugin('archive_script_method')),
    null,
    'How WAL is archived. Required when `archiving` is `true`.',
  ),
  script_dir: setting(
    remotePath,
    '/var/lib/postgresql/handyrep',
    'Folder on every database host for `archive.sh` and `restore.sh`, made where there is none. `{{ server }}` in it is the name of the server, where several share a host; put it in quotes then.',
  ),
  backlog_limit: setting(size, '256MB', 'WAL that may wait for the archiver before a verify raises the alarm.'),
  delay_limit: setting(timeout, '5m', 'How long a complete segment may wait for the archiver before that.'),
  archive_delete_method: setting(
    nullable(plugin('archive_delete_method')),
    null,
    'How old WAL is deleted from the archive. `null`: never.',
  ),
});

/** One command that runs with a failover or a switchover. */
export const extraCommand = z.strictObject({
  command: required(plugin('extra_command'), 'The plugin that is run.'),
  parameters: setting(
    { type: 'list of text', schema: z.array(z.string()) },
    [],
    'What it is given. run_command renders templates such as `{{ new_master }}`, `{{ old_master }}`, `{{ cluster_name }}` in them; put those in quotes.',
  ),
  when: setting(
    choice(['after', 'before']),
    'after',
    '`after`: when all is done. `before`: before anything is touched; unless it succeeds, nothing is done (a veto).',
  ),
  timeout: setting(timeout, '60s', 'How long it may take. The outage lasts longer by what those before take.'),
});

const word = z.string().regex(PLUGIN_NAME, { error: 'must be a name of letters, digits, _ and -' });

export const extraCommandsSection = z.record(word, extraCommand);

/** Settings of plugins, by the plugin's name; each plugin has a schema of its own. */
export const pluginsSection = z.record(word, z.record(z.string(), z.unknown()));
