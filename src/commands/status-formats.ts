import type { ExitCode } from '../core/codes.js';
import { HandyRepError, type Outcome, ok } from '../core/outcome.js';
import type { Report } from '../report/report.js';
import type { StatusView } from '../report/status.js';
import type { HandyRep } from '../service/handyrep.js';
import { summary } from './context.js';

/** A status for programs: what is printed or written, and the exit code that goes with it. */
export interface Rendered {
  readonly text: string;
  readonly code: ExitCode;
}

type StatusAnswer = Report | (Report & StatusView);
type Renderer = (answer: StatusAnswer, handyrep: HandyRep) => Promise<Outcome<Rendered>>;

/** The formats besides text and json. Each is loaded when it is asked for. */
export const FORMATS: Readonly<Record<string, Renderer>> = {
  nagios: async (answer) => {
    const { nagios, nagiosFailure } = await import('../report/formats/nagios.js');
    return ok('servers' in answer ? nagios(answer) : nagiosFailure(summary(answer)));
  },
  prometheus: async (answer, handyrep) => {
    const { prometheus, prometheusFailure } = await import('../report/formats/prometheus.js');
    const text = 'servers' in answer ? prometheus(answer) : prometheusFailure(clusterName(handyrep));
    return ok({ text: text.trimEnd(), code: answer.exit_code });
  },
  html: async (answer, handyrep) => {
    const { failedPageValues, pageValues } = await import('../report/formats/page.js');
    const { readTemplate } = await import('../io/templates.js');
    const { renderHtml } = await import('../io/template.js');
    const template = await readTemplate('status.html', String(handyrep.getSetting('handyrep.templates_dir')));
    if (!template.ok) return template;
    const now = Date.now();
    const values =
      'servers' in answer ? pageValues(answer, now) : failedPageValues(clusterName(handyrep), summary(answer), now);
    const page = await renderHtml(template.value, values);
    return page.ok ? ok({ text: page.value.trimEnd(), code: answer.exit_code }) : page;
  },
};

function clusterName(handyrep: HandyRep): string {
  return String(handyrep.getSetting('handyrep.cluster_name'));
}

/** A Nagios plugin says UNKNOWN where it cannot look, and says it where it is read. */
export async function nagiosUnknown(error: unknown): Promise<Rendered> {
  if (!(error instanceof HandyRepError)) throw error;
  const { nagiosFailure } = await import('../report/formats/nagios.js');
  const { message, hint } = error.failure;
  return nagiosFailure(hint === undefined ? message : `${message}; ${hint}`);
}
