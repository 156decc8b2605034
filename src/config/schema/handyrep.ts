import * as z from 'zod';
import { setting } from './setting.js';
import {
  boolean,
  identifier,
  integer,
  longTimeout,
  nullable,
  osUser,
  path,
  pauseTime,
  plugin,
  plugins,
  size,
  sslMode,
  text,
  timeout,
} from './values.js';

const files = {
  server_file: setting(
    path,
    'servers.save',
    'The saved state: what HandyRep knows of the servers. Written with mode 0600; the lock file is beside it.',
  ),
  log_file: setting(
    path,
    'handyrep.log',
    'The log, one JSON object a line, mode 0640. `handyrep log-tail` reads it. The evidence journal is beside it.',
  ),
  log_verbose: setting(
    boolean,
    false,
    '`true` logs every action; `false` logs errors, changes of status, failovers and other operations only.',
  ),
  log_max_size: setting(
    size,
    '10MB',
    'The log is rotated when it grows beyond this. `0` never rotates it, and leaves that to logrotate.',
  ),
  log_keep: setting(integer(0, 1000), 5, 'How many rotated logs are kept.'),
  plugins_dir: setting(
    path,
    'plugins',
    'Folder of your own plugins (`NAME.js` or `NAME.mjs`). They are found before the built-in ones.',
  ),
  templates_dir: setting(path, 'templates', 'Folder of your own templates. They are found before the built-in ones.'),
};

const database = {
  handyrep_db: setting(identifier, 'postgres', 'The database that HandyRep connects to on every server.'),
  handyrep_schema: setting(identifier, 'handyrep', 'The schema of the cluster table; `handyrep init` creates it.'),
  handyrep_table: setting(
    identifier,
    'handyrep',
    'The cluster table: one row with a copy of the saved state, replicated to every server.',
  ),
  handyrep_user: setting(
    identifier,
    'handyrep',
    'The database role of HandyRep. It needs no superuser: `handyrep init --print-sql` prints its grants.',
  ),
  postgres_superuser: setting(identifier, 'postgres', 'A database superuser, used only where a grant cannot serve.'),
  postgres_os_user: setting(osUser, 'postgres', 'The operating system user that PostgreSQL runs as on the servers.'),
  replication_user: setting(identifier, 'replicator', 'The database role that replicas stream with.'),
};

const encryption = {
  sslmode: setting(sslMode, 'prefer', 'How connections are encrypted, in the words of libpq.'),
  sslrootcert: setting(nullable(path), null, "Certificates of the authorities that sign the servers' certificates."),
  sslcert: setting(nullable(path), null, 'The client certificate.'),
  sslkey: setting(nullable(path), null, 'The key of the client certificate.'),
};

const timeouts = {
  connect_timeout: setting(timeout, '3s', 'How long a connection to PostgreSQL may take to be made.'),
  statement_timeout: setting(timeout, '5s', 'How long one SQL statement may take.'),
  ssh_timeout: setting(timeout, '5s', 'How long an ssh connection may take to be made.'),
  command_timeout: setting(longTimeout, '60s', 'How long one remote command may take, clone and rewind aside.'),
  test_ssh_command: setting(text, 'true', 'The command that checks run to see that ssh to a server works.'),
};

/** What concerns HandyRep itself: its files, its database role, its timeouts. */
export const handyrepSection = z.strictObject({
  cluster_name: setting(text, 'main', 'The name of this cluster in alerts, status and templates.'),
  override_server_file: setting(
    boolean,
    false,
    '`true` takes the servers from this file at every start and replaces all saved server information. Set it back ' +
      'to `false` afterwards.',
  ),
  ...files,
  ...database,
  ...encryption,
  master_check_method: setting(
    plugin('master_check_method'),
    'one_hr_master',
    'Decides whether this HandyRep is the active one, where several management hosts watch one cluster.',
  ),
  push_alert_method: setting(plugins('push_alert_method'), [], 'Sends alerts. Several plugins may be given.'),
  alert_repeat: setting(
    pauseTime,
    '5m',
    'What stays wrong is told again after this time, then after twice as long, and so on. `0`: never.',
  ),
  alert_repeat_max: setting(pauseTime, '4h', 'The longest pause between two alerts of what stays wrong.'),
  ...timeouts,
});
