import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { render } from '../../src/io/template.js';
import { readTemplate } from '../../src/io/templates.js';

const folder = mkdtempSync(join(tmpdir(), 'handyrep-templates-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function made(name: string, values: Readonly<Record<string, unknown>>): Promise<string> {
  const template = await readTemplate(name, folder);
  if (!template.ok) throw new Error(template.error.message);
  const text = await render(template.value, values);
  if (!text.ok) throw new Error(text.error.message);
  return text.value;
}

const master = { name: 'db1', hostname: '10.0.0.1', port: 5432 };
const HAPROXY = {
  cluster_name: 'app',
  master,
  socket: '/run/haproxy/admin.sock',
  maxconn: 2000,
  idle: '24h',
  pools: [
    {
      name: 'handyrep_master',
      bind: '*:5000',
      servers: [
        { ...master, ready: true },
        { name: 'db2', hostname: '10.0.0.2', port: 5433, ready: false },
      ],
    },
    { name: 'handyrep_replicas', bind: '*:5001', servers: [{ ...master, ready: true }] },
  ],
};

const HAPROXY_TEXT = `# Written by HandyRep (cluster app): changes made by hand are lost. Master: db1.
global
  maxconn 2000
  stats socket /run/haproxy/admin.sock mode 660 level admin
defaults
  mode tcp
  timeout connect 3s
  timeout client 24h
  timeout server 24h
  option clitcpka
  option srvtcpka
  option redispatch
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions

listen handyrep_master
  bind *:5000
  balance leastconn
  # Nobody else to try: haproxy would wait a second before each, and a client that comes again finds the new master at once.
  retries 0
  server db1 10.0.0.1:5432 check
  server db2 10.0.0.2:5433 check disabled

listen handyrep_replicas
  bind *:5001
  balance leastconn
  server db1 10.0.0.1:5432 check
`;

describe('haproxy.cfg', () => {
  it('is this, and haproxy accepts it', async () => {
    const text = await made('haproxy.cfg', HAPROXY);
    expect(text).toBe(HAPROXY_TEXT);
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, text);
    execFileSync('/usr/sbin/haproxy', ['-c', '-q', '-f', file]);
  });

  it('has no socket where there is none', async () => {
    expect(await made('haproxy.cfg', { ...HAPROXY, socket: null })).not.toContain('stats socket');
  });
});

/** Accepted by the real pgbouncer: test/scenarios/pgbouncer.test.ts. */
describe('pgbouncer_databases.ini', () => {
  it('is this', async () => {
    const databases = [
      { name: 'app', host: '10.0.0.1', port: 5432, dbname: 'app', options: ' pool_mode=transaction' },
      { name: 'app_ro', host: '10.0.0.2,10.0.0.3', port: 5432, dbname: "it's", options: '' },
    ];
    expect(await made('pgbouncer_databases.ini', { cluster_name: 'app', master, databases })).toBe(
      `; Written by HandyRep (cluster app): changes made by hand are lost. Master: db1.
[databases]
app = host=10.0.0.1 port=5432 dbname='app' pool_mode=transaction
app_ro = host=10.0.0.2,10.0.0.3 port=5432 dbname='it''s'
`,
    );
  });
});

/** Run for real: archive_local_dir.test.ts, archive_two_servers.test.ts, archive_barman_staging.test.ts. */
describe('archive.sh and restore.sh', () => {
  const place = { name: 'here', directory: '/srv/it\'s $(x) `y` \\ "wal"', ssh: [], get: [] };
  const far = {
    name: 'db2',
    directory: '/srv/wal',
    ssh: ['ssh', '-p', '22', 'db2.example.com'],
    get: ['barman', 'get-wal', 'app'],
  };
  const VALUES = { cluster_name: 'app', server: 'db1', timeout: 300 };

  it('archive.sh is this', async () => {
    const values = { ...VALUES, stop_file: "/var/lib/it's/stop_archiving", copies: 2, places: [far, place] };
    await expect(await made('archive.sh', values)).toMatchFileSnapshot('golden/archive.sh');
  });

  it('restore.sh is this', async () => {
    const sources = [place, far].map((one) => ({ ...one, get_words: one.get.map((word) => `'${word}'`).join(' ') }));
    const values = { ...VALUES, script_dir: "/var/lib/it's", places: sources };
    await expect(await made('restore.sh', values)).toMatchFileSnapshot('golden/restore.sh');
  });

  it('both are sh', () => {
    for (const name of ['archive.sh', 'restore.sh']) {
      for (const shell of ['sh', 'dash', 'bash']) {
        execFileSync(shell, ['-n', join(import.meta.dirname, 'golden', name)]);
      }
    }
  });
});

describe("the user's own", () => {
  it('comes first, and an unknown variable is an error, never an empty text', async () => {
    writeFileSync(join(folder, 'haproxy.cfg.liquid'), 'mine: {{ maxcon }}');
    await expect(made('haproxy.cfg', HAPROXY)).rejects.toThrow('undefined variable: maxcon');
    rmSync(join(folder, 'haproxy.cfg.liquid'));
  });
});
