/** Tells what is wrong with a value of unknown origin, by the path to it; null when it is as expected. */
export type Check = (value: unknown, path: string) => string | null;

/** One check a field, so that a new field of the model does not compile until it has one. */
export type Fields<T> = Readonly<Record<keyof T, Check>>;

export const text: Check = (value, path) => (typeof value === 'string' ? null : `${path} is not text`);
export const flag: Check = (value, path) => (typeof value === 'boolean' ? null : `${path} is not true or false`);
export const number: Check = (value, path) => (Number.isFinite(value) ? null : `${path} is not a number`);
export const count: Check = (value, path) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? null : `${path} is not a whole number from 0`;
export const position: Check = (value, path) => (typeof value === 'bigint' ? null : `${path} is not a WAL position`);
export const moment: Check = (value, path) =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? null : `${path} is not a time`;

export function oneOf(...words: readonly (string | number)[]): Check {
  return (value, path) => (words.some((word) => word === value) ? null : `${path} is not one of ${words.join(', ')}`);
}

export function orNull(check: Check): Check {
  return (value, path) => (value === null ? null : check(value, path));
}

/** A field that may be left out. */
export function ifThere(check: Check): Check {
  return (value, path) => (value === undefined ? null : check(value, path));
}

export function listOf(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    return firstWrong(value.map((inner: unknown, index) => check(inner, `${path}[${index.toString()}]`)));
  };
}

export function recordOf(check: Check): Check {
  return (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    return firstWrong(Object.entries(value).map(([key, inner]) => check(inner, `${path}.${key}`)));
  };
}

/** An object with at least these fields; more are let be, as a later HandyRep of the same format may have written them. */
export function objectOf(fields: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    return firstWrong(
      Object.entries(fields).map(([key, check]) => check(value[key], path === '' ? key : `${path}.${key}`)),
    );
  };
}

/** One of several shapes, told apart by `kind`. */
export function byKind(kinds: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    const kind = isObject(value) ? value['kind'] : undefined;
    const check = typeof kind === 'string' && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    return check === undefined ? `${path}.kind is not one of ${Object.keys(kinds).join(', ')}` : check(value, path);
  };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstWrong(results: readonly (string | null)[]): string | null {
  return results.find((result) => result !== null) ?? null;
}
