import type { ErrorCode } from '../core/codes.js';
import type { Failure } from '../core/outcome.js';

export type ConfigProblemCode = Extract<
  ErrorCode,
  'config_invalid' | 'config_not_found' | 'config_unsafe' | 'secret_unreadable'
>;

/** One thing that is wrong with a configuration, and where. Never holds a secret. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** The file as it was named to HandyRep. */
  readonly file: string;
  /** Both count from 1; null where the trouble is with the file as a whole. */
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted key, as `failover.poll_interval`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

/** A problem whose position is still to be looked up by its path. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  /** Whether to point at the key or at its value. */
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly hint?: string | null;
  readonly code?: ConfigProblemCode;
}

/** A problem with the file as a whole. */
export function fileProblem(
  code: ConfigProblemCode,
  file: string,
  message: string,
  hint: string | null = null,
): ConfigProblem {
  return { code, file, line: null, column: null, path: '', message, hint };
}

/** One line, in the form that editors and terminals turn into a link. */
export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  const subject = problem.path === '' ? '' : `${problem.path} `;
  return `${place}: ${subject}${problem.message}${problem.hint === null ? '' : ` (${problem.hint})`}`;
}

/** All problems as the one failure that a command ends with. */
export function configFailure(problems: readonly ConfigProblem[]): Failure {
  const [first] = problems;
  if (first === undefined) return { code: 'config_invalid', message: 'the configuration is not valid' };
  if (problems.length === 1) return { code: first.code, message: describeProblem(first) };
  const lines = problems.map((problem) => `  ${describeProblem(problem)}`);
  return { code: first.code, message: `the configuration has ${problems.length} problems:\n${lines.join('\n')}` };
}

/** In the order of the file; problems with the file as a whole first. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || compare(a.path, b.path),
  );
}

/** A value for a message: quoted, escaped and short. Not for secrets. */
export function quoted(value: unknown): string {
  const plain = typeof value === 'bigint' || typeof value === 'number' || value === undefined;
  const text = plain ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
