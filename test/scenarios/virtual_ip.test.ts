import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HostCluster, createHostCluster } from '../hosts/cluster.js';
import { CONFIG } from '../hosts/disks.js';
import { laboratoryProblem } from '../hosts/laboratory.js';
import { waitFor } from '../pg/wait.js';

const ADDRESS = '10.0.0.100';
const problem = await laboratoryProblem();

describe.skipIf(problem !== null)(`an address that follows the master ${problem ?? ''}`, () => {
  let cluster: HostCluster;
  beforeAll(async () => {
    cluster = await createHostCluster({
      replicas: 1,
      failover: {
        auto_failover: true,
        connection_failover_method: 'virtual_ip',
        min_failover_interval: 0,
        fail_retries: 1,
      },
      plugins: { virtual_ip: { address: `${ADDRESS}/24`, interface: 'eth0' } },
    });
    for (const host of cluster.databases) {
      await host.must(['sh', '-c', 'echo "handyrep ALL=(root) NOPASSWD: ALL" >>/etc/sudoers.d/handyrep']);
    }
  }, 120_000);
  afterAll(() => cluster.destroy());

  async function handyrep(...argv: string[]): Promise<{ readonly code: number | string; readonly report: Report }> {
    const done = await cluster.manager.run(['handyrep', '--json', '-c', CONFIG, ...argv], { user: 'handyrep' });
    return { code: done.code, report: JSON.parse(done.stdout) as Report };
  }
  interface Report {
    readonly details: string;
    readonly master?: string | null;
    readonly cluster?: { readonly status: string; readonly status_message: string };
  }

  async function holders(): Promise<readonly string[]> {
    const all = await Promise.all(
      cluster.databases.map(async (host) => {
        const { stdout } = await host.run(['ip', '-4', '-o', 'addr']);
        return stdout.includes(`${ADDRESS}/24`) ? [host.name] : [];
      }),
    );
    return all.flat();
  }

  /** Whose card answers for the address. */
  async function hardwareAddress(): Promise<string> {
    const { stdout } = await cluster.client.run(['arping', '-c', '1', '-w', '2', '-I', 'eth0', ADDRESS]);
    return /\[([0-9A-F:]+)\]/i.exec(stdout)?.[1]?.toLowerCase() ?? 'nobody';
  }
  async function cardOf(name: string): Promise<string> {
    const link = await cluster.host(name).must(['ip', '-o', 'link', 'show', 'dev', 'eth0']);
    return /link\/ether (\S+)/.exec(link)?.[1] ?? 'no card';
  }

  test('it is not taken while another host answers for it', async () => {
    await cluster.client.must(['ip', 'addr', 'add', `${ADDRESS}/24`, 'dev', 'eth0']);
    const refused = await handyrep('proxy', 'init');
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.report.details).toContain(`another host answers for ${ADDRESS}/24`);
    expect(await holders()).toEqual([]);
    await cluster.client.must(['ip', 'addr', 'del', `${ADDRESS}/24`, 'dev', 'eth0']);
  });

  test('what could not be done is done by the next check', async () => {
    await handyrep('failover-check');
    expect(await holders()).toEqual(['db1']);
    expect(await hardwareAddress()).toBe(await cardOf('db1'));
    expect(await handyrep('proxy', 'status')).toMatchObject({ code: 0 });
  });

  test('a switchover takes it along, and the neighbours know', async () => {
    await cluster.client.run(['bash', '-c', `timeout 2 bash -c 'exec 3<>/dev/tcp/${ADDRESS}/22'`]);
    const neighbour = (): Promise<string> => cluster.client.must(['ip', 'neigh', 'show', ADDRESS]);
    expect(await neighbour()).toContain(await cardOf('db1'));
    expect((await handyrep('--yes', 'failover', '--to', 'db2')).report).toMatchObject({ master: 'db2' });
    expect(await holders()).toEqual(['db2']);
    expect(await neighbour()).toContain(await cardOf('db2'));
  });

  test('a host that lost it, by a restart perhaps: verify says so, the next check brings it back', async () => {
    await cluster.host('db2').must(['ip', 'addr', 'del', `${ADDRESS}/24`, 'dev', 'eth0']);
    const seen = await handyrep('verify');
    expect(seen.report.cluster).toMatchObject({ status: 'warning' });
    expect(seen.report.cluster?.status_message).toContain(`db2 has not ${ADDRESS}/24`);
    await handyrep('failover-check');
    expect(await holders()).toEqual(['db2']);
    expect((await handyrep('verify')).report.cluster).toMatchObject({ status: 'healthy' });
  });

  test('a host that loses its power loses it, and comes back without', async () => {
    await cluster.host('db2').powerOff();
    const report = await waitFor(
      async () => {
        const checked = await handyrep('failover-check');
        return checked.report.master === 'db1' ? checked.report : null;
      },
      { deadline: 60_000, what: 'db1 to be the master' },
    );
    expect(report.details).toContain('failed over from db2 to db1');
    expect(await hardwareAddress()).toBe(await cardOf('db1'));
    await cluster.host('db2').powerOn();
    expect(await holders()).toEqual(['db1']);
  });
});
