import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { exec } from './exec.js';
import { localEnv } from './host-settings.js';
import { within } from './deadline.js';

/**
 * The addresses of a host, by the rules of this machine (nsswitch.conf). Node's own way waits inside of libc, on one of the four
 * threads that also write our files, and nothing can end that: with a name server that says nothing each run would last for as
 * long as libc is patient, whatever its deadlines are. So `getent` waits, which can be killed; where there is none, Node.
 * Rejects when there are no addresses, and when the signal is aborted first.
 */
export async function resolveHost(host: string, signal: AbortSignal): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const known = found.get(host);
  if (known !== undefined && performance.now() < known.until) return known.addresses;
  return within(asking(host, signal), signal);
}

/** One process asks several times a second in a failover, and a name does not move as fast, milliseconds. */
const REMEMBERED_MS = 2000;
/** For a question whose askers are all gone; `within` is what bounds them. */
const LONGEST_MS = 60_000;

const found = new Map<string, { readonly addresses: readonly string[]; readonly until: number }>();

interface Question {
  readonly answer: Promise<readonly string[]>;
  readonly over: AbortController;
  askers: number;
}

const open = new Map<string, Question>();

/** Who asks for a name that is being asked for waits for the same answer; when nobody waits any more it is ended. */
function asking(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const question = open.get(host) ?? ask(host);
  question.askers += 1;
  const leave = (): void => {
    question.askers -= 1;
    if (question.askers > 0) return;
    if (open.get(host) === question) open.delete(host);
    question.over.abort();
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return question.answer.finally(() => signal.removeEventListener('abort', leave));
}

function ask(host: string): Question {
  const over = new AbortController();
  const answer = addressesOf(host, over.signal).then((addresses) => {
    found.set(host, { addresses, until: performance.now() + REMEMBERED_MS });
    return addresses;
  });
  const question: Question = { answer, over, askers: 0 };
  open.set(host, question);
  const done = (): void => {
    if (open.get(host) === question) open.delete(host);
  };
  answer.then(done, done);
  return question;
}

async function addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const asked = await exec(['getent', 'ahosts', '--', host], {
    timeout: LONGEST_MS,
    env: localEnv(process.env),
    signal,
  });
  if (asked.kind === 'missing') return (await lookup(host, { all: true })).map(({ address }) => address);
  if (asked.kind === 'exited' && asked.exit_code === 0) {
    const addresses = asked.stdout.split('\n').flatMap((line) => line.split(/\s+/)[0] ?? []);
    return [...new Set(addresses.filter((one) => isIP(one) !== 0))];
  }
  throw Object.assign(new Error(`getent finds no address for ${host}`), { code: 'ENOTFOUND' });
}
