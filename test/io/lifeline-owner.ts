import { createHosts } from '../../src/io/hosts.js';
import { serverDef } from './builders.js';

/** A process that runs a long script and is killed by the test: `$2` the script, `$3` its argument, `$4` the server. */
const [, , script = '', argument = '', server = '{}'] = process.argv;
const hosts = createHosts({ postgres_os_user: 'postgres', ssh_timeout: 5000, command_timeout: 5000, env: process.env });
const secret = process.env['LIFELINE_SECRET'] ?? null;
process.once('SIGINT', () => process.exit(130));
await hosts.long(serverDef(JSON.parse(server) as object), script, [argument], { timeout: 60_000, secret });
