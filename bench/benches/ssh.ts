import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestSshd, startSshd } from '../../test/hosts/sshd.js';
import { type Written, changedConfig, withCluster } from '../clusters.js';
import { RUNS } from '../counts.js';
import type { Findings } from '../figures.js';
import { BIN, run, timed } from '../measure.js';

const ALONE = 'ssh HOST true, a connection of its own';
const SHARED = 'ssh HOST true, over a shared connection';
const LOCAL = 'verify of three servers without ssh';

/** Three servers, each behind an sshd of its own: with connections that are there from the run before, and without. */
export async function ssh(): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'handyrep-bench-'));
  const sshds: TestSshd[] = [];
  try {
    for (let n = 0; n < 3; n++) sshds.push(await startSshd());
    return await withCluster({}, (_cluster, config) => measure(config, sshds, folder));
  } finally {
    await Promise.all(sshds.map((one) => one.stop()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(local: string, sshds: readonly TestSshd[], folder: string): Promise<Findings> {
  const settings = join(folder, 'ssh_config');
  const known = sshds.map(({ knownHosts }) => knownHosts).join(' ');
  await writeFile(settings, `UserKnownHostsFile ${known}\nGlobalKnownHostsFile /dev/null\nUpdateHostKeys no\n`);
  const config = await changedConfig(local, 'ssh', (written) => throughSsh(written, sshds));
  const times = new Map<string, number[]>();
  const note = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    times.set(name, [...(times.get(name) ?? []), await timed(work)]);
  };
  // Each folder of sockets is used for one pair of runs: whoever finds it empty connects.
  const verify = (file: string, sockets: string): Promise<string> => {
    const env = { ...process.env, HANDYREP_SSH_CONFIG: settings, XDG_RUNTIME_DIR: sockets };
    return run(process.execPath, [BIN, '-c', file, 'verify'], { env });
  };
  await verify(local, folder);
  for (let n = 0; n < RUNS; n++) {
    const sockets = await mkdtemp(join(folder, 's'));
    const plain = (how: readonly string[]): Promise<string> => connect(sshds[0], settings, how);
    const path = join(sockets, 'plain');
    await note(ALONE, () => plain(['-o', 'ControlPath=none']));
    await plain(['-o', 'ControlMaster=auto', '-o', `ControlPath=${path}`, '-o', 'ControlPersist=30']);
    await note(SHARED, () => plain(['-o', `ControlPath=${path}`]));
    await note(LOCAL, () => verify(local, sockets));
    await note('verify of three servers, which connects', () => verify(config, sockets));
    await note('verify of three servers over shared connections', () => verify(config, sockets));
  }
  const figures = [...times].map(([name, values]) => {
    const against = name === SHARED ? ALONE : name.startsWith('verify') && name !== LOCAL ? LOCAL : null;
    return { name, unit: 'ms', values, ...(against === null ? {} : { against }) };
  });
  return { figures };
}

function throughSsh(written: Written, sshds: readonly TestSshd[]): Written {
  const servers = Object.entries(written['servers'] ?? {}).map(([name, def], index) => {
    const { port: ssh_port, user: ssh_user, keyFile: ssh_key } = sshds[index] ?? {};
    return [name, { ...(def as object), ssh_port, ssh_user, ssh_key }];
  });
  return {
    ...written,
    handyrep: { ...written['handyrep'], server_file: 'ssh.save', log_file: 'ssh.log' },
    server_defaults: {
      ...written['server_defaults'],
      connection: 'ssh',
      become: process.getuid?.() === 0 ? 'sudo' : 'none',
    },
    servers: Object.fromEntries(servers) as Record<string, unknown>,
  };
}

function connect(sshd: TestSshd | undefined, settings: string, how: readonly string[]): Promise<string> {
  if (sshd === undefined) throw new Error('there is no sshd');
  const { port, user, keyFile } = sshd;
  const argv = ['-F', settings, '-o', 'BatchMode=yes', '-i', keyFile, '-p', port.toString(), ...how];
  return run('ssh', [...argv, `${user}@127.0.0.1`, 'true']);
}
