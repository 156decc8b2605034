import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerDef } from '../../src/core/model.js';
import { createSql, type SqlSettings } from '../../src/io/sql.js';
import { startFake } from '../hosts/tcp.js';
import { startCluster, type DemoCluster } from '../pg/harness.js';
import { serverDef, sqlSettings } from './builders.js';

const ASK = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
const folder = mkdtempSync(join(tmpdir(), 'handyrep-tls-'));
const path = (name: string): string => join(folder, name);

let cluster: DemoCluster;
let def: ServerDef;

/** A certificate of our own authority for `localhost` only, and an authority that signed nothing. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=test root', '-keyout', path('ca.key'), '-out', path('ca.crt'));
  openssl('req', '-x509', ...key, '-subj', '/CN=other root', '-keyout', path('no.key'), '-out', path('other.crt'));
  openssl('req', '-new', ...key.slice(0, 3), '-subj', '/CN=localhost', '-keyout', path('s.key'), '-out', path('s.csr'));
  writeFileSync(path('ext'), 'subjectAltName=DNS:localhost\n');
  const signed = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-extfile', path('ext')];
  openssl('x509', '-req', '-in', path('s.csr'), ...signed, '-days', '2', '-out', path('s.crt'));
}

beforeAll(async () => {
  makeCertificates();
  cluster = await startCluster({ replicas: 0 });
  const { pgdata } = cluster.master;
  const { uid, gid } = statSync(pgdata);
  for (const [from, to] of [
    ['s.crt', 'server.crt'],
    ['s.key', 'server.key'],
  ] as const) {
    copyFileSync(path(from), join(pgdata, to));
    execFileSync('chmod', ['600', join(pgdata, to)]);
    chownSync(join(pgdata, to), uid, gid);
  }
  const hba = 'local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n';
  writeFileSync(join(pgdata, 'pg_hba.conf'), `${hba}hostnossl all postgres 127.0.0.1/32 trust\n`);
  appendFileSync(join(pgdata, 'postgresql.conf'), 'ssl = on\n');
  await cluster.master.stop();
  await cluster.master.start();
  def = serverDef({ hostname: 'localhost', port: cluster.master.port });
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const over = (more: Partial<SqlSettings>) => createSql(sqlSettings(more));

describe('sslmode against a server with TLS', () => {
  test.each([
    ['allow', {}],
    ['prefer', {}],
    ['require', {}],
    ['require', { sslrootcert: 'ca.crt' }],
    ['verify-ca', { sslrootcert: 'ca.crt' }],
    ['verify-full', { sslrootcert: 'ca.crt' }],
  ] as const)('%s %j: encrypted', async (sslmode, { sslrootcert }: { sslrootcert?: string }) => {
    const port = over({ sslmode, sslrootcert: sslrootcert === undefined ? null : path(sslrootcert) });
    expect(await port.query(def, ASK)).toEqual({ ok: true, value: [{ ssl: 't' }] });
  });

  test('disable is refused by a pg_hba.conf that wants TLS', async () => {
    const { reach } = await over({ sslmode: 'disable' }).look(def, []);
    expect(reach).toMatchObject({ kind: 'rejected' });
    expect(reach.detail).toContain('28000');
  });

  test('an authority that is not ours is rejected, and the server is up', async () => {
    for (const sslmode of ['require', 'verify-ca', 'verify-full'] as const) {
      const { reach } = await over({ sslmode, sslrootcert: path('other.crt') }).look(def, []);
      expect(reach.kind).toBe('rejected');
    }
  });

  test('a name that the certificate does not have counts for verify-full alone', async () => {
    const byAddress = { ...def, hostname: '127.0.0.1' };
    const sslrootcert = path('ca.crt');
    expect((await over({ sslmode: 'verify-ca', sslrootcert }).query(byAddress, ASK)).ok).toBe(true);
    const { reach } = await over({ sslmode: 'verify-full', sslrootcert }).look(byAddress, []);
    expect(reach.kind).toBe('rejected');
    expect(reach.detail).toContain('ALTNAME');
  });

  test('verification without a root certificate is refused, as by libpq', async () => {
    const { reach } = await over({ sslmode: 'verify-full' }).look(def, []);
    expect(reach.kind).toBe('unresolved');
  });

  test('a Unix socket needs no TLS', async () => {
    const socket = { ...def, hostname: cluster.master.socket_dir };
    expect((await over({ sslmode: 'require' }).query(socket, 'SELECT 1')).ok).toBe(true);
  });

  test('the replication protocol goes over TLS too', async () => {
    await cluster.master.sql('SELECT 1');
    const done = await over({ sslmode: 'require' }).identify(def, { user: 'superuser' });
    // pg_hba.conf has no line for replication here, so the other kind of connection serves.
    expect(done.ok).toBe(true);
  });
});

test('a server that agrees to TLS and then says nothing is given up in time', async () => {
  const fake = await startFake((socket) => socket.once('data', () => socket.write('S')));
  const began = performance.now();
  const { reach } = await over({ sslmode: 'prefer', connect_timeout: 300 }).look({ ...def, port: fake.port }, []);
  expect(performance.now() - began).toBeLessThan(1500);
  expect(reach.kind).toBe('timeout');
  await fake.stop();
});

test('text that is smuggled in before encryption is refused', async () => {
  const fake = await startFake((socket) => socket.once('data', () => socket.write('Sxxxx')));
  const { reach } = await over({ sslmode: 'require' }).look({ ...def, port: fake.port }, []);
  expect(reach.kind).toBe('rejected');
  await fake.stop();
});
