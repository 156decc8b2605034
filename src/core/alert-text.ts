import type { Alert } from './alert.js';

/** One line for a subject or a chat: the cluster first, since people watch several. */
export function alertTitle(cluster: string, { recovery, kind, message }: Alert, longest = 150): string {
  const mark = recovery
    ? 'OK'
    : kind === 'notice' || kind === 'test'
      ? 'NOTICE'
      : kind === 'repeat'
        ? 'STILL'
        : 'ALERT';
  const line = message.replaceAll(/\s+/g, ' ').trim();
  const [first = ''] = line.split(/(?<=[^:]): /, 1);
  const short = first.length > longest ? `${first.slice(0, longest - 1)}…` : first;
  return `[${cluster}] ${mark} ${short}`;
}

/** Everything there is to say, for a mail. */
export function alertBody(cluster: string, alert: Alert): string {
  const { at, since, category, server, status, run } = alert;
  const facts = [
    ['cluster', cluster],
    ['server', server],
    ['status', status],
    ['since', since],
    ['at', at],
    ['category', category],
    ['run', run],
  ] as const;
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(9)}${value}`]));
  return `${alert.message}\n\n${lines.join('\n')}\n\nMore: handyrep status; handyrep log-tail; handyrep explain\n`;
}

/** What a program is told of an alert: the names are those of the JSON form, in capitals. A null is empty. */
export function alertEnvironment(cluster: string, alert: Alert): Readonly<Record<string, string>> {
  const values: Readonly<Record<string, string | number | boolean | null>> = { cluster, ...alert };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `HANDYREP_${name.toUpperCase()}`,
      String(value ?? '').replaceAll('\0', ''),
    ]),
  );
}
