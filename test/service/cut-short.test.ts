import { describe, expect, test } from 'vitest';
import { cutShort } from '../../src/service/cut-short.js';
import type { Session } from '../../src/service/session.js';

const open = (): Promise<never> => new Promise(() => undefined);

/** A session that tells what ends the looks made with it. */
function sessionOf(): { readonly session: Session; readonly ends: AbortSignal[] } {
  const ends: AbortSignal[] = [];
  const session = {
    until: (end: AbortSignal) => {
      ends.push(end);
      return session;
    },
  } as unknown as Session;
  return { session, ends };
}

describe('looking is given up', () => {
  test('when there is a reason to look anew, and what was asked is ended', async () => {
    const { session, ends } = sessionOf();
    const alarm = new AbortController();
    const cut = cutShort(session, alarm.signal);
    expect(await cut.unless(Promise.resolve('seen'))).toBe('seen');
    const waiting = cut.unless(open());
    alarm.abort();
    expect(await waiting).toBeNull();
    expect(ends.map(({ aborted }) => aborted)).toEqual([true]);
    expect(cut.settle()).toBe(false);
  });

  test('at once, where that reason was there before', async () => {
    const alarm = new AbortController();
    alarm.abort();
    expect(await cutShort(sessionOf().session, alarm.signal).unless(open())).toBeNull();
  });
});

describe('nothing is given up', () => {
  test('once it is settled: the master is doubted, or what was seen is kept', async () => {
    const { session, ends } = sessionOf();
    const alarm = new AbortController();
    const cut = cutShort(session, alarm.signal);
    expect(cut.settle()).toBe(true);
    alarm.abort();
    expect(await cut.unless(Promise.resolve('seen'))).toBe('seen');
    expect(ends.map(({ aborted }) => aborted)).toEqual([false]);
    expect(cut.settle()).toBe(true);
  });

  test('where nobody watches the master', async () => {
    const { session, ends } = sessionOf();
    const cut = cutShort(session, null);
    expect([cut.session, await cut.unless(Promise.resolve(1)), cut.settle(), ends]).toEqual([session, 1, true, []]);
  });
});
