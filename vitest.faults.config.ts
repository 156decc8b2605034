import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** Every scenario of test/faults, which take too long for every run: npm run test:faults. */
export default defineConfig({ ...config, test: { ...config.test, include: ['test/faults/*.faults.ts'] } });
