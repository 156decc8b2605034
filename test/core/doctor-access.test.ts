import { describe, expect, test } from 'vitest';
import {
  type DoctorNames,
  type FailedLogin,
  judgeCommands,
  judgeLogin,
  judgePrivileges,
  privilegeQuery,
  readPrivileges,
} from '../../src/core/doctor-access.js';
import { forVersion, rolePrivileges, tablePrivileges } from '../../src/core/privileges.js';
import { becomeLine, serviceLine, sudoersLines } from '../../src/core/sudoers.js';
import { serverDef } from '../io/builders.js';

const NAMES: DoctorNames = {
  handyrep_db: 'postgres',
  handyrep_user: 'handyrep',
  replication_user: 'replicator',
  postgres_superuser: 'postgres',
  postgres_os_user: 'postgres',
  own_user: 'watcher',
};
const FAR = serverDef({ connection: 'ssh', ssh_user: 'handyrep', become: 'sudo', hostname: '10.0.0.11' });
const PLACE = { hostname: '10.0.0.11', port: 5432, superuser: 'postgres', database: 'postgres' };
const GOOD = { login: null, login_hint: '', become: null };

describe('commands on a host', () => {
  test('that work are no finding', () => {
    expect(judgeCommands(FAR, GOOD, NAMES)).toEqual([]);
  });

  test('that ssh does not let in: nothing is said of sudo', () => {
    const found = judgeCommands(FAR, { ...GOOD, login: 'no route', login_hint: 'try ssh', become: 'no sudo' }, NAMES);
    expect(found.map(({ name, severity, fix }) => [name, severity, fix?.lines])).toEqual([
      ['ssh', 'fails', ['try ssh']],
    ]);
  });

  test('that ssh does not let in, without a word of what to try', () => {
    expect(judgeCommands(FAR, { ...GOOD, login: 'no route' }, NAMES)).toMatchObject([{ name: 'ssh', fix: null }]);
  });

  test.each([
    ['the ssh user', FAR, 'handyrep'],
    ['ssh’s own configuration', { ...FAR, ssh_user: null }, 'watcher'],
    ['nobody but us', { ...FAR, connection: 'local' as const }, 'watcher'],
  ])('that sudo refuses to %s', (_who, server, user) => {
    const [found] = judgeCommands(server, { ...GOOD, become: 'sudo refused' }, NAMES);
    expect(found).toMatchObject({ name: 'sudo', severity: 'fails' });
    expect(found?.fix?.lines[0]).toBe(`echo '${user} ALL=(postgres) NOPASSWD: ALL' > /etc/sudoers.d/handyrep`);
  });
});

describe('a login that failed', () => {
  const HBA = 'FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.12", user "replicator"';
  const other = serverDef({ name: 'db2', hostname: 'db2.example.com' });

  test.each<[kind: FailedLogin['kind'], severity: string, line: string]>([
    ['replication', 'fails', 'host  replication  replicator  10.0.0.12/32  scram-sha-256'],
    ['query', 'warning', 'host  replication  replicator  10.0.0.12/32  scram-sha-256'],
    ['rewind', 'warning', 'host  postgres  handyrep  10.0.0.12/32  scram-sha-256'],
    ['sql', 'fails', 'host  postgres  handyrep  10.0.0.12/32  scram-sha-256'],
    ['superuser', 'fails', 'host  postgres  postgres  10.0.0.12/32  scram-sha-256'],
  ])('by pg_hba.conf: %s', (kind, severity, line) => {
    const found = judgeLogin({ kind, from: other, to: FAR, why: HBA }, NAMES);
    expect(found).toMatchObject({ severity, server: 'db1' });
    expect(found.fix?.lines[0]).toBe(line);
    expect(found.fix?.where).toContain('10.0.0.11');
  });

  test('from an address of version 6, and by a role that must be quoted', () => {
    const why = HBA.replace('10.0.0.12', 'fd00::5');
    const found = judgeLogin({ kind: 'sql', from: null, to: FAR, why }, { ...NAMES, handyrep_user: 'Handy Rep' });
    expect(found.fix?.lines[0]).toBe('host  postgres  "Handy Rep"  fd00::5/128  scram-sha-256');
  });

  test.each([
    [other, 'host  postgres  "app user"  db2.example.com  scram-sha-256', 'db2 cannot log in: db1: '],
    [null, 'host  postgres  "app user"  THIS_HOST  scram-sha-256', 'this host cannot log in: db1: '],
  ])('by pg_hba.conf, which does not say from which address', (from, line, words) => {
    const names = { ...NAMES, handyrep_user: 'app user' };
    const found = judgeLogin({ kind: 'sql', from, to: FAR, why: 'SQLSTATE 28000' }, names);
    expect(found.fix?.lines[0]).toBe(line);
    expect(found.text).toBe(`${words}SQLSTATE 28000`);
  });

  test.each([
    [other, "on db2.example.com, as postgres (PASSWORD is the role's)", '~postgres/.pgpass'],
    [null, "on this host, as watcher (PASSWORD is the role's)", '~watcher/.pgpass'],
  ])('for want of a password', (from, where, file) => {
    const found = judgeLogin({ kind: 'rewind', from, to: FAR, why: 'fe_sendauth: no password supplied' }, NAMES);
    expect(found.fix).toEqual({
      where,
      lines: [`echo '*:5432:postgres:handyrep:PASSWORD' >> ${file}`, `chmod 600 ${file}`],
    });
  });

  test('because nobody listens has no fix of ours', () => {
    expect(judgeLogin({ kind: 'sql', from: null, to: FAR, why: 'refused' }, NAMES).fix).toBeNull();
  });
});

describe('privileges', () => {
  const all = [...rolePrivileges(NAMES), ...tablePrivileges(NAMES, { handyrep_schema: 's', handyrep_table: 't' })];

  test('that are all there are no finding', () => {
    expect(
      judgePrivileges(
        FAR,
        all.map((one) => [one, true] as const),
        PLACE,
      ),
    ).toEqual([]);
  });

  test('each that is missing has its own grant; the table’s have one way together', () => {
    const found = judgePrivileges(
      FAR,
      all.map((one) => [one, false] as const),
      PLACE,
    );
    const roles = found.filter(({ name }) => name === 'privileges');
    expect(roles.flatMap(({ fix }) => fix?.lines ?? [])).toEqual(rolePrivileges(NAMES).map(({ grant }) => `${grant};`));
    expect(found.filter(({ name }) => name === 'cluster_table')).toHaveLength(1);
    expect(found).toHaveLength(roles.length + 1);
    const needed = roles.map(({ text, severity }) => [text.split(' is needed for ').at(-1) ?? '', severity]);
    const later = (what: string): boolean => what.startsWith('pg_rewind') || what === 'clone_rsync';
    expect(needed.filter(([what = '', severity]) => later(what) !== (severity === 'warning'))).toEqual([]);
    expect(needed.some(([what]) => what === 'clone_rsync')).toBe(true);
    expect(found.at(-1)?.fix).toEqual({
      where: 'on this host, once; it can be run again',
      lines: ['handyrep init --print-sql | psql -h 10.0.0.11 -p 5432 -U postgres -d postgres'],
    });
  });

  test('the table’s alone are one finding, and say what is missing', () => {
    const table = tablePrivileges(NAMES, { handyrep_schema: 's', handyrep_table: 't' });
    const found = judgePrivileges(
      FAR,
      table.map((one) => [one, false] as const),
      PLACE,
    );
    expect(found).toMatchObject([{ name: 'cluster_table', severity: 'warning' }]);
    for (const { what } of table) expect(found[0]?.text).toContain(what);
    const [role] = rolePrivileges(NAMES);
    if (role === undefined) throw new Error('no privilege');
    expect(judgePrivileges(FAR, [[role, false]], PLACE).map(({ name }) => name)).toEqual(['privileges']);
  });

  test.each([13, 14, 15, 18])('of version %d are asked for in one query, and read in its order', (major) => {
    const known = forVersion(all, major);
    const text = privilegeQuery(known);
    expect(text.includes('has_parameter_privilege')).toBe(major >= 15);
    expect(text.includes('pg_start_backup')).toBe(major < 15);
    const row = Object.fromEntries(known.map((_, index) => [`p${index}`, index % 2 === 0 ? 't' : 'f']));
    expect(readPrivileges(known, row).map(([, there]) => there)).toEqual(known.map((_, index) => index % 2 === 0));
  });
});

describe('sudoers', () => {
  test('anything as the postgres OS user, nothing as root', () => {
    const input = { server: FAR, postgres_os_user: 'postgres', service: null, otherwise: 'watcher' };
    expect(sudoersLines(input)).toEqual(['handyrep ALL=(postgres) NOPASSWD: ALL']);
  });

  test('with a service: that one, as root, and nothing else', () => {
    const service = { service: 'postgresql@15-main', command: 'systemctl' } as const;
    const input = {
      server: { ...FAR, become: 'none' as const },
      postgres_os_user: 'postgres',
      service,
      otherwise: 'x',
    };
    expect(sudoersLines(input)).toEqual([
      'handyrep ALL=(root) NOPASSWD: /usr/bin/systemctl start postgresql@15-main, /usr/bin/systemctl stop postgresql@15-main, /usr/bin/systemctl restart postgresql@15-main',
    ]);
  });

  test('nothing that means something to sudo gets in by a name', () => {
    expect(becomeLine('a b', 'c:d')).toBe('a\\ b ALL=(c\\:d) NOPASSWD: ALL');
    expect(serviceLine('a', 'x, /bin/sh', 'service')).toContain('x\\,\\ /bin/sh');
  });
});
