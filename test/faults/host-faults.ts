import pg from 'pg';
import { signal } from '../../src/demo/processes.js';
import { KNOWN_HOSTS, SUDOERS } from '../hosts/disks.js';
import { PGDATA, removeFile } from '../hosts/host.js';
import { newKey } from '../hosts/keys.js';
import { waitFor } from '../pg/wait.js';
import type { Fault, Scene, Who } from './faults.js';

/** The ssh server of a host hangs: it takes connections and says nothing. */
export function sshdHung(who: Who): Fault {
  const all = (scene: Scene, name: NodeJS.Signals): void => {
    for (const pid of scene.host(who).pids('sshd')) signal(pid, name);
  };
  return {
    name: `sshd of ${who} hangs`,
    apply: async (scene) => all(scene, 'SIGSTOP'),
    undo: async (scene) => all(scene, 'SIGCONT'),
  };
}

/** Somebody makes a mistake in /etc/sudoers.d. */
export function sudoersBroken(who: Who): Fault {
  return changedFile(
    `sudo of ${who} refuses`,
    who,
    '/etc/sudoers.d/handyrep',
    'handyrep ALL=(postgres) NOPASSWD ALL\n',
    {
      text: SUDOERS,
      mode: 0o440,
    },
  );
}

/** The host was installed anew, or somebody is in between. */
export function hostKeyChanged(who: Who): Fault {
  return {
    name: `the host key of ${who} changes`,
    apply: async (scene) => {
      const host = scene.host(who);
      host.write({ path: '/etc/ssh/ssh_host_ed25519_key', text: newKey('another').secret, mode: 0o600 });
      // Those that serve a connection too: a connection that is open would not notice.
      for (const pid of host.pids('sshd')) signal(pid, 'SIGKILL');
      await host.must(['/usr/sbin/sshd', '-E', '/var/log/sshd.log']);
    },
    undo: async (scene) => {
      // As the operator who has looked does it.
      const { manager } = scene.cluster;
      const { name, address } = scene.host(who);
      const key = (await scene.host(who).must(['ssh-keygen', '-y', '-f', '/etc/ssh/ssh_host_ed25519_key'])).trim();
      const known = (await manager.must(['cat', KNOWN_HOSTS]))
        .split('\n')
        .filter((line) => !line.startsWith(`${name},`));
      manager.write({ path: KNOWN_HOSTS, text: [...known, `${name},${address} ${key}`, ''].join('\n') });
    },
  };
}

/** Names do not resolve; `slow`: the name server does not answer at all. */
export function unresolving(who: Who, how: 'fast' | 'slow'): Fault {
  const files = ['/etc/hosts', '/etc/resolv.conf'] as const;
  return {
    name: `names do not resolve on ${who} (${how})`,
    apply: async (scene) => {
      const host = scene.host(who);
      for (const file of files) host.write({ path: `${file}.before`, text: await host.must(['cat', file]) });
      host.write({ path: '/etc/hosts', text: '127.0.0.1 localhost\n' });
      // An address of this network that nobody has, or nobody's port.
      host.write({ path: '/etc/resolv.conf', text: `nameserver ${how === 'slow' ? '10.0.0.99' : '127.0.0.1'}\n` });
    },
    undo: async (scene) => {
      for (const file of files) await scene.host(who).must(['cp', `${file}.before`, file]);
    },
  };
}

/** The clock of the management host is wrong from now on, as after a jump; only the wall clock: nothing else jumps. */
export function clockJumped(by: string): Fault {
  return {
    name: `the clock of the management host jumps by ${by}`,
    apply: async (scene) => {
      // Inside of the program only, so that no other test sees it; its time since boot stays true.
      scene.prefix = ['env', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'faketime', '-f', by];
    },
    undo: async (scene) => {
      scene.prefix = [];
    },
  };
}

/** Every connection that a server has is taken, those kept for superusers too. */
export function exhausted(who: Who): Fault {
  const clients: pg.Client[] = [];
  return {
    name: `all connections of ${who} are in use`,
    apply: async (scene) => {
      scene.leave.push(() => closeAll(clients));
      const host = scene.host(who).path('/run/postgresql');
      for (;;) {
        const client = new pg.Client({ host, port: 5432, user: 'postgres', database: 'postgres' });
        client.on('error', () => undefined);
        const open = await client.connect().then(
          () => true,
          () => false,
        );
        if (!open) return;
        clients.push(client);
      }
    },
    undo: () => closeAll(clients),
  };
}

async function closeAll(clients: pg.Client[]): Promise<void> {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
}

/** No byte more fits on the volume of the data directory. */
export function diskFull(who: Who): Fault {
  const filler = `${PGDATA}/base/filler`;
  return {
    name: `the disk of ${who} is full`,
    apply: async (scene) => {
      const host = scene.host(who);
      await host.run(['sh', '-c', `dd if=/dev/zero of=${filler} bs=64k 2>/dev/null`]);
    },
    undo: async (scene) => {
      removeFile(scene.host(who), filler);
    },
  };
}

/** PostgreSQL is killed and started again at once, and its crash recovery takes until the fault is undone. */
export function recoveringSlowly(who: Who): Fault {
  let startup: number | null = null;
  return {
    name: `${who} crashes and recovers slowly`,
    apply: async (scene) => {
      const host = scene.host(who);
      // WAL enough that the recovery can be caught at work.
      await host.sql("CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)", [], 60_000);
      for (const pid of host.pids('postgres')) signal(pid, 'SIGKILL');
      await waitFor(() => host.pids('postgres').length === 0, { deadline: 10_000, what: 'PostgreSQL to die' });
      await host.startPostgres();
      startup = await waitFor(() => host.postgresProcess('startup'), { deadline: 10_000, what: 'recovery', every: 1 });
      signal(startup, 'SIGSTOP');
    },
    undo: async () => {
      if (startup !== null) signal(startup, 'SIGCONT');
    },
  };
}

function changedFile(
  name: string,
  who: Who,
  path: string,
  wrong: string,
  right: { readonly text: string; readonly mode: number },
): Fault {
  return {
    name,
    apply: async (scene) => scene.host(who).write({ path, text: wrong, mode: right.mode }),
    undo: async (scene) => scene.host(who).write({ path, ...right }),
  };
}

/** Nothing more fits where the management host keeps HandyRep's state. */
export function stateFull(): Fault {
  const filler = '/var/lib/handyrep/filler';
  const shell = async (scene: Scene, script: string): Promise<void> => {
    await scene.host('manager').must(['sh', '-c', script]);
  };
  return {
    name: 'the disk of the management host is full',
    apply: async (scene) => {
      // What is kept there moves to a small volume of its own.
      await shell(scene, 'cp -a /var/lib/handyrep /tmp/kept && mount -t tmpfs -o size=1m tmpfs /var/lib/handyrep');
      await shell(scene, 'cp -a /tmp/kept/. /var/lib/handyrep');
      await shell(
        scene,
        `dd if=/dev/zero of=${filler} bs=4k 2>/dev/null; dd if=/dev/zero of=${filler}2 bs=1 2>/dev/null; true`,
      );
    },
    undo: (scene) => shell(scene, `rm -f ${filler} ${filler}2`),
  };
}
