import { describe, expect, it, test } from 'vitest';
import { type ArchiveCheckup, judgeArchiveView } from '../../src/core/doctor-archive.js';
import { serverDef } from './build.js';

const WELL: ArchiveCheckup = {
  archive_script: '/var/lib/postgresql/hand rep/archive.sh',
  places: null,
  archiver: [],
  issues: [],
  settings: [],
};

test('nothing is said where nothing is wrong', () => {
  expect(judgeArchiveView(serverDef('db2'), WELL)).toEqual([]);
});

const TRY = ["'/var/lib/postgresql/hand rep/archive.sh' --check"];
const setting = (restart: boolean): ArchiveCheckup['settings'] => [
  { text: 'archive_mode is off', line: 'archive_mode = on', restart },
];

describe('each finding on the archive warns, and has its fix', () => {
  it.each<[what: string, view: Partial<ArchiveCheckup>, text: string, lines: readonly string[] | null]>([
    ['its scripts are missing', { issues: ['no scripts'] }, 'no scripts', ['handyrep archive start']],
    ['its archiver fails', { archiver: ['its archiver fails'] }, 'its archiver fails', TRY],
    ['a place cannot be written', { places: 'no room' }, 'no room', TRY],
    ['the same, and the script is not known', { places: 'no room', archive_script: null }, 'no room', null],
    [
      'a setting takes a restart',
      { settings: setting(true) },
      'archive_mode is off',
      ['archive_mode = on', '# then, from this host: handyrep restart db2'],
    ],
    [
      'a setting takes a reload',
      { settings: setting(false) },
      'archive_mode is off',
      ['archive_mode = on', '# then, in psql: SELECT pg_reload_conf();'],
    ],
  ])('%s', (_, view, text, lines) => {
    const found = judgeArchiveView(serverDef('db2'), { ...WELL, ...view });
    expect(found).toMatchObject([{ name: 'archive', server: 'db2', severity: 'warning', text }]);
    expect(found[0]?.fix?.lines ?? null).toEqual(lines);
  });
});
