import { defineConfig } from 'vitest/config';

/** The table tests of the core alone: the space and the simulation would take seconds for each of thousands of mutants. */
export default defineConfig({
  test: {
    include: ['test/core/**/*.test.ts'],
    exclude: ['test/core/space.test.ts'],
    pool: 'threads',
    testTimeout: 60_000,
  },
});
