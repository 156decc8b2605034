import { describe, expect, test } from 'vitest';
import {
  type ArchiveSettings,
  archiveCommands,
  confLine,
  judgeArchiveSettings,
  scriptPaths,
} from '../../src/core/archive-scripts.js';

const PATHS = scriptPaths('/var/lib/postgresql/handyrep', 'db1');

describe('where the scripts are', () => {
  test.each([
    ['/a/b', '/a/b/archive.sh'],
    ['/a/b//', '/a/b/archive.sh'],
    ['/a/{{ server }}/b', '/a/db1/b/archive.sh'],
    ['/a/{{server}}', '/a/db1/archive.sh'],
  ])('%s', (script_dir, archive) => {
    expect(scriptPaths(script_dir, 'db1').archive).toBe(archive);
  });

  test('a name cannot be a pattern of the replacement', () => {
    expect(scriptPaths('/a/{{ server }}', '$&').folder).toBe('/a/$&');
  });
});

describe('the lines of postgresql.conf', () => {
  test.each([
    ['/srv/hr', "archive_command = '/srv/hr/archive.sh %p %f || exit 1'"],
    ["/srv/it's", "archive_command = '''/srv/it''\\\\''''s/archive.sh'' %p %f || exit 1'"],
    ['/srv/50%', "archive_command = '/srv/50%%/archive.sh %p %f || exit 1'"],
  ])('%s', (folder, line) => {
    expect(confLine('archive_command', archiveCommands(scriptPaths(folder, 'db1')).archive)).toBe(line);
  });
});

describe('what the settings must be', () => {
  const { archive, restore } = archiveCommands(PATHS);
  const GOOD: ArchiveSettings = {
    archive_mode: 'on',
    archive_command: archive,
    archive_library: '',
    restore_command: restore,
    archive_cleanup_command: '',
  };
  const path = '/var/lib/postgresql/handyrep';

  test.each<[when: string, change: Partial<ArchiveSettings>, text: string | null]>([
    ['as they are printed', {}, null],
    ['always', { archive_mode: 'always' }, null],
    ['without || exit 1, and with other words before', { archive_command: `nice ${path}/archive.sh %p %f` }, null],
    ['quoted', { archive_command: `"${path}/archive.sh" "%p" "%f"` }, null],
    ['before 15', { archive_library: undefined }, null],
    ['off', { archive_mode: 'off' }, 'archive_mode is off: as the master it archives nothing'],
    ['nothing is called', { archive_command: '' }, 'archive_command is empty'],
    ['archive_mode off', { archive_command: '(disabled)' }, 'archive_command is empty'],
    ['another one', { archive_command: 'cp %p /x/%f' }, `archive_command does not call ${path}/archive.sh`],
    [
      'the wrong way round',
      { archive_command: `${path}/archive.sh %f %p` },
      `archive_command does not call ${path}/archive.sh with %p %f`,
    ],
    [
      'what it needs stands before it',
      { archive_command: `test -s %p -a ! -e /x/%f && ${path}/archive.sh` },
      `archive_command does not call ${path}/archive.sh with %p %f`,
    ],
    [
      'the half of what it needs',
      { archive_command: `${path}/archive.sh %f` },
      `archive_command does not call ${path}/archive.sh with %p %f`,
    ],
    [
      'a library',
      { archive_library: 'basic_archive' },
      'archive_library is basic_archive: archive_command is not called',
    ],
    [
      'no restore_command',
      { restore_command: '' },
      'restore_command is empty: as a replica it cannot fetch what its master has removed',
    ],
    [
      'restore_command the wrong way round',
      { restore_command: `${path}/restore.sh %p %f` },
      `restore_command does not call ${path}/restore.sh with %f %p: as a replica it cannot fetch what its master has removed`,
    ],
    [
      'a cleanup of the shared archive',
      { archive_cleanup_command: 'pg_archivecleanup /x %r' },
      'archive_cleanup_command is set: it deletes from the archive what a base backup or another replica needs',
    ],
  ])('%s', (_, change, text) => {
    const found = judgeArchiveSettings({ ...GOOD, ...change }, PATHS, 15);
    expect(found.map((one) => one.text)).toEqual(text === null ? [] : [text]);
  });

  test('restore_command needs a restart before 14, archive_mode always, nothing else', () => {
    const wrong = { ...GOOD, restore_command: '', archive_mode: 'off' };
    expect(judgeArchiveSettings(wrong, PATHS, 13).map(({ line, restart }) => [line.split(' ')[0], restart])).toEqual([
      ['archive_mode', true],
      ['restore_command', true],
    ]);
    expect(judgeArchiveSettings(wrong, PATHS, 14).map(({ restart }) => restart)).toEqual([true, false]);
    const reloaded = { ...GOOD, archive_command: '', archive_library: 'x', archive_cleanup_command: 'x' };
    expect(judgeArchiveSettings(reloaded, PATHS, 15).map(({ restart }) => restart)).toEqual([false, false, false]);
  });
});
