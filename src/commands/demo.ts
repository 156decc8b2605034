import type { ExitCode } from '../core/codes.js';
import type { DemoEvent, DemoResult } from '../demo/demo-event.js';
import { type Report, checked } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import { statusText } from '../report/text.js';
import { type CommandContext, answer, summary } from './context.js';
import { checkText } from './failover-check.js';

export async function demoCommand(context: CommandContext): Promise<ExitCode> {
  const { runDemo } = await import('../demo/demo.js');
  const { env, signal } = context;
  const result = await runDemo({ tell: storyteller(context), env, signal });
  return answer(context, report(result), (one) => promisesText(context, one));
}

/** Progress goes to standard output, but with --json to standard error, and with --quiet nowhere. */
function storyteller(context: CommandContext): (event: DemoEvent) => void {
  const { json, quiet } = context.globals;
  if (quiet === true) return () => undefined;
  const begun = performance.now();
  const out = json === true ? context.stderr : context.stdout;
  return (event) => {
    const clock = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
    out.write(eventText(json === true ? { ...context, stdout: context.stderr } : context, event, clock));
  };
}

function eventText(context: CommandContext, event: DemoEvent, clock: string): string {
  const color = context.color;
  switch (event.kind) {
    case 'scene':
      return `\n${color.dim(clock.padStart(6))}  ${color.bold(sanitize(event.text))}\n`;
    case 'fact':
      return `        ${sanitize(event.text)}\n`;
    case 'status':
      return `${indent(statusText(event.status, color))}\n`;
    case 'check':
      return `${indent(checkText({ ...context, globals: { ...context.globals, verbose: true } }, event.report))}\n`;
  }
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '        ');
}

type DemoReport = Report & DemoResult;

function report(result: DemoResult): DemoReport {
  const broken = result.promises.filter(({ kept }) => !kept).map(({ promise }) => promise);
  const { old_master, new_master, outage_ms, acknowledged, missing } = result;
  const story = `${new_master ?? 'nobody'} took over from ${old_master}, ${outage_ms.toString()} ms without writes, ${missing.toString()} of ${acknowledged.toString()} acknowledged rows missing`;
  const details = broken.length === 0 ? story : `${story}; not as promised: ${broken.join('; ')}`;
  return checked(broken.length === 0, details, null, result);
}

function promisesText(context: CommandContext, one: DemoReport): string {
  const color = context.color;
  const lines = one.promises.map(({ promise, kept, seen }) => {
    const mark = kept ? color.green('kept  ') : color.red('BROKEN');
    return `  ${mark}  ${promise}: ${sanitize(seen)}`;
  });
  return ['', ...lines, '', summary(one)].join('\n');
}
