import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers are heavy: more at once than there are processors would test the machine's patience instead.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    // What a test says to a user's terminal must not depend on who runs it.
    env: { NO_COLOR: '1', LC_ALL: 'C' },
    sequence: { shuffle: false, concurrent: false },
    retry: 0,
  },
});
