import { describe, expect, test } from 'vitest';
import { type ProxyMethod, broken, runOf, testOf } from '../../../plugins/proxy/method.js';
import type { ProxyDef } from '../../../src/core/model.js';
import { ok } from '../../../src/core/outcome.js';
import type { ConnectionRequest, PluginContext } from '../../../src/plugin/contract.js';
import { proxyDef } from '../../core/build.js';

/** Says what it was asked, and of proxies whose name begins with `bad` that they fail. */
const METHOD: ProxyMethod<string> = {
  name: 'some_method',
  role: 'haproxy',
  pause: async ({ proxy, settings }) => ok(`pause ${proxy.name} with ${settings}`),
  move: async ({ proxy, settings }) => ok(`move ${proxy.name} with ${settings}`),
  look: async ({ proxy, settings }) => ok(`look ${proxy.name} with ${settings}`),
  attempt: async (work) =>
    work.proxy.name.startsWith('bad') ? broken(work, 'is bad', 'mend it') : ok(`${work.proxy.name} is good`),
};

const proxy = (name: string, enabled = true): ProxyDef => proxyDef(name, { enabled });
const context = (...proxies: readonly ProxyDef[]): PluginContext => ({ proxies }) as unknown as PluginContext;
const NOBODY = {
  ok: false,
  error: {
    code: 'plugin_failed',
    message: 'some_method: there is no enabled server with role: haproxy',
    hint: expect.stringContaining('role=haproxy') as unknown,
  },
};

describe('run', () => {
  const request = (action: ConnectionRequest['action'], one: ProxyDef | null): ConnectionRequest =>
    ({ action, proxy: one }) as ConnectionRequest;

  test.each(['pause', 'move', 'look'] as const)('%s goes to the proxy', async (action) => {
    const outcome = await runOf(METHOD)('settings')(context(), request(action, proxy('ha1')));
    expect(outcome).toEqual(ok(`${action} ha1 with settings`));
  });

  test('without a proxy there is nothing to do', async () => {
    expect(await runOf(METHOD)('settings')(context(), request('move', null))).toEqual(NOBODY);
  });
});

describe('test', () => {
  test.each([
    { proxies: [proxy('a'), proxy('b')], outcome: ok('a is good; b is good') },
    { proxies: [proxy('a'), proxy('bad', false)], outcome: ok('a is good') },
    { proxies: [proxy('a', false)], outcome: NOBODY },
    { proxies: [], outcome: NOBODY },
    {
      proxies: [proxy('a'), proxy('bad1'), proxy('bad2')],
      outcome: {
        ok: false,
        error: { code: 'plugin_failed', message: 'bad1: is bad', server: 'bad1', hint: 'mend it' },
      },
    },
  ])('of $proxies', async ({ proxies, outcome }) => {
    expect(await testOf(METHOD)('settings', context(...proxies))).toEqual(outcome);
  });
});
