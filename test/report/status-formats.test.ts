import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import type { SavedState } from '../../src/core/model.js';
import { renderHtml } from '../../src/io/template.js';
import { readTemplate } from '../../src/io/templates.js';
import { nagios, nagiosFailure } from '../../src/report/formats/nagios.js';
import { failedPageValues, pageValues } from '../../src/report/formats/page.js';
import { prometheus, prometheusFailure } from '../../src/report/formats/prometheus.js';
import { type StatusView, viewStatus } from '../../src/report/status.js';
import { statusText } from '../../src/report/text.js';
import { Chalk } from 'chalk';
import { noPromtool, promtool } from './promtool.js';
import { CALM, type Change, DEFAULT_POLICY, NOW, iso, savedServer, situation, state } from '../core/build.js';

const plain = new Chalk({ level: 0 });

async function page(values: Readonly<Record<string, unknown>>): Promise<string> {
  const template = await readTemplate('status.html', '/nonexistent');
  if (!template.ok) throw new Error(template.error.message);
  const made = await renderHtml(template.value, values);
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

/** The text of an element with this class in the heading. */
function heading(html: string): string {
  return /<h1>.*?<span class="status \w+">(\w+)<\/span>/.exec(html)?.[1] ?? '';
}

function view(...changes: readonly Change[]): StatusView {
  return viewStatus(situation(...changes).state, DEFAULT_POLICY, NOW);
}

const cluster = (
  status: SavedState['cluster']['status'],
  status_no: SavedState['cluster']['status_no'],
  text: string,
): Change => state({ cluster: { status, status_no, status_ts: iso(CALM), status_message: text } });
const OLD = state({ last_poll: iso(NOW - 3_600_000) });

const CASES: readonly (readonly [string, readonly Change[], string, number, string])[] = [
  ['well', [], 'healthy', 0, 'OK'],
  ['something is wrong', [cluster('warning', 3, 'db3 lags')], 'warning', 1, 'WARNING'],
  ['the master is down', [cluster('down', 5, 'the master db1 has crashed')], 'down', 2, 'CRITICAL'],
  ['it cannot be told', [cluster('unknown', 0, 'this host is cut off')], 'unknown', 3, 'UNKNOWN'],
  ['checks have stopped, all was well', [OLD], 'unknown', 3, 'UNKNOWN'],
  ['checks have stopped, it was down', [cluster('down', 5, 'crashed'), OLD], 'unknown', 3, 'UNKNOWN'],
  ['no check was ever made', [state({ last_poll: null })], 'unknown', 3, 'UNKNOWN'],
  ['the last check is of the future', [state({ last_poll: iso(NOW + 3_600_000) })], 'unknown', 3, 'UNKNOWN'],
];

describe.each(CASES)('%s: every format says the same', (_, changes, status, code, word) => {
  const shown = view(...changes);

  it('at a terminal', () => {
    const lines = statusText(shown, plain).split('\n');
    expect(lines.find((line) => line.startsWith('app: '))).toMatch(new RegExp(`^app: ${status}\\b`));
    expect(lines[0]?.startsWith('STALE: ')).toBe(shown.stale);
  });

  it('to Nagios', () => {
    const answer = nagios(shown);
    expect(answer.code).toBe(code);
    expect(answer.text).toMatch(new RegExp(`^HANDYREP ${word} - app: `));
    // Monitoring Plugins Development Guidelines, "Performance data".
    const [head = '', ...more] = answer.text.split('\n');
    expect(head).toMatch(/^[^|]+ \|(?: '[^'=]+'=(?:U|-?[\d.]+(?:s|B)?)(?:;[\d.]*){0,4})+$/);
    expect(more.every((line) => !line.includes('|'))).toBe(true);
  });

  it('to Prometheus', () => {
    const text = prometheus(shown);
    expect(text).toContain(
      `handyrep_cluster_status{cluster="app"} ${{ healthy: 1, warning: 3, down: 5, unknown: 0 }[status] ?? -1}\n`,
    );
    expect(text).toContain(`handyrep_stale{cluster="app"} ${shown.stale ? 1 : 0}\n`);
    expect(text.includes('handyrep_master_up{cluster="app"} 1')).toBe(shown.master_up);
  });

  it('on the page', async () => {
    const html = await page(pageValues(shown, NOW));
    expect(heading(html)).toBe(status);
    expect(/<p id="stale"[^>]* hidden>/.test(html)).toBe(!shown.stale);
    if (shown.stale) expect(html).not.toContain('class="status healthy"');
  });
});

test('what is not known is neither a number nor nothing', () => {
  const shown = view(OLD);
  expect(nagios(shown).text).toContain("'streaming'=U;;;0;2 'db2 lag'=U;;;0");
  const text = prometheus(shown);
  expect(text).not.toMatch(/handyrep_server_(lag_bytes|streaming)\{/);
  expect(text).toContain('handyrep_server_status{cluster="app",server="db1"} 0\n');
  expect(prometheus(view(state({ last_poll: null })))).not.toContain('handyrep_last_check_timestamp_seconds{');
});

test('where there is no status, all say that', async () => {
  expect(nagiosFailure('nothing\nis | saved')).toEqual({ code: 3, text: 'HANDYREP UNKNOWN - nothing is / saved' });
  expect(prometheusFailure('app')).toContain('handyrep_master_up{cluster="app"} 0\n');
  const html = await page(failedPageValues('app', 'nothing is saved', NOW));
  expect(heading(html)).toBe('unknown');
  expect(html).toContain('STALE: nothing is saved');
});

describe('hostile names and messages', () => {
  const evil = `<script>alert(1)</script>"'|\\\n=\u001b[31m`;
  const shown = view(
    state({
      cluster_name: evil,
      servers: { [evil]: savedServer('db1', { status: { ...savedServer('db1').status, status_message: evil } }) },
    }),
    (s) => ({
      ...s,
      state: {
        ...s.state,
        servers: Object.fromEntries(
          Object.entries(s.state.servers).map(([name, one]) => [
            name,
            { ...one, def: { ...one.def, name: evil, role: 'replica' as const } },
          ]),
        ),
      },
    }),
  );

  it('make no element on the page', async () => {
    const html = await page(pageValues(shown, NOW));
    expect(html.match(/<script>/g)).toHaveLength(1);
    expect(html).not.toContain('alert(1)</script>');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('break no line, label or value', () => {
    const { text } = nagios(shown);
    expect(text.split('\n')).toHaveLength(2);
    expect(text.split('|')).toHaveLength(2);
    expect(text.split('|')[1]).toMatch(/'<script>alert\(1\)<\/script>"_\/.*lag'=/);
    expect(text).not.toContain('\u001b');
    for (const line of prometheus(shown).trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+\{([a-z]+="(\\.|[^"\\])*",?)+\} -?[\d.]+$)/);
    }
  });
});

test.skipIf(noPromtool !== null)(`promtool accepts the metrics, and their names ${noPromtool ?? ''}`, () => {
  for (const text of [prometheus(view()), prometheus(view(OLD)), prometheusFailure('app')]) {
    expect(promtool(['check', 'metrics'], text)).toBe('');
  }
});

describe('the page', () => {
  it('refers to nothing outside, and runs the one script that its policy names', async () => {
    const html = await page(pageValues(view(), NOW));
    expect(html).not.toMatch(/\b(src|href)=|url\(|@import/);
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
    const hash = createHash('sha256').update(script).digest('base64');
    expect(html).toContain(`default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`);
  });

  it('knows when it becomes stale by itself', async () => {
    const shown = view();
    const until = NOW + (shown.stale_after - (shown.age ?? 0)) * 1000;
    expect(await page(pageValues(shown, NOW))).toContain(`<body data-stale-at="${until}">`);
    expect(await page(pageValues(view(state({ last_poll: null })), NOW))).toContain('<body data-stale-at="0">');
  });

  it('shows what the terminal shows', async () => {
    const shown = view(state({ pause: { since: iso(CALM), until: null, reason: 'works & more' } }));
    const html = await page(pageValues(shown, NOW));
    for (const words of ['db1.example.com:5432', 'automatic action is paused: works &amp; more', 'replica']) {
      expect(html).toContain(words);
    }
  });
});
