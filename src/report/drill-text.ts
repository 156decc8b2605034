import type { Colors } from './colors.js';
import type { Counterfactual } from '../core/counterfactual.js';
import { roughDuration } from '../core/duration.js';
import type { Outage } from '../core/outage.js';
import type { DecisionView, PlanView } from './decision.js';
import { otherwiseText } from './explanation-text.js';
import { sanitize } from './sanitize.js';
import { decisionText } from './text.js';
import { wrap } from './wrap.js';

/** What a drill is shown from; a part of its report. */
export interface DrillView extends Omit<PlanView, 'preflight'> {
  readonly details: string;
  readonly hint?: string | undefined;
  readonly faults: readonly string[];
  readonly trouble: readonly string[];
  readonly survives: boolean;
  readonly decision: DecisionView;
  readonly fallback: string | null;
  readonly outage: Outage | null;
  readonly otherwise: readonly Counterfactual[];
}

export interface DrillTextOptions {
  readonly color: Colors;
  readonly width: number;
  readonly verbose: boolean;
}

/** What would happen: the answer first, then what is wrong already, then what it stands on. */
export function drillText(view: DrillView, options: DrillTextOptions): string {
  const { color, width } = options;
  const paint = view.survives ? color.green : color.red;
  const lines = [wrap(`DRILL, nothing is touched: ${paint(sanitize(view.details))}`, width)];
  if (view.hint !== undefined) lines.push(wrap(`  hint: ${sanitize(view.hint)}`, width));
  for (const one of view.trouble) lines.push(wrap(color.yellow(`  already in trouble: ${sanitize(one)}`), width));
  lines.push('', color.bold('what would be decided'), wrap(`  ${sanitize(view.decision.details)}`, width));
  const shown = { plan: view.plan, commands: view.commands, preflight: [] };
  lines.push(
    ...decisionText(view.decision, shown)
      .split('\n')
      .map((line) => wrap(`  ${line}`, width)),
  );
  if (view.fallback !== null) lines.push(wrap(`  if the master does not start: ${sanitize(view.fallback)}`, width));
  if (view.outage !== null) lines.push('', color.bold('how long nobody would take writes'), ...outageText(view.outage));
  if (view.otherwise.length > 0)
    lines.push('', color.bold('what would change it'), ...otherwiseText(view.otherwise, options));
  return lines.join('\n');
}

function outageText({ noticed, believed, acted, at_most, measured }: Outage): readonly string[] {
  const past =
    measured === null
      ? 'no failover of this cluster was measured yet'
      : `the last ${measured.failovers.toString()} failover(s) took ${roughDuration(measured.median)} for it, ${roughDuration(measured.longest)} at most`;
  return [
    `  until it is noticed:   ${roughDuration(noticed)} at most, where a check runs every poll_interval`,
    `  until it is believed:  ${roughDuration(believed)} at most`,
    `  until it is done:      ${roughDuration(acted)} before it is given up; ${past}`,
    `  in all:                ${roughDuration(at_most)} at most`,
  ];
}
