import { describe, expect, test } from 'vitest';
import { classifyReach, OWN_CODE } from '../../src/core/reach.js';
import { startDeadline } from '../../src/io/deadline.js';
import { dial, PhaseError, type Endpoint } from '../../src/io/dial.js';
import { startFake } from '../hosts/tcp.js';

async function failureOf(endpoint: Endpoint, signal: AbortSignal): Promise<PhaseError> {
  const thrown: unknown = await dial(endpoint, signal).catch((error: unknown) => error);
  if (thrown instanceof PhaseError) return thrown;
  throw new Error('it is no PhaseError');
}

describe('a deadline', () => {
  test('that passes while the name is looked up is no evidence against the server', async () => {
    const deadline = startDeadline(0, 'no answer in 0 ms');
    const { phase, error } = await failureOf({ host: 'slow-name.invalid', port: 1 }, deadline.signal);
    expect(phase).toBe('resolve');
    expect(classifyReach(error, phase).kind).toBe('unresolved');
  });

  test('that passed before says why', async () => {
    const outer = startDeadline(0, 'the outer one');
    await new Promise((resolve) => {
      outer.signal.addEventListener('abort', resolve);
    });
    const inner = startDeadline(10_000, 'the inner one', outer.signal);
    const { error } = await failureOf({ host: '127.0.0.1', port: 1 }, inner.signal);
    expect(error).toMatchObject({ code: OWN_CODE.deadline, message: 'the outer one' });
    inner.cancel();
  });
});

test('a name with several addresses reaches the one that listens', async () => {
  const fake = await startFake(() => undefined);
  const deadline = startDeadline(3000, 'late');
  const socket = await dial({ host: 'localhost', port: fake.port }, deadline.signal);
  expect(socket.remotePort).toBe(fake.port);
  socket.destroy();
  deadline.cancel();
  await fake.stop();
});
