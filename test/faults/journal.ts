import { readFileSync } from 'node:fs';
import type { Host } from '../hosts/host.js';

/** Where the management host keeps HandyRep's state. */
export const STATE = '/var/lib/handyrep/servers.save';

/** Whether an operation is on record that has begun a step of this kind. */
export function hasBegun(manager: Host, kind: string): boolean {
  const text = readFileSync(manager.path(STATE), 'utf8');
  const { operation } = JSON.parse(text) as {
    operation: { steps: { step: { kind: string }; state: string }[] } | null;
  };
  return operation?.steps.some(({ step, state }) => step.kind === kind && state !== 'pending') ?? false;
}
