import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CronProgram,
  checkLines,
  cronLine,
  cronLines,
  withCronLines,
  withoutCronLines,
} from '../../src/core/cron.js';

const HOW: CronProgram = { program: '/usr/bin/handyrep', config_file: '/etc/handyrep.yaml', path: [] };
const OTHER: CronProgram = { ...HOW, config_file: '/etc/other.yaml' };
const OWN = `# handyrep begins: /etc/handyrep.yaml\n${cronLines(HOW).join('\n')}\n# handyrep ends: /etc/handyrep.yaml\n`;

describe('a line', () => {
  test('for crontab has no percent sign that cron would read as the end of the line', () => {
    expect(cronLine({ program: '/opt/50%/handyrep', config_file: '/etc/my conf.yaml', path: [] })).toBe(
      `* * * * * /opt/50\\%/handyrep -c '/etc/my conf.yaml' -q failover-check --for 55s`,
    );
  });

  test('finds what is not in the PATH of cron', () => {
    expect(cronLine({ ...HOW, path: ['/usr/local/bin'] })).toBe(
      '* * * * * PATH=/usr/local/bin:/usr/bin:/bin /usr/bin/handyrep -c /etc/handyrep.yaml -q failover-check --for 55s',
    );
  });
});

describe('a crontab', () => {
  test.each([
    ['', OWN],
    ['0 1 * * * backup', `0 1 * * * backup\n${OWN}`],
    ['MAILTO=me\n\n', `MAILTO=me\n\n${OWN}`],
    [OWN, OWN],
    [`${OWN}0 1 * * * backup\n`, `0 1 * * * backup\n${OWN}`],
  ])('gets the lines once: %j', (before, after) => {
    expect(withCronLines(before, HOW)).toEqual({ ok: true, value: after });
  });

  test('of two configurations keeps both apart', () => {
    const both = withCronLines(OWN.replace('failover-check', 'poll'), OTHER);
    expect(both).toMatchObject({ ok: true });
    expect(both.ok && withoutCronLines(both.value, OTHER.config_file)).toEqual({
      ok: true,
      value: OWN.replace('failover-check', 'poll'),
    });
  });

  test('with a check that somebody wrote is left alone', () => {
    expect(withCronLines('* * * * * handyrep failover-check\n', HOW)).toMatchObject({
      ok: false,
      error: { code: 'unsafe' },
    });
    expect(withCronLines('#* * * * * handyrep failover-check\n', HOW)).toMatchObject({ ok: true });
  });

  test.each([OWN.replace(/^# handyrep ends.*\n/m, ''), OWN.replace(/^# handyrep begins.*\n/m, '')])(
    'with one mark only is left alone',
    (broken) => {
      for (const done of [withCronLines(broken, HOW), withoutCronLines(broken, HOW.config_file)])
        expect(done).toMatchObject({ ok: false, error: { code: 'unsafe' } });
    },
  );

  test('is after an install and a removal as it was, but for an end of its last line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        fc.pre(checkLines(text).length === 0 && !text.includes('handyrep begins') && !text.includes('handyrep ends'));
        const installed = withCronLines(text, HOW);
        const removed = installed.ok ? withoutCronLines(installed.value, HOW.config_file) : installed;
        expect(removed).toEqual({ ok: true, value: text === '' || text.endsWith('\n') ? text : `${text}\n` });
      }),
    );
  });
});
