import { expect, test, vi } from 'vitest';
import { fail, ok } from '../../src/core/outcome.js';
import type { HeldSession, SqlPort } from '../../src/plugin/contract.js';
import { createSentinel } from '../../src/service/sentinel.js';
import { serverDef } from '../io/builders.js';

/** What real servers do not do on demand; how it works with them is in test/scenarios/sentinel.test.ts. */
test('where no session could be had, the next round that finds the master well tries again', async () => {
  let end: () => void = () => undefined;
  const session: HeldSession = {
    query: () => Promise.resolve(ok([])),
    ended: new Promise((resolve) => {
      end = resolve;
    }),
    close: () => Promise.resolve(),
  };
  const hold = vi.fn<SqlPort['hold']>();
  hold.mockResolvedValueOnce(fail('sql_connect', 'db1: no answer in 1000 ms')).mockResolvedValue(ok(session));
  const told: string[] = [];
  const sentinel = createSentinel({ hold } as unknown as SqlPort, new AbortController().signal, (why) => {
    told.push(why);
  });
  const master = serverDef();
  sentinel.watch(master);
  expect(await sentinel.wait(20)).toBeNull();
  sentinel.watch(master);
  sentinel.watch(master);
  expect(hold).toHaveBeenCalledTimes(2);
  const waiting = sentinel.wait(20_000);
  end();
  expect(await waiting).toMatchObject({ what: 'the session held on db1 ended', overdue: false });
  expect(told).toEqual(['the session held on db1 ended']);
  await sentinel.close();
});
