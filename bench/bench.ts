import type { Findings } from './figures.js';

/** One of the benches, as the runner knows it. */
export interface BenchSpec {
  readonly title: string;
  /** What is measured, and how. */
  readonly what: string;
  /** It is ended after so many minutes. */
  readonly minutes: number;
  load(): Promise<() => Promise<Findings>>;
}
