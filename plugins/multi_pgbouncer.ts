import { definePlugin } from '../src/plugin/contract.js';
import type { Settings } from './pgbouncer/console.js';
import { attempt, look } from './pgbouncer/look.js';
import { move } from './pgbouncer/move.js';
import { pause } from './pgbouncer/pause.js';
import { type ProxyMethod, runOf, testOf } from './proxy/method.js';

const METHOD: ProxyMethod<Settings> = { name: 'multi_pgbouncer', role: 'pgbouncer', pause, move, look, attempt };

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
  run: runOf(METHOD),
  test: testOf(METHOD),
});
