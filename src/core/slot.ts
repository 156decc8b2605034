/** The prefix of the slots that HandyRep owns; others are never touched. */
export const SLOT_PREFIX = 'handyrep_';

/** The physical replication slot of a replica: lower-case letters, digits and underscores only ("Replication Slots"). */
export function slotName(server: string): string {
  return `${SLOT_PREFIX}${server.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}
