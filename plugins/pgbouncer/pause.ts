import { type Outcome, describeFailure, ok } from '../../src/core/outcome.js';
import { quoteIdent } from '../../src/core/sqltext.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import { broken } from '../proxy/method.js';
import { type BouncerWork, resume, show, talk } from './console.js';
import { entriesOf, find, goesTo, trouble } from './entries.js';

/** Lets the clients of the master wait; where a transaction does not end in time they go on. */
export async function pause(work: BouncerWork, { master }: ConnectionRequest): Promise<Outcome<string>> {
  const { settings, proxy } = work;
  if (!settings.pause) return ok(`${proxy.name}: clients are not made to wait (pause: false)`);
  const shown = await show(work);
  if (!shown.ok) return shown;
  const entries = entriesOf(settings, master, []);
  const astray = entries.find((one) => one.writes && !goesTo(find(shown.value, one), one));
  if (astray !== undefined) {
    return broken(work, trouble(find(shown.value, astray), astray) ?? '', 'mend it with `handyrep proxy init`');
  }
  const ours = new Set(entries.map(({ name }) => name));
  const names = shown.value.flatMap(({ name, host, port }) =>
    ours.has(name) && port === master.port && host.split(',').includes(master.hostname) ? [name] : [],
  );
  const waiting = await talk(
    work,
    names.map((name) => `PAUSE ${quoteIdent(name)}`),
    settings.pause_timeout,
  );
  if (waiting.ok) return ok(`${proxy.name}: clients of ${names.join(', ') || 'no database'} wait`);
  // What was given up keeps new transactions waiting until it is taken back.
  const back = await resume(work, names);
  const undone = back.ok ? '' : `; and they could not be let go on: ${describeFailure(back.error)}`;
  const late = waiting.error.code === 'sql_timeout';
  const why = late
    ? `transactions of its clients did not end in ${settings.pause_timeout} s (pooling by session never pauses while a client is connected)`
    : describeFailure(waiting.error);
  const hint = 'see SHOW CLIENTS and pg_stat_activity; pause_timeout is how long a transaction is waited for';
  return broken(work, `${why}${undone}`, hint);
}
