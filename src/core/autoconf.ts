/**
 * `postgresql.auto.conf`, the file that ALTER SYSTEM writes ("Managing Configuration in the File"). HandyRep changes two
 * settings in it, of a server that does not run and so cannot be asked to do it.
 */

const LINE = /^\s*([A-Za-z_][\w.]*)\s*(?:=\s*|\s)\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))/;

/** The value that counts of a setting, the last one; null when it is not set. It may be a secret. */
export function getAutoConf(text: string, name: string): string | null {
  const found = text.split('\n').flatMap((line) => {
    const match = LINE.exec(line);
    return match?.[1]?.toLowerCase() === name ? [match] : [];
  });
  const last = found.at(-1);
  if (last === undefined) return null;
  return last[2] === undefined
    ? (last[3] ?? '')
    : last[2].replaceAll(/''|\\(.)/g, (pair, one?: string) => one ?? pair[0] ?? '');
}

/** The text with these settings set, and every earlier line of theirs taken out; all others stay as they are. */
export function setAutoConf(text: string, settings: Readonly<Record<string, string>>): string {
  const kept = text.split('\n').filter((line) => {
    const name = LINE.exec(line)?.[1]?.toLowerCase();
    return name === undefined || !Object.hasOwn(settings, name);
  });
  while (kept.at(-1) === '') kept.pop();
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll(/['\\]/g, '$&$&')}'`);
  return [...kept, ...lines, ''].join('\n');
}
