import type { Zod } from '../../src/plugin/contract.js';

/** The settings that every way of copying a data directory has. */
export function copySettings(z: Zod) {
  return {
    checkpoint: z
      .enum(['fast', 'spread'])
      .default('fast')
      .describe('fast begins at once; spread spares the disks of the source and may take minutes to begin'),
    waldir: z
      .string()
      .startsWith('/')
      .nullable()
      .default(null)
      .describe(
        'separate directory for WAL; absent: where pg_wal of the replaced directory was a link to, else inside',
      ),
    tablespace_mapping: z
      .record(z.string().startsWith('/'), z.string().startsWith('/'))
      .default({})
      .describe('where tablespaces go, by where they lie on the source; one that is not named goes to the same path'),
    timeout: z.number().positive().default(86_400).describe('the most that a copy may take, seconds'),
  };
}
