import type { Add } from '../spec.js';
import { registerActing } from './acting.js';
import { registerChecks } from './checks.js';
import { registerLooking } from './looking.js';
import { registerManaging } from './managing.js';

/** Every command, in the order of help. */
export const GROUPS: readonly ((add: Add) => void)[] = [
  registerChecks,
  registerLooking,
  registerActing,
  registerManaging,
];
