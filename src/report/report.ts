import { ERROR_EXIT, EXIT, type ExitCode } from '../core/codes.js';
import type { Failure } from '../core/outcome.js';

/** What every command and every library method answers: the very object that `--json` prints. */
export interface Report {
  readonly result: 'SUCCESS' | 'FAIL';
  /** One human sentence. */
  readonly details: string;
  readonly exit_code: ExitCode;
  /** What the operator can do next. */
  readonly hint?: string | undefined;
}

export function success<T extends object>(details: string, fields: T): Report & T {
  return { result: 'SUCCESS', details, exit_code: EXIT.success, ...fields };
}

/** The answer of a check: 0 when the master is up or has just been failed over, 1 otherwise. */
export function checked<T extends object>(good: boolean, details: string, hint: string | null, fields: T): Report & T {
  return {
    result: good ? 'SUCCESS' : 'FAIL',
    details,
    exit_code: good ? EXIT.success : EXIT.fail,
    ...(hint === null || hint === '' ? {} : { hint }),
    ...fields,
  };
}

/** An expected failure as an answer, with the exit code that its kind has. */
export function failed(
  failure: Failure,
): Report & { readonly error: { readonly code: string; readonly server: string | null } } {
  return {
    result: 'FAIL',
    details: failure.message,
    exit_code: ERROR_EXIT[failure.code],
    ...(failure.hint === undefined || failure.hint === '' ? {} : { hint: failure.hint }),
    error: { code: failure.code, server: failure.server ?? null },
  };
}
