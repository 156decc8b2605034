import type { Zod } from '../../src/plugin/contract.js';

/** A folder of the archive. */
export function folder(z: Zod) {
  return z.string().regex(/^\/[^\p{Cc}]*[^/\p{Cc}]$/u, { error: 'must be an absolute path' });
}

/** How long a host may take that does not answer, and how ssh gets there. */
export function sshSettings(z: Zod) {
  return {
    connect_timeout: z.number().int().min(1).max(60).default(3).describe('for a host that does not answer, seconds'),
    ssh_options: z
      .array(z.string().regex(/^[^\p{Cc}]+$/u))
      .default([])
      .describe('more arguments for ssh, such as -i and a key'),
  };
}

/** How long a script may take, what is told of that. */
export function timeout(z: Zod, words: string) {
  return z.number().int().min(1).max(3600).default(300).describe(words);
}

/** What the scripts are made from. */
export function templateSettings(z: Zod) {
  return {
    archive_template: z.string().default('archive.sh').describe('what archive.sh is made from'),
    restore_template: z.string().default('restore.sh').describe('what restore.sh is made from'),
  };
}
