import { describe, expect, it } from 'vitest';
import { SERVERS, Workspace } from './workspace.js';

const workspace = new Workspace();

interface Case {
  readonly yaml: string | readonly string[];
  readonly problems: readonly string[];
}

function truth(cases: Readonly<Record<string, Case>>): void {
  it.each(Object.entries(cases))('%s', async (_, { yaml, problems }) => {
    const text = typeof yaml === 'string' ? yaml : `${yaml.join('\n')}\n`;
    expect(await workspace.problems(text)).toEqual(problems);
  });
}

const NEEDS = '(a configuration needs at least the section servers: see the sample handyrep.conf.yaml)';
const SECTIONS = 'handyrep, passwords, failover, extra_failover_commands, archive, server_defaults, servers, plugins';

describe('the file as a whole', () => {
  truth({
    'only servers is enough': { yaml: SERVERS, problems: [] },
    'sections with nothing in them': {
      yaml: `failover:\npasswords:\nplugins:\n  run_command:\n${SERVERS}`,
      problems: [],
    },
    empty: { yaml: '', problems: [`is empty ${NEEDS}`] },
    'only comments': { yaml: '# nothing\n', problems: [`is empty ${NEEDS}`] },
    'a list': { yaml: '- a\n', problems: [`1:1: must be a map of sections, not a list ${NEEDS}`] },
    'one word': { yaml: 'hello', problems: [`1:1: must be a map of sections, not text ${NEEDS}`] },
    'no servers': { yaml: 'failover: {}\n', problems: ['1:1: servers is missing'] },
    'servers with nothing': { yaml: 'servers:\n', problems: ['1:1: servers has no value (give one)'] },
    'servers with no server': { yaml: 'servers: {}\n', problems: ['1:1: servers is empty (name at least the master)'] },
  });
});

describe('YAML', () => {
  truth({
    'a tab': {
      yaml: `failover:\n\tpoll_interval: 3\n${SERVERS}`,
      problems: ['2:1: tabs are not allowed as indentation (YAML is indented with spaces, never with tabs)'],
    },
    'a bracket that is not closed': {
      yaml: 'servers: { a: 1\n',
      problems: [
        '2:1: flow map in block collection must be sufficiently indented and end with a } (keys of one map begin in the same column, and every bracket is closed)',
      ],
    },
    'two documents': {
      yaml: `${SERVERS}---\na: 1\n`,
      problems: ['4:1: a second YAML document begins here (a configuration is one document: remove the line "---")'],
    },
    'a tag': {
      yaml: `handyrep: { cluster_name: !app x }\n${SERVERS}`,
      problems: ['1:27: YAML tags are not read (put text that begins with ! in quotes)'],
    },
    'the same key twice': {
      yaml: ['failover:', '  fail_retries: 2', '  fail_retries: 3', SERVERS],
      problems: ['3:3: the key fail_retries is given twice (keep one of the two)'],
    },
    'an alias without its anchor': {
      yaml: ['servers:', '  db1: *defaults'],
      problems: ['2:8: an alias stands here, without its anchor (a value that begins with * must be in quotes)'],
    },
    'an alias inside its own anchor': {
      yaml: ['plugins: { run_command: &a { b: *a } }', SERVERS],
      problems: ['1:33: an alias stands here, inside its anchor (a value that begins with * must be in quotes)'],
    },
    'a merge key': {
      yaml: ['servers:', '  db1: &a { hostname: a, role: master }', '  db2: { <<: *a, role: replica, hostname: b }'],
      problems: ['3:10: the YAML merge key << is not read (what servers share goes under server_defaults)'],
    },
    'aliases that explode': {
      yaml: [
        'a: &a [x, x, x, x, x, x, x, x, x, x]',
        'b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]',
        'c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]',
        'd: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]',
      ],
      problems: ['1:1: excessive alias count indicates a resource exhaustion attack'],
    },
    'braces without quotes': {
      yaml: ['extra_failover_commands:', '  tell: { command: run_command, parameters: [{{ x }}] }', SERVERS],
      problems: [
        '2:46: extra_failover_commands.tell.parameters.0 must be text, not a map (put text that begins with { in quotes)',
        '2:47: a key must be a plain word (put text that holds { or [ in quotes)',
      ],
    },
    'an alias works': {
      yaml: ['failover: { fail_retry_interval: &t 2s, poll_interval: *t }', SERVERS],
      problems: [],
    },
  });

  it('reads a byte order mark and CRLF, and counts columns right', async () => {
    const yaml = `\uFEFFfailovr: {}\r\nfailover:\r\n  auto_failovr: true\r\n${SERVERS.replaceAll('\n', '\r\n')}`;
    expect(await workspace.problems(yaml)).toEqual([
      '1:1: failovr is not a known key (did you mean failover?)',
      '3:3: failover.auto_failovr is not a known key (did you mean auto_failover?)',
    ]);
  });

  it('refuses what is not UTF-8', async () => {
    expect(await workspace.problems(new Uint8Array([0xff, 0xfe, 0x61, 0x00]))).toEqual(['is not UTF-8 text']);
  });
});

describe('keys', () => {
  truth({
    'misspelt at each level': {
      yaml: [
        'failovr: {}',
        'failover:',
        '  poll_intervall: 3',
        '  cluster_name: x',
        '  xyzzy: 1',
        'servers:',
        '  db1: { hostname: a, role: master, prot: 5432 }',
        'poll_method: poll_connect',
        '1: 2',
      ],
      problems: [
        '1:1: failovr is not a known key (did you mean failover?)',
        '3:3: failover.poll_intervall is not a known key (did you mean poll_interval?)',
        '4:3: failover.cluster_name is not a known key (cluster_name belongs under handyrep)',
        '5:3: failover.xyzzy is not a known key',
        '7:37: servers.db1.prot is not a known key (did you mean port?)',
        '8:1: poll_method is not a known key (poll_method belongs under failover)',
        `9:1: 1 is not a known key (known here: ${SECTIONS})`,
      ],
    },
    'a section inside another': {
      yaml: ['handyrep:', '  failover: {}', SERVERS],
      problems: [
        '2:3: handyrep.failover is not a known key (failover is a section of its own: it stands at the left margin)',
      ],
    },
    'a list where a map is expected': {
      yaml: ['failover:', '  - poll_interval: 3', 'servers:', '  - db1'],
      problems: [
        '2:3: failover must be a map (key: value), not a list',
        '4:3: servers must be a map (key: value), not a list',
      ],
    },
  });
});

describe('values', () => {
  truth({
    'wrong types and impossible values': {
      yaml: [
        'handyrep:',
        '  cluster_name: 12',
        '  test_ssh_command: true',
        '  sslmode: requir',
        '  connect_timeout: 0',
        '  handyrep_user: -x',
        '  postgres_os_user: "post gres"',
        '  log_keep: 1.5',
        '  log_max_size: 5 apples',
        'failover:',
        '  fail_retries: "3"',
        '  poll_interval: 0',
        '  auto_failover: yes',
        '  min_witnesses: -1',
        '  max_data_loss: 5x',
        '  verify_interval:',
        '  min_failover_interval: -5s',
        SERVERS,
      ],
      problems: [
        '2:17: handyrep.cluster_name must be text, not 12 (put it in quotes: "12")',
        '3:21: handyrep.test_ssh_command must be text, not true or false (put it in quotes: "true")',
        '4:12: handyrep.sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full, not "requir" (did you mean require?)',
        '5:20: handyrep.connect_timeout must be at least 100ms, not 0',
        '6:18: handyrep.handyrep_user must not begin with "-"',
        '7:21: handyrep.postgres_os_user must not hold spaces or any of @ : / \\',
        '8:13: handyrep.log_keep must be a whole number, not 1.5',
        '9:17: handyrep.log_max_size must be a size such as 512kB, 16MB or 1GB (a number is MB), not "5 apples"',
        '11:17: failover.fail_retries must be a number, not "3" (write it without quotes: 3)',
        '12:18: failover.poll_interval must be at least 100ms, not 0',
        '13:18: failover.auto_failover must be true or false, not "yes" (write true)',
        '14:18: failover.min_witnesses must be at least 0, not -1',
        '15:18: failover.max_data_loss must be none, unlimited, or a size such as 16MB, not "5x"',
        '16:3: failover.verify_interval has no value (give one, or remove the line)',
        '17:26: failover.min_failover_interval must be a duration such as 500ms, 5s, 2m, 1h or 1d (a number is seconds), not "-5s"',
      ],
    },
    'numbers beyond numbers': {
      yaml: ['failover: { fail_retries: .nan, min_witnesses: 99999999999999999999, poll_interval: .inf }', SERVERS],
      problems: [
        '1:27: failover.fail_retries must be a number, not NaN',
        '1:48: failover.min_witnesses must be at most 9007199254740991, not 100000000000000000000',
        '1:85: failover.poll_interval must be a duration such as 500ms, 5s, 2m, 1h or 1d (a number is seconds)',
      ],
    },
    'of a server': {
      yaml: [
        'servers:',
        '  db1:',
        '    hostname: -oProxyCommand=x',
        '    role: mastr',
        '    port: 70000',
        '    pgdata: data',
        '    pgconf: /etc/../etc',
        '    ssh_user: "a\\tb"',
        '    lag_limit: -4',
        '    failover_priority: high',
        '  db2: { hostname: "a,b", role: replica, pgdata: / }',
        '  db3:',
      ],
      problems: [
        '3:15: servers.db1.hostname must not begin with "-"',
        '4:11: servers.db1.role must be one of master, replica, primary, standby, pgbouncer, haproxy, not "mastr" (did you mean master?)',
        '5:11: servers.db1.port must be at most 65535, not 70000',
        '6:13: servers.db1.pgdata must be an absolute path: it is a folder on the server',
        '7:13: servers.db1.pgconf must not hold ".."',
        '8:15: servers.db1.ssh_user must not hold control characters',
        '9:16: servers.db1.lag_limit must be a size such as 512kB, 16MB or 1GB (a number is MB), not -4',
        '10:24: servers.db1.failover_priority must be a number, not "high"',
        '11:20: servers.db2.hostname must be one host name or address (letters, digits and . : _ - %)',
        '11:50: servers.db2.pgdata must not be the root folder',
        '12:3: servers.db3 has no value (give one)',
      ],
    },
  });
});

describe('names of servers', () => {
  const rule = 'must be a name of letters, digits, _ . and -, beginning with a letter or digit';
  truth({
    'good ones': {
      yaml: ['servers:', '  1: { hostname: a, role: primary }', '  a.b-c_d: { hostname: b, role: standby }'],
      problems: [],
    },
    'bad ones': {
      yaml: [
        'servers:',
        '  db1: { hostname: a, role: master }',
        '  -x: { hostname: b, role: replica }',
        '  "a b": { hostname: c, role: replica }',
        '  constructor: { hostname: d, role: replica }',
        '  __proto__: { hostname: e, role: replica }',
      ],
      problems: [
        `3:3: servers.-x ${rule}`,
        `4:3: servers.a b ${rule}`,
        '5:3: servers.constructor is a reserved word: choose another name',
        '6:3: the key __proto__ cannot be used',
      ],
    },
  });
});
