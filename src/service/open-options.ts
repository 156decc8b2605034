export interface OpenOptions {
  /** Where settings and secrets of the form `{ env: NAME }` come from; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds to wait for another run to end; default 0: a busy lock is an answer (exit code 3). */
  readonly lock_wait?: number;
  /** Ends what is under way: before its next effect, never in the middle of one. */
  readonly signal?: AbortSignal;
  /** Warnings that belong on stderr; default: dropped. */
  readonly warn?: (message: string) => void;
}
