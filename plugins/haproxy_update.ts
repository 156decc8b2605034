import { ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';
import { attempt, look } from './haproxy/look.js';
import { move } from './haproxy/move.js';
import type { Settings } from './haproxy/remote.js';
import { type ProxyMethod, runOf, testOf } from './proxy/method.js';

const METHOD: ProxyMethod<Settings> = {
  name: 'haproxy_update',
  role: 'haproxy',
  pause: async ({ proxy }) => ok(`${proxy.name}: haproxy cannot make clients wait`),
  move,
  look,
  attempt,
};

export default definePlugin({
  kind: 'connection_failover_method',
  description:
    'any number of haproxies: pools for the master, the replicas and all, by the runtime socket, else by a reload',
  settings: (z) => {
    const word = z.string().regex(/^[A-Za-z0-9_.-]+$/, { error: 'must be of letters, digits, _ . and -' });
    const file = z.string().regex(/^\/[^\s\p{Cc}]*$/u, { error: 'must be an absolute path without blanks' });
    const port = z.int().min(1).max(65_535);
    return z.strictObject({
      master_pool: word.default('handyrep_master').describe("the pool of the master, on the server's own port"),
      replicas_pool: word
        .nullable()
        .default('handyrep_replicas')
        .describe('the pool of the replicas that are well; null: none'),
      all_pool: word.nullable().default(null).describe('the pool of the master and those replicas; null: none'),
      bind_address: z
        .string()
        .regex(/^[A-Za-z0-9_.:*-]+$/)
        .default('*')
        .describe('where the pools listen'),
      replicas_port: port.default(5001).describe('for the pool of the replicas'),
      all_port: port.default(5002).describe('for the pool of all'),
      socket: file
        .nullable()
        .default('/run/haproxy/admin.sock')
        .describe('its runtime socket; null: there is none, and it is reloaded'),
      config_file: file
        .default('/etc/haproxy/haproxy.cfg')
        .describe('the whole configuration, written there unless the server has a config_file of its own'),
      template: z.string().default('haproxy.cfg').describe('what it is made from'),
      run_as: z.enum(['postgres', 'root']).default('root').describe('who writes it and uses the socket: root by sudo'),
      program: z
        .string()
        .min(1)
        .default('haproxy')
        .describe('haproxy there, which checks a configuration before it is written'),
      reload_command: z
        .array(z.string())
        .min(1)
        .default(['sudo', '-n', 'systemctl', 'reload', 'haproxy'])
        .describe('how it takes a new configuration, as the ssh user'),
      maxconn: z.int().min(1).default(2000).describe('for the template'),
      idle: z
        .string()
        .regex(/^\d+(ms|s|m|h|d)$/)
        .default('24h')
        .describe('for the template: how long a session may be idle'),
      timeout: z.number().min(0.1).max(60).default(5).describe('for one remote command, seconds'),
      poll_user: z
        .string()
        .nullable()
        .default(null)
        .describe('who logs in through it where poll_connection_proxy is true; null: nobody'),
      poll_password: z.string().nullable().default(null).describe('null: from the password file'),
    });
  },
  run: runOf(METHOD),
  test: testOf(METHOD),
});
