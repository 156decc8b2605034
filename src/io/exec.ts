import { DRAIN_MS, KILL_GRACE_MS } from '../core/limits.js';
import type { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { execa as Execa } from 'execa';
import { fail, ok, type Failure, type Outcome } from '../core/outcome.js';
import type { CommandResult } from '../plugin/contract.js';
import { Capture } from './capture.js';

/** How a command on this host is run. Times in milliseconds. */
export interface ExecOptions {
  /** For the whole call: then the command and all that it started in its process group are killed. */
  readonly timeout: number;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Text for standard input; absent: /dev/null. */
  readonly input?: string | undefined;
  readonly cwd?: string;
  /** For a far shell that says when it begins and ends; see {@link Handshake}. */
  readonly handshake?: Handshake;
  /** Gets standard error as it comes. */
  readonly onOutput?: ((text: string) => void) | undefined;
  /**
   * Standard input stays open until the command has ended, and is what ends it: closed on abort and at the deadline, and by
   * the kernel when this process is killed. Only a command that outlives that by so many milliseconds is killed.
   */
  readonly lifeline?: number | undefined;
}

/**
 * What a far shell and we tell each other. Input is sent only after `begun` was seen on standard error, so a command
 * whose `begun` never came has certainly not run. `ended`, seen on both outputs, ends the call without waiting for
 * those who still hold them open.
 */
export interface Handshake {
  readonly begun: string;
  readonly ended: string;
  /** How long to wait for `begun`. */
  readonly timeout: number;
  /** Asked when `begun` is seen, before anything is sent: false ends it, and it has certainly not run. */
  readonly enter?: () => boolean;
}

/** How a command ended, with what it had written. */
export interface Ending {
  readonly kind: 'exited' | 'timeout' | 'not_begun' | 'aborted' | 'missing' | 'too_much' | 'not_run';
  /** As a shell counts: 128 and the signal for one that was killed. -1 where it did not exit by itself. */
  readonly exit_code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether `begun` was seen; true where there is no handshake. */
  readonly begun: boolean;
  /** The operating system's words, where it could not be run. */
  readonly detail: string;
}

/** What a command may write to each of its outputs. */
const MOST_OUTPUT = 8 * 1024 * 1024;

const living = new Set<number>();
process.once('exit', () => {
  for (const pid of living) signalGroup(pid, 'SIGKILL');
});

/** Runs a command on this host to its end or to the deadline, whatever it leaves running. Never throws. */
export async function exec(argv: readonly [string, ...string[]], options: ExecOptions): Promise<Ending> {
  // Loaded here: a check that finds everything well by SQL runs no command.
  const { execa } = await import('execa');
  return new Promise((resolve) => {
    try {
      new Run(execa, argv, options, resolve);
    } catch (error) {
      // An argument that no process can be given (a NUL).
      const detail = error instanceof Error ? error.message : String(error);
      resolve({ kind: 'not_run', exit_code: -1, stdout: '', stderr: '', begun: false, detail });
    }
  });
}

/** {@link exec} for a command that needs no more than a result; `label` names it in messages. */
export async function execCommand(
  argv: readonly [string, ...string[]],
  options: ExecOptions & { readonly label?: string },
): Promise<Outcome<CommandResult>> {
  const ending = await exec(argv, options);
  const label = options.label ?? argv[0];
  if (ending.kind === 'exited') {
    const { exit_code, stdout, stderr } = ending;
    return ok({ exit_code, stdout, stderr });
  }
  return { ok: false, error: endingFailure(ending, label, argv[0], options.timeout) };
}

/** Why a command gave no result, in words. */
export function endingFailure(ending: Ending, label: string, program: string, timeout: number): Failure {
  switch (ending.kind) {
    case 'timeout':
    case 'not_begun':
      return fail('command_timeout', `${label} did not end within ${String(timeout)} ms and was killed`).error;
    case 'aborted':
      return fail('aborted', `${label} was aborted`).error;
    case 'too_much':
      return fail('command_failed', `${label} wrote more than ${String(MOST_OUTPUT)} bytes and was killed`).error;
    case 'missing':
      return fail('command_missing', `${label} cannot be run: ${program} is not installed on this host`, {
        cause: 'ENOENT',
        hint: `install ${program}, or correct PATH`,
      }).error;
    case 'exited':
    case 'not_run':
      return fail('command_failed', `${label} cannot be run: ${ending.detail}`).error;
  }
}

class Run {
  readonly #options: ExecOptions;
  readonly #child;
  readonly #out: Capture;
  readonly #err: Capture;
  readonly #resolve: (ending: Ending) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #begun: boolean;
  /** Why it is being killed; null while it is left to run. */
  #doomed: Ending['kind'] | null = null;
  #settled = false;

  constructor(
    execa: typeof Execa,
    argv: readonly [string, ...string[]],
    options: ExecOptions,
    resolve: (ending: Ending) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#begun = options.handshake === undefined;
    const { handshake } = options;
    this.#out = new Capture(MOST_OUTPUT, handshake === undefined ? [] : [handshake.ended]);
    this.#err = new Capture(MOST_OUTPUT, handshake === undefined ? [] : [handshake.begun, handshake.ended]);
    const [program, ...args] = argv;
    this.#child = execa(program, args, {
      // A process group of its own, so that its children can be killed with it.
      detached: true,
      cleanup: false,
      buffer: false,
      reject: false,
      encoding: 'buffer',
      stdin: options.input === undefined && options.handshake === undefined ? 'ignore' : 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      extendEnv: false,
      env: options.env,
      cwd: options.cwd ?? '/',
    });
    // What has a lifeline ends by itself when this process does, and cleans up.
    if (this.#child.pid !== undefined && options.lifeline === undefined) living.add(this.#child.pid);
    this.#listen();
  }

  #listen(): void {
    const { handshake, timeout, signal } = this.#options;
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#read(this.#out, chunk);
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#read(this.#err, chunk);
      this.#options.onOutput?.(chunk.toString('utf8'));
    });
    // A command may end without reading its input, and a killed one may take its pipes with it.
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      stream?.on('error', () => undefined);
    }
    this.#child.once('exit', (code, killer) => {
      this.#drain(code ?? 128 + signalNumber(killer));
    });
    // Only for what was never started: a started one is awaited by its exit, not by the end of its outputs.
    void this.#child.then((result) => {
      if (result.exitCode !== undefined || result.signal !== undefined || !result.failed) return;
      const missing = result.code === 'ENOENT';
      this.#settle(missing ? 'missing' : 'not_run', -1, result.originalMessage ?? '');
    });
    this.#after(timeout, 'timeout');
    if (handshake !== undefined) this.#after(handshake.timeout, 'not_begun');
    else if (this.#options.input !== undefined) this.#feed(this.#options.input);
    if (signal?.aborted === true) this.#kill('aborted');
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  #feed(text: string): void {
    if (this.#options.lifeline === undefined) this.#child.stdin?.end(text);
    else this.#child.stdin?.write(text);
  }

  readonly #onAbort = (): void => {
    this.#kill('aborted');
  };

  #after(ms: number, kind: 'timeout' | 'not_begun'): void {
    const timer = setTimeout(() => {
      if (kind === 'timeout' || !this.#begun) this.#kill(kind);
    }, ms);
    this.#timers.push(timer);
  }

  #read(capture: Capture, chunk: Buffer): void {
    if (!capture.add(chunk)) {
      this.#kill('too_much');
      return;
    }
    const { handshake, input } = this.#options;
    if (handshake === undefined) return;
    if (!this.#begun && this.#doomed === null && this.#err.has(handshake.begun)) {
      if (handshake.enter?.() === false) {
        this.#kill('aborted');
        return;
      }
      this.#begun = true;
      this.#feed(input ?? '');
    }
    if (this.#out.has(handshake.ended) && this.#err.has(handshake.ended)) this.#drain(-1);
  }

  /** Reads what is still under way, and no longer than a moment. */
  #drain(exit_code: number): void {
    if (this.#doomed !== null) {
      this.#settle(this.#doomed, exit_code, '');
      return;
    }
    const finish = (): void => {
      this.#settle(this.#doomed ?? 'exited', exit_code, '');
    };
    void Promise.all([closed(this.#child.stdout), closed(this.#child.stderr)]).then(finish);
    // Twice round the event loop: what a busy process has not read yet is read before it is given up.
    this.#timers.push(setTimeout(() => setImmediate(() => setImmediate(finish)), DRAIN_MS));
  }

  #kill(kind: Ending['kind']): void {
    if (this.#doomed !== null || this.#settled) return;
    this.#doomed = kind;
    const { pid } = this.#child;
    if (pid === undefined) return;
    const { lifeline } = this.#options;
    if (lifeline === undefined) {
      this.#end(pid, kind);
      return;
    }
    this.#child.stdin?.end();
    this.#timers.push(
      setTimeout(() => {
        this.#end(pid, kind);
      }, lifeline),
    );
  }

  #end(pid: number, kind: Ending['kind']): void {
    signalGroup(pid, 'SIGTERM');
    const hard = setTimeout(() => {
      signalGroup(pid, 'SIGKILL');
      // One that hangs in the kernel outlives even that; it is not waited for.
      this.#timers.push(
        setTimeout(() => {
          this.#settle(kind, -1, '');
        }, KILL_GRACE_MS),
      );
    }, KILL_GRACE_MS);
    this.#timers.push(hard);
  }

  #settle(kind: Ending['kind'], exit_code: number, detail: string): void {
    if (this.#settled) return;
    this.#settled = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const { pid } = this.#child;
    if (pid !== undefined) {
      living.delete(pid);
      const runs = this.#child.exitCode === null && this.#child.signalCode === null;
      if (this.#doomed !== null || runs) signalGroup(pid, 'SIGKILL');
    }
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream?.destroy();
    this.#child.unref();
    this.#resolve({ kind, exit_code, stdout: this.#out.text(), stderr: this.#err.text(), begun: this.#begun, detail });
  }
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

function signalNumber(name: NodeJS.Signals | null): number {
  return name === null ? 0 : constants.signals[name];
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It is gone, or belongs to somebody that we may not signal (sudo).
  }
}
