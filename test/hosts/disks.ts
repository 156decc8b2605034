import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { becomeLine } from '../../src/core/sudoers.js';
import type { KeyPair } from './keys.js';
import type { DiskFile } from './host.js';
import { sshdSettings } from './sshd.js';

/** What is on the disks of the hosts: users, ssh, sudo and HandyRep's configuration, as the README has it. */

/** Where HandyRep runs, and where its user's home is. */
export const MANAGER = 'manager';
const HOME = '/home/handyrep';
const OWN = { uid: 2001, gid: 2001 };

export interface Address {
  readonly name: string;
  readonly address: string;
}

/** What every host has: who is who, and the user handyrep. */
export function commonFiles(hosts: readonly Address[]): DiskFile[] {
  const names = hosts.map(({ name, address }) => `${address} ${name}\n`).join('');
  const line = (file: string, more: string): DiskFile => ({ path: file, text: withLine(file, more) });
  return [
    { path: '/etc/hosts', text: `127.0.0.1 localhost\n${names}` },
    { path: '/etc/resolv.conf', text: '' },
    { path: '/etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' },
    line('/etc/passwd', `handyrep:x:${OWN.uid}:${OWN.gid}::${HOME}:/bin/bash`),
    line('/etc/group', `handyrep:x:${OWN.gid}:`),
    // A locked password, as `adduser --disabled-password` leaves it.
    { ...line('/etc/shadow', 'handyrep:*:19000:0:99999:7:::'), mode: 0o600 },
    { path: `${HOME}/.profile`, text: '', owner: OWN },
  ];
}

/** What a database host has beside its data. */
export function databaseHostFiles(hostKey: KeyPair, user: KeyPair, passfile: DiskFile): DiskFile[] {
  return [
    { path: '/etc/ssh/ssh_host_ed25519_key', text: hostKey.secret, mode: 0o600 },
    {
      path: '/etc/ssh/sshd_config',
      text: ['Port 22', 'HostKey /etc/ssh/ssh_host_ed25519_key', ...sshdSettings(), ''].join('\n'),
    },
    { path: `${HOME}/.ssh/authorized_keys`, text: `${user.open}\n`, mode: 0o600, owner: OWN },
    { path: '/etc/sudoers.d/handyrep', text: SUDOERS, mode: 0o440 },
    passfile,
  ];
}

/** What `doctor --sudoers` prints for such a host, and no more. */
export const SUDOERS = `${becomeLine('handyrep', 'postgres')}\n`;
export const KNOWN_HOSTS = `${HOME}/.ssh/known_hosts`;
export const CONFIG = '/etc/handyrep/handyrep.conf.yaml';

/** What the management host has. */
export function managerFiles(known: string, user: KeyPair, passwords: string, config: unknown): DiskFile[] {
  const program = `#!/bin/sh\nexec ${process.execPath} /opt/handyrep/bin/handyrep.js "$@"\n`;
  return [
    { path: `${HOME}/.ssh/id_ed25519`, text: user.secret, mode: 0o600, owner: OWN },
    { path: KNOWN_HOSTS, text: known, owner: OWN },
    { path: `${HOME}/.pgpass`, text: passwords, mode: 0o600, owner: OWN },
    { path: CONFIG, text: stringify(config), mode: 0o600, owner: OWN },
    { path: '/var/lib/handyrep/.keep', text: '', owner: OWN },
    { path: '/var/log/handyrep/.keep', text: '', owner: OWN },
    { path: '/usr/local/bin/handyrep', text: program, mode: 0o755 },
  ];
}

/** A file of this machine with a line more; one that it has already is not given twice. */
function withLine(file: string, more: string): string {
  const name = `${more.split(':')[0] ?? ''}:`;
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(name));
  return [...lines, more, ''].join('\n');
}
