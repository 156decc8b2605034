import { describe, expect, test } from 'vitest';
import { takePorts } from '../../src/demo/ports.js';
import { probePort } from '../../src/io/port.js';
import { startFake } from '../hosts/tcp.js';

describe('a look at a port', () => {
  test.each(['N', 'S', 'E'])('an answer (%s) reaches, and only the request for TLS was sent', async (answer) => {
    const fake = await startFake((socket) => socket.once('data', () => socket.write(answer)));
    expect((await probePort('127.0.0.1', fake.port, 1000)).look).toBe('reaches');
    expect([...fake.received()]).toEqual([0, 0, 0, 8, 4, 210, 22, 47]);
    await fake.stop();
  });

  test('one that takes connections and says nothing cannot be reached, in time', async () => {
    const fake = await startFake(() => undefined);
    const began = performance.now();
    const { look, detail } = await probePort('127.0.0.1', fake.port, 200);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(look).toBe('cannot_reach');
    expect(detail).toContain('does not answer');
    await fake.stop();
  });

  test('one that closes at once cannot be reached', async () => {
    const fake = await startFake((socket) => socket.destroy());
    expect((await probePort('127.0.0.1', fake.port, 1000)).look).toBe('cannot_reach');
    await fake.stop();
  });

  test('a closed port, a missing socket, and a name that does not exist', async () => {
    const [port = 1] = await takePorts(1);
    expect((await probePort('127.0.0.1', port, 1000)).look).toBe('cannot_reach');
    expect((await probePort('localhost', port, 1000)).look).toBe('cannot_reach');
    expect((await probePort('/nonexistent', port, 1000)).look).toBe('cannot_reach');
    expect((await probePort('no-such-host.invalid', port, 5000)).look).toBe('unresolved');
  });
});
