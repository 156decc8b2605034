import type { ErrorCode } from './codes.js';

/** A failure that was to be expected: what was tried, what happened, what to do. Never holds a secret. */
export interface Failure {
  readonly code: ErrorCode;
  /** Lower case, names the server or file it is about. */
  readonly message: string;
  /** What the operator can do next. */
  readonly hint?: string | undefined;
  readonly server?: string | undefined;
  /** SQLSTATE, errno or exit status, where there is one. */
  readonly cause?: string | undefined;
}

/** The result of anything that can fail in an expected way; bugs are exceptions instead. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Failure };

export function ok<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function fail(
  code: ErrorCode,
  message: string,
  more: Omit<Failure, 'code' | 'message'> = {},
): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: { code, message, ...more } };
}

/** A failure as one line for a terminal or a log. */
export function describeFailure(failure: Failure): string {
  return failure.hint === undefined ? failure.message : `${failure.message} (${failure.hint})`;
}

/** Carries a {@link Failure} where only an exception can: out of callbacks and the library's methods. */
export class HandyRepError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(describeFailure(failure));
    this.name = 'HandyRepError';
    this.failure = failure;
  }
}
