import type { PortLook } from '../core/observation.js';
import { classifyReach } from '../core/reach.js';
import { startDeadline } from './deadline.js';
import { dial, PhaseError } from './dial.js';
import { askForTls } from './tls.js';

/** What an active look at a PostgreSQL port found, and how that is known. */
export interface PortProbe {
  readonly look: PortLook;
  readonly detail: string;
}

/**
 * Looks from this host at a PostgreSQL port without logging in: asks for TLS and waits for the one byte of answer. A
 * frozen postmaster still accepts TCP connections, so only the answer counts. The server logs nothing of it.
 */
export async function probePort(host: string, port: number, timeout_ms: number): Promise<PortProbe> {
  const deadline = startDeadline(timeout_ms, `no answer in ${String(timeout_ms)} ms`);
  try {
    const socket = await dial({ host, port }, deadline.signal);
    try {
      const answer = await askForTls(socket, deadline.signal).catch((error: unknown) => {
        throw new PhaseError('tls', error);
      });
      return { look: 'reaches', detail: `it answered a TLS request: ${answer}` };
    } finally {
      socket.destroy();
    }
  } catch (thrown) {
    return failedLook(thrown);
  } finally {
    deadline.cancel();
  }
}

function failedLook(thrown: unknown): PortProbe {
  const { phase, error } = thrown instanceof PhaseError ? thrown : new PhaseError('local', thrown);
  const { kind, detail } = classifyReach(error, phase);
  if (phase === 'resolve') return { look: 'unresolved', detail };
  if (kind === 'unresolved') return { look: 'cannot_look', detail };
  if (kind === 'timeout' && phase === 'tls') {
    return { look: 'cannot_reach', detail: `it accepts connections and does not answer: ${detail}` };
  }
  return { look: 'cannot_reach', detail };
}
