import { expect, test } from 'vitest';
import { withCluster } from '../pg/harness.js';
import { calmLab, runCommand } from './lab.js';

test('verify reports every slot, and what is wrong with it; those of others are left alone', async () => {
  await withCluster({ replicas: 2, settings: { max_slot_wal_keep_size: '-1' } }, async (cluster) => {
    const lab = await calmLab(cluster);
    const calm = await lab.verify();
    expect(calm.cluster.status).toBe('healthy');
    expect(calm.slots).toMatchObject([
      { server: 'db1', name: 'handyrep_db2', owner: 'ours', replica: 'db2', active: true, wal_status: 'reserved' },
      { server: 'db1', name: 'handyrep_db3', owner: 'ours', replica: 'db3', active: true },
    ]);

    await cluster.master.sql(`SELECT pg_create_physical_replication_slot('barman', true)`);
    await cluster.master.sql(`SELECT pg_create_physical_replication_slot('handyrep_gone', true)`);
    const done = await runCommand(lab, ['-v', 'verify']);
    expect(done.stdout).toMatch(/db1: barman, not ours, inactive, keeps [\d.]+ k?M?B of WAL \(reserved\)/);
    expect(done.stdout).toContain('db1: handyrep_gone, for nobody known, inactive');
    const told = await lab.verify();
    const message = told.servers.find((one) => one.name === 'db1')?.status_message;
    expect(message).toContain('slot handyrep_gone serves no known server');
    expect(message).toContain(
      'max_slot_wal_keep_size is -1: the inactive slots barman, handyrep_gone can fill the disk',
    );

    // A cascading replica has its slot where it streams from.
    expect((await lab.handyrep.remaster('db3', { to: 'db2' })).exit_code).toBe(0);
    const cascading = await lab.verify();
    expect(cascading.servers.map((one) => one.status)).toEqual(['warning', 'healthy', 'healthy']);
    expect(cascading.slots?.find((slot) => slot.name === 'handyrep_db3')).toMatchObject({
      server: 'db2',
      active: true,
    });

    // One that has lost its slot is told, with what makes it again.
    await cluster.server('db3').sql(`ALTER SYSTEM SET primary_slot_name = ''`);
    await cluster.server('db3').sql('SELECT pg_reload_conf()');
    await lab.handyrep.restart('db3');
    await cluster.server('db2').sql(`SELECT pg_drop_replication_slot('handyrep_db3')`);
    const missing = await lab.verify();
    expect(missing.servers.find((one) => one.name === 'db2')?.status_message).toContain(
      'it has no slot handyrep_db3 for db3, which has use_slots: run `handyrep remaster db3 --to db2`',
    );
    const names = await cluster.master.sql(`SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'barman'`);
    expect(names).toHaveLength(1);
  });
});
