import { expect, test } from 'vitest';
import { type ErrorCode } from '../../src/core/codes.js';
import { fail } from '../../src/core/outcome.js';
import { lookAtHost } from '../../src/observe/host.js';
import type { HostPort } from '../../src/plugin/contract.js';
import { serverDef } from '../core/build.js';

function hostsThatFail(code: ErrorCode): HostPort {
  const failing = async () => fail(code, 'no look was had');
  return { run: failing, script: failing, long: failing };
}

test.each([
  ['ssh_connect', 'no_answer'],
  ['aborted', 'no_answer'],
  // ssh let us in: the host lives.
  ['command_timeout', 'looked'],
  ['command_failed', 'looked'],
  ['command_missing', 'looked'],
] as const)('a look at a host that fails with %s: %s, and nothing is known of its PostgreSQL', async (code, kind) => {
  const look = await lookAtHost(hostsThatFail(code), serverDef('db1'), {
    timeout: 1000,
    signal: new AbortController().signal,
  });
  expect(look).toMatchObject(
    kind === 'looked' ? { kind, postmaster: { kind: 'unknown' }, control: null } : { kind, server: 'db1' },
  );
});
