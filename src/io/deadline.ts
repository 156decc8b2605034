import { OWN_CODE } from '../core/reach.js';

/** A deadline that passed, or a connection that ended: told apart by `code`, as errno does. */
export class CodedError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'CodedError';
    this.code = code;
  }
}

export interface Deadline {
  /** Aborted with a {@link CodedError} as its reason. */
  readonly signal: AbortSignal;
  /** Ends the timer and lets go of the outer signal. */
  cancel(): void;
}

/** A signal that is aborted after `ms`, or with the outer one; whichever comes first names the reason. */
export function startDeadline(ms: number, message: string, outer?: AbortSignal): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new CodedError(OWN_CODE.deadline, message));
  }, ms);
  const follow = (): void => {
    const reason: unknown = outer?.reason;
    controller.abort(reason instanceof CodedError ? reason : new CodedError(OWN_CODE.aborted, 'it was aborted'));
  };
  if (outer?.aborted === true) follow();
  else outer?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    cancel: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', follow);
    },
  };
}

/** Waits for a promise no longer than the signal allows; what it gives later is dropped. */
export function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}
