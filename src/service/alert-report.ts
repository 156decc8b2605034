import type { Alert, OpenAlert } from '../core/alert.js';
import { roughDuration } from '../core/duration.js';
import { fail } from '../core/outcome.js';
import { emptyState } from '../core/saved.js';
import { type Report, checked, failed, success } from '../report/report.js';
import { alertPath, readAlertBook } from '../state/alert-file.js';
import { sendBy } from './alerts.js';
import { type Reach, pluginContext } from './open.js';

/** What became of a test alert, for each method. */
export type AlertTestReport = Report & {
  readonly methods: readonly { readonly method: string; readonly ok: boolean; readonly details: string }[];
};

/** What people were told and not yet told the end of, and what is still to be sent. */
export type AlertListReport = Report & {
  readonly open: readonly OpenAlert[];
  readonly unsent: readonly {
    readonly method: string;
    readonly at: string;
    readonly tries: number;
    readonly message: string;
  }[];
};

/** Sends a test alert by every configured method. Takes no lock, and nothing of it is kept. */
export async function testAlerts(reach: Reach): Promise<AlertTestReport | Report> {
  const { handyrep, servers } = reach.loaded.config;
  const names = [...new Set(handyrep.push_alert_method)];
  if (names.length === 0) return failed(noMethod());
  const at = new Date().toISOString();
  const state = emptyState(handyrep.cluster_name, Object.values(servers), at);
  const context = (signal: AbortSignal) => pluginContext(reach, signal, () => state);
  const methods = await Promise.all(
    names.map(async (method) => {
      const { problem } = await sendBy(method, [testAlert(at, reach.run)], { registry: reach.registry, context });
      return { method, ok: problem === null, details: problem ?? 'sent' };
    }),
  );
  const bad = methods.filter(({ ok }) => !ok);
  const details =
    bad.length === 0
      ? `a test alert was sent by ${names.join(', ')}`
      : bad.map(({ method, details: why }) => `${method}: ${why}`).join('; ');
  reach.tell({ category: 'ALERT', message: `test: ${details}`, iserror: bad.length > 0 });
  return checked(bad.length === 0, details, null, { methods });
}

function noMethod() {
  return fail('usage', 'push_alert_method names no plugin: nobody is told of anything', {
    hint: 'set it to push_email_alert_simple, push_webhook or push_command: see docs/plugins.md',
  }).error;
}

function testAlert(at: string, run: string): Alert {
  return {
    id: `test-${run}`,
    kind: 'test',
    at,
    subject: null,
    server: null,
    category: 'ALERT',
    message: 'this is a test: alerts of this cluster arrive here',
    recovery: false,
    status: null,
    since: null,
    duration_ms: null,
    run,
  };
}

/** Reads one file, takes no lock. */
export async function listAlerts(server_file: string, now: number): Promise<AlertListReport | Report> {
  const book = await readAlertBook(alertPath(server_file));
  if (!book.ok) return failed(book.error);
  const open = book.value.open.filter(({ known }) => known > 0);
  const unsent = book.value.queue.map(({ method, tries, alert }) => {
    const { at, message } = alert;
    return { method, at, tries, message };
  });
  const oldest = unsent[0] === undefined ? '' : `, the oldest for ${roughDuration(now - Date.parse(unsent[0].at))}`;
  const waiting = unsent.length === 0 ? '' : `; ${unsent.length} not sent yet${oldest}`;
  return success(`${open.length} open alert(s)${waiting}`, { open, unsent });
}
