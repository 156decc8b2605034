import { describe, expect, test } from 'vitest';
import { PROGRAMS, type ServerCheckup, judgeServer } from '../../src/core/doctor-server.js';
import type { HostLook } from '../../src/core/observation.js';
import { serverDef } from '../io/builders.js';

type Looked = Extract<HostLook, { readonly kind: 'looked' }>;

function host(more: Partial<Looked> = {}): Looked {
  return {
    kind: 'looked',
    server: 'db1',
    postmaster: { kind: 'running', pid: 7, state: 'S' },
    port: 'reaches',
    control: null,
    standby_signal: false,
    free_bytes: 10 ** 12,
    detail: '',
    ...more,
  };
}

const SETTINGS = {
  wal_level: 'replica',
  max_wal_senders: '10',
  hot_standby: 'on',
  wal_log_hints: 'off',
  data_checksums: 'on',
  full_page_writes: 'on',
  fsync: 'on',
};

/** A server with which all is well. */
function checkup(more: Partial<ServerCheckup> = {}): ServerCheckup {
  return {
    server: serverDef({ hostname: '10.0.0.11', pgdata: '/data/15/main' }),
    is_master: false,
    host: host(),
    rights: { pgdata: true, auto_conf: true, beside: true },
    programs: Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, `/bin/${name}`])),
    settings: SETTINGS,
    skew: 100,
    witness: { port: 'reaches', detail: '' },
    postgres_os_user: 'postgres',
    place: { hostname: '10.0.0.11', port: 5432, superuser: 'postgres', database: 'postgres' },
    ...more,
  };
}

/** Severity and name of each finding, and the first line of its fix. */
function judged(more: Partial<ServerCheckup>): (string | undefined)[][] {
  return judgeServer(checkup(more)).map(({ severity, name, fix }) => [severity, name, fix?.lines[0]]);
}

describe('a server', () => {
  test('that is well is no finding, and neither is what could not be asked', () => {
    expect(judged({})).toEqual([]);
    const nothing = { host: null, rights: null, programs: null, settings: null, skew: null, witness: null };
    expect(judged(nothing)).toEqual([]);
    expect(judged({ rights: null, host: host({ free_bytes: null }) })).toEqual([]);
    expect(judged({ host: host({ free_bytes: 256 * 1024 ** 2 }) })).toEqual([]);
  });

  test('that is a replica has standby.signal, which is never told to be removed; a master has none', () => {
    expect(judged({ host: host({ standby_signal: true }) })).toEqual([]);
    expect(judged({ is_master: true, host: host({ standby_signal: false }) })).toEqual([]);
  });

  test.each<[what: string, more: Partial<ServerCheckup>, severity: string, name: string, line: string | undefined]>([
    ['host does not answer', { host: { kind: 'no_answer', server: 'db1', detail: 'gone' } }, 'fails', 'ssh', undefined],
    [
      'data directory is elsewhere',
      { host: host({ postmaster: { kind: 'unknown', detail: 'missing' } }) },
      'fails',
      'data_directory',
      '# server NAME: pgdata, as `SHOW data_directory` says it',
    ],
    [
      'postmaster is not there',
      { host: host({ postmaster: { kind: 'not_running' } }) },
      'fails',
      'data_directory',
      '# server NAME: pgdata, as `SHOW data_directory` says it',
    ],
    [
      'is the master and would come up read only',
      { is_master: true, host: host({ standby_signal: true }) },
      'fails',
      'standby_signal',
      'rm /data/15/main/standby.signal',
    ],
    [
      'disk is nearly full',
      { host: host({ free_bytes: 200 * 1024 ** 2 }) },
      'warning',
      'low_disk',
      'df -h /data/15/main/. /data/15/main/pg_wal/.    # make room',
    ],
    [
      'disk is full',
      { host: host({ free_bytes: 10 * 1024 ** 2 }) },
      'fails',
      'low_disk',
      'df -h /data/15/main/. /data/15/main/pg_wal/.    # make room',
    ],
    [
      'data directory cannot be written',
      { rights: { pgdata: false, auto_conf: true, beside: true } },
      'fails',
      'data_directory',
      'chown postgres /data/15/main && chmod u+rwx /data/15/main',
    ],
    [
      'postgresql.auto.conf cannot be written',
      { rights: { pgdata: true, auto_conf: false, beside: true } },
      'fails',
      'data_directory',
      'chown postgres /data/15/main/postgresql.auto.conf && chmod 600 /data/15/main/postgresql.auto.conf',
    ],
    [
      'WAL cannot be kept beside it',
      { rights: { pgdata: true, auto_conf: true, beside: false } },
      'warning',
      'data_directory',
      'chown postgres /data/15',
    ],
    [
      'wal_level is minimal',
      { settings: { ...SETTINGS, wal_level: 'minimal' } },
      'fails',
      'setting',
      "ALTER SYSTEM SET wal_level = 'replica';",
    ],
    [
      'no WAL sender is allowed',
      { settings: { ...SETTINGS, max_wal_senders: '0' } },
      'fails',
      'setting',
      'ALTER SYSTEM SET max_wal_senders = 10;',
    ],
    [
      'hot_standby is off',
      { settings: { ...SETTINGS, hot_standby: 'off' } },
      'fails',
      'setting',
      'ALTER SYSTEM SET hot_standby = on;',
    ],
    [
      'ALTER SYSTEM is switched off',
      { settings: { ...SETTINGS, allow_alter_system: 'off' } },
      'fails',
      'setting',
      '# in postgresql.conf: allow_alter_system = on',
    ],
    [
      'pg_rewind has no hint bits',
      { settings: { ...SETTINGS, data_checksums: 'off' } },
      'warning',
      'setting',
      'ALTER SYSTEM SET wal_log_hints = on;',
    ],
    [
      'full_page_writes is off',
      { settings: { ...SETTINGS, full_page_writes: 'off' } },
      'warning',
      'setting',
      'ALTER SYSTEM SET full_page_writes = on;',
    ],
    ['fsync is off', { settings: { ...SETTINGS, fsync: 'off' } }, 'warning', 'setting', 'ALTER SYSTEM SET fsync = on;'],
    ['clock is behind', { skew: -3000 }, 'warning', 'clock', 'timedatectl set-ntp true'],
    [
      'look at the master fails',
      { witness: { port: 'cannot_reach', detail: 'no response' } },
      'warning',
      'witness_view',
      '# open the way from this host to the port of PostgreSQL on every other server (firewall, routes)',
    ],
    [
      'name server does not know the master',
      { witness: { port: 'unresolved', detail: '' } },
      'warning',
      'witness_view',
      '# make the names of the configuration resolve here too (/etc/hosts), or use addresses as hostname',
    ],
    [
      'client programs are missing',
      { witness: { port: 'cannot_look', detail: '' } },
      'warning',
      'witness_view',
      '# install the client programs of PostgreSQL (pg_isready), or bash and timeout',
    ],
  ])('whose %s', (_what, more, severity, name, line) => {
    expect(judged(more)).toEqual([[severity, name, line]]);
  });

  test.each(Object.keys(PROGRAMS))('without %s', (program) => {
    const programs = Object.fromEntries(Object.entries(checkup().programs ?? {}).filter(([name]) => name !== program));
    const line = `handyrep server alter db1 bin_dir=DIRECTORY_OF_${program.toUpperCase()}`;
    expect(judged({ programs })).toEqual([['warning', 'programs', line]]);
  });

  test('a path that a shell would make something of is quoted in a fix', () => {
    const server = serverDef({ pgdata: "/data/it's; rm -rf x" });
    const [found] = judgeServer(checkup({ server, rights: { pgdata: false, auto_conf: true, beside: true } }));
    const path = `'/data/it'\\''s; rm -rf x'`;
    expect(found?.fix?.lines).toEqual([`chown postgres ${path} && chmod u+rwx ${path}`]);
  });

  test('a setting that needs a restart says so last', () => {
    const [found] = judgeServer(checkup({ settings: { ...SETTINGS, wal_level: 'minimal' } }));
    expect(found?.fix?.lines.at(-1)).toBe('-- then, from this host: handyrep restart db1');
  });
});
