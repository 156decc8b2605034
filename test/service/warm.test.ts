import { expect, test, vi } from 'vitest';
import { ok } from '../../src/core/outcome.js';
import type { HostPort } from '../../src/plugin/contract.js';
import { keepWarm } from '../../src/service/warm.js';
import { serverDef } from '../io/builders.js';

test('every enabled host that is reached by ssh is greeted now and then, and nobody else; an end is an end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const run = vi.fn<HostPort['run']>(async () => ok({ exit_code: 0, stdout: '', stderr: '' }));
    const warmth = keepWarm({ run } as unknown as HostPort, 6000, new AbortController().signal);
    warmth.keep([serverDef({ name: 'here' })]);
    expect(run).not.toHaveBeenCalled();
    const far = serverDef({ name: 'db2', connection: 'ssh' });
    const servers = [far, serverDef({ name: 'off', connection: 'ssh', enabled: false }), serverDef({ name: 'here' })];
    warmth.keep(servers);
    warmth.keep(servers);
    expect(run.mock.calls.map(([server, argv]) => [server.name, ...argv])).toEqual([['db2', 'true']]);
    await warmth.close();
    warmth.keep(servers);
    expect(run).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});
