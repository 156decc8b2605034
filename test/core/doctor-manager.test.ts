import { describe, expect, test } from 'vitest';
import { judgeManager, type ManagerCheckup } from '../../src/core/doctor-manager.js';

describe('this host', () => {
  const well: ManagerCheckup = {
    policy: { auto_failover: true, poll_interval: 5000 },
    state_file: { path: '/var/lib/handyrep/servers.save', trouble: null },
    log_file: { path: '/var/log/handyrep.log', trouble: null },
    own_user: 'watcher',
    last_check: 4000,
    crontab: '',
    cron_line: '* * * * * handyrep',
  };

  test.each<[what: string, more: Partial<ManagerCheckup>, found: readonly (string | undefined)[][]]>([
    ['is well, whoever runs the checks', {}, []],
    ['checks long ago, and by nobody', { last_check: 3_600_000 }, [['fails', 'checks', '* * * * * handyrep']]],
    ['never checked', { last_check: null, crontab: null }, [['fails', 'checks', '* * * * * handyrep']]],
    [
      'need not notice anything yet',
      { last_check: null, policy: { auto_failover: false, poll_interval: 5000 } },
      [['warning', 'checks', '* * * * * handyrep']],
    ],
    [
      'has a line in its crontab, which is not run',
      { last_check: 3_600_000, crontab: '# mine\n* * * * * handyrep -q failover-check --for 55s\n' },
      [['fails', 'checks', 'systemctl status cron    # crond, on Red Hat']],
    ],
    [
      'has that line, and it is a comment',
      { last_check: 3_600_000, crontab: '# * * * * * handyrep failover-check' },
      [['fails', 'checks', '* * * * * handyrep']],
    ],
    [
      'cannot write its state',
      { state_file: { path: '/var/lib/handyrep/servers.save', trouble: 'EACCES' } },
      [
        [
          'fails',
          'state_file',
          'mkdir -p /var/lib/handyrep && chown watcher /var/lib/handyrep && chmod u+rwx /var/lib/handyrep',
        ],
      ],
    ],
    [
      'cannot write its log',
      { log_file: { path: '/var/log/handyrep.log', trouble: 'EACCES' } },
      [['warning', 'log_file', 'mkdir -p /var/log/handyrep && chown watcher /var/log/handyrep']],
    ],
  ])('%s', (_what, more, found) => {
    expect(
      judgeManager({ ...well, ...more }).map(({ severity, name, fix }) => [severity, name, fix?.lines[0]]),
    ).toEqual(found);
  });

  test.each([
    [null, 'no check was made yet'],
    [3_600_000, 'the last check is 1 h old'],
  ])('how old the last check is, is said: %s', (last_check, words) => {
    expect(judgeManager({ ...well, last_check })[0]?.text).toContain(words);
    expect(judgeManager({ ...well, last_check: 60_000 })).toEqual([]);
  });

  const stateAt = (path: string): readonly string[] | undefined =>
    judgeManager({ ...well, state_file: { path, trouble: 'EACCES' } })[0]?.fix?.lines;

  test('the folder of a file is given to its user, and the file where it is there', () => {
    expect(stateAt('/srv/hand rep/servers.save')).toEqual([
      "mkdir -p '/srv/hand rep' && chown watcher '/srv/hand rep' && chmod u+rwx '/srv/hand rep'",
      "[ ! -e '/srv/hand rep/servers.save' ] || { chown watcher '/srv/hand rep/servers.save' && chmod u+rw '/srv/hand rep/servers.save'; }",
    ]);
  });

  test.each([
    ['/etc/servers.save', '/etc/handyrep'],
    ['/servers.save', '/handyrep'],
  ])('a folder of the system is given to nobody: %s goes to one of its own', (path, own) => {
    expect(stateAt(path)).toEqual([
      `mkdir -p ${own} && chown watcher ${own}`,
      `# and in the configuration, under handyrep: server_file: ${own}/servers.save`,
    ]);
  });
});
