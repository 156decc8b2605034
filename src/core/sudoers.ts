import type { ServerDef } from './model.js';

/** A file below /etc/sudoers.d, and its lines. */
export const SUDOERS_FILE = '/etc/sudoers.d/handyrep';

/** What of a server and of its `restart_service` decides the lines; null: another restart_method. */
export interface SudoersInput {
  readonly server: Pick<ServerDef, 'ssh_user' | 'become' | 'connection'>;
  readonly postgres_os_user: string;
  readonly service: { readonly service: string; readonly command: 'systemctl' | 'service' } | null;
  /** Who logs in where ssh_user is null, or who runs HandyRep where the server is local. */
  readonly otherwise: string;
}

/**
 * The exact lines that are enough on a server's host: everything as the postgres OS user, and as root nothing but its service.
 * HandyRep runs `sudo -n -u postgres -- sh -c …` and nothing else as that user. A line that names `sh` instead of ALL would
 * look like less and give the same, since a shell runs anything.
 */
export function sudoersLines(input: SudoersInput): readonly string[] {
  const { server, postgres_os_user, service } = input;
  const who = sudoer(input);
  return [
    ...(server.become === 'sudo' ? [becomeLine(who, postgres_os_user)] : []),
    ...(service === null ? [] : [serviceLine(who, service.service, service.command)]),
  ];
}

/** Who needs the lines. */
function sudoer({ server, otherwise }: SudoersInput): string {
  return server.connection === 'local' ? otherwise : (server.ssh_user ?? otherwise);
}

/** Lets `who` run anything as the postgres OS user. */
export function becomeLine(who: string, postgres_os_user: string): string {
  return `${escape(who)} ALL=(${escape(postgres_os_user)}) NOPASSWD: ALL`;
}

/** Lets `who` start, stop and restart one service as root, and nothing else. */
export function serviceLine(who: string, service: string, command: 'systemctl' | 'service'): string {
  const commands = (['start', 'stop', 'restart'] as const).map((action) =>
    command === 'systemctl'
      ? `/usr/bin/systemctl ${action} ${escape(service)}`
      : `/usr/sbin/service ${escape(service)} ${action}`,
  );
  return `${escape(who)} ALL=(root) NOPASSWD: ${commands.join(', ')}`;
}

/** What has a meaning in a sudoers file ("Other special characters and reserved words", sudoers(5)). */
function escape(text: string): string {
  return text.replaceAll(/[\\,:=!()*?[\]\s#]/g, (one) => `\\${one}`);
}
