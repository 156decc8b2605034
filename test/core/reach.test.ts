import { describe, expect, test } from 'vitest';
import { classifyReach, OWN_CODE, sqlState, type Phase } from '../../src/core/reach.js';

function errno(code: string, message = `connect ${code}`): Error {
  return Object.assign(new Error(message), { code });
}

function server(code: string, message = 'words'): Error {
  return Object.assign(new Error(message), { code, severity: 'FATAL' });
}

const kindOf = (error: unknown, phase: Phase = 'connect') => classifyReach(error, phase).kind;

describe('what the server said', () => {
  test.each([
    ['53300', 'sorry, too many clients already', 'saturated'],
    ['53300', 'remaining connection slots are reserved', 'saturated'],
    ['57P03', 'the database system is starting up', 'starting'],
    ['57P03', 'the database system is in recovery mode', 'starting'],
    ['57P03', 'the database system is not yet accepting connections', 'starting'],
    ['57P03', 'the database system is shutting down', 'stopping'],
    ['57P03', 'das Datenbanksystem fährt herunter', 'starting'],
    ['57P01', 'terminating connection due to administrator command', 'stopping'],
    ['57P02', 'terminating connection because of crash', 'stopping'],
    ['28P01', 'password authentication failed', 'rejected'],
    ['28000', 'no pg_hba.conf entry', 'rejected'],
    ['3D000', 'database does not exist', 'rejected'],
    ['42501', 'permission denied', 'rejected'],
    ['53400', 'configuration limit exceeded', 'rejected'],
    ['XX000', 'who knows', 'rejected'],
  ] as const)('%s %s: %s', (code, message, expected) => {
    const reach = classifyReach(server(code, message), 'login');
    expect(reach.kind).toBe(expected);
    expect(reach.detail).toContain(code);
    expect(reach.detail).toContain(message);
  });

  test('the words never decide but for 57P03', () => {
    expect(kindOf(server('28000', 'the database system is shutting down'), 'login')).toBe('rejected');
    expect(kindOf(errno('ETIMEDOUT', 'the database system is starting up'))).toBe('timeout');
  });
});

describe('what the system said', () => {
  test.each([
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'refused'],
    ['EPIPE', 'refused'],
    ['ENOENT', 'refused'],
    [OWN_CODE.eof, 'refused'],
    ['ETIMEDOUT', 'timeout'],
    [OWN_CODE.deadline, 'timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ENETUNREACH', 'unreachable'],
    ['EHOSTDOWN', 'unreachable'],
    ['ENOTFOUND', 'unresolved'],
    ['EAI_AGAIN', 'unresolved'],
    ['EAI_FAIL', 'unresolved'],
    ['EMFILE', 'unresolved'],
    ['ENOBUFS', 'unresolved'],
    ['EACCES', 'unresolved'],
    ['EADDRNOTAVAIL', 'unresolved'],
    [OWN_CODE.aborted, 'unresolved'],
  ] as const)('%s: %s, with the raw word', (code, expected) => {
    const reach = classifyReach(errno(code, 'something'), 'connect');
    expect(reach.kind).toBe(expected);
    expect(reach.detail).toContain(code);
  });

  test('an errno that looks like an SQLSTATE is none', () => {
    expect(sqlState(errno('EPIPE'))).toBeNull();
    expect(sqlState(server('57P03'))).toBe('57P03');
  });

  test.each(['local', 'resolve'] as const)('nothing that fails in phase %s says anything of the server', (phase) => {
    for (const code of ['ETIMEDOUT', 'ECONNREFUSED', 'ENOENT', OWN_CODE.deadline, 'SERVFAIL']) {
      expect(kindOf(errno(code), phase)).toBe('unresolved');
    }
  });

  test.each([
    ['connect', 'unresolved'],
    ['tls', 'rejected'],
    ['login', 'rejected'],
  ] as const)('an error without a known code in phase %s: %s', (phase, expected) => {
    expect(kindOf(new Error('odd'), phase)).toBe(expected);
    expect(kindOf(errno('ERR_TLS_CERT_ALTNAME_INVALID'), phase)).toBe(expected);
  });

  test.each([null, undefined, 'text', 7])('%s is no evidence', (value) => {
    expect(kindOf(value)).toBe('unresolved');
  });
});

describe('several addresses', () => {
  test.each([
    [['ECONNREFUSED', 'ECONNREFUSED'], 'refused'],
    [['ECONNREFUSED', 'DEADLINE'], 'timeout'],
    [['ENETUNREACH', 'ECONNREFUSED'], 'refused'],
    [['ENETUNREACH', 'ETIMEDOUT'], 'timeout'],
    [['EADDRNOTAVAIL', 'ECONNREFUSED'], 'refused'],
    [['EADDRNOTAVAIL', 'EHOSTUNREACH'], 'unreachable'],
    [['EMFILE', 'ECONNREFUSED'], 'unresolved'],
  ] as const)('%s: %s, whatever the order', (codes, expected) => {
    const errors = codes.map((code) => errno(code));
    for (const order of [errors, errors.toReversed()]) {
      const reach = classifyReach(new AggregateError(order), 'connect');
      expect(reach.kind).toBe(expected);
      for (const code of codes) expect(reach.detail).toContain(code);
    }
  });

  test('one that spoke wins', () => {
    expect(kindOf(new AggregateError([errno('EMFILE'), server('57P03', 'starting up')]))).toBe('starting');
  });
});

describe('the words', () => {
  test.each([
    ['trouble of this host', errno('EMFILE'), 'trouble of this host: connect EMFILE'],
    ['an address that this host cannot use', errno('EADDRNOTAVAIL'), 'trouble of this host: connect EADDRNOTAVAIL'],
    ['a name that does not resolve', errno('ENOTFOUND', 'getaddrinfo ENOTFOUND db1'), 'getaddrinfo ENOTFOUND db1'],
    ['a code that the message leaves out', errno('EHOSTUNREACH', 'no way'), 'EHOSTUNREACH no way'],
    ['a code without a message', errno('EPIPE', ''), 'EPIPE'],
    ['a message of several lines', errno('EPIPE', ' EPIPE:\n\t broken   pipe '), 'EPIPE: broken pipe'],
    ['a message without a code', new Error('who knows'), 'who knows'],
  ])('%s', (_, error, detail) => {
    expect(classifyReach(error, 'connect').detail).toBe(detail);
  });

  test.each([
    ['08006', '08006'],
    ['8006', null],
    ['x08006', null],
    ['080066', null],
    [8006, null],
  ])('the code %j as an SQLSTATE: %j', (code, expected) => {
    expect(sqlState({ code, severity: 'FATAL', message: 'm' })).toBe(expected);
  });
});
