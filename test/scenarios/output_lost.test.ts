import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withCluster } from '../pg/harness.js';
import { calmLab, recovering } from './lab.js';

test('a failover whose words cannot be written is done all the same, and does not say that all is well', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster);
    await cluster.master.killTree();
    const full = await open('/dev/full', 'w');
    const bin = join(import.meta.dirname, '../../bin/handyrep.ts');
    const argv = ['--import', 'tsx', bin, '-c', lab.config, '--verbose', 'failover-check'];
    try {
      const child = spawn(process.execPath, argv, { stdio: ['ignore', full.fd, full.fd], timeout: 60_000 });
      expect(await once(child, 'exit')).toEqual([1, null]);
    } finally {
      await full.close();
    }
    const { servers, operation } = await lab.saved();
    expect(operation).toBeNull();
    const masters = Object.values(servers).flatMap(({ def }) => (def.role === 'master' ? [def.name] : []));
    expect(masters).toHaveLength(1);
    expect(masters).not.toContain('db1');
    expect(await recovering(cluster.server(masters[0] ?? ''))).toBe(false);
  });
});
