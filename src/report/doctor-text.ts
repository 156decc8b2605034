import type { Colors } from './colors.js';
import type { DoctorFinding } from '../core/doctor.js';
import { sanitize } from './sanitize.js';
import { wrap } from './wrap.js';

/** What a doctor's answer is shown from. */
export interface DoctorView {
  readonly result: string;
  readonly details: string;
  readonly findings: readonly DoctorFinding[];
}

/** Each finding with its fix; the fix is never broken into lines, so that it can be copied. */
export function doctorText(view: DoctorView, options: { readonly color: Colors; readonly width: number }): string {
  const { color, width } = options;
  const lines = view.findings.flatMap(({ name, server, severity, text, fix }) => {
    const mark = severity === 'fails' ? color.red('FAILS  ') : color.yellow('warning');
    const what = sanitize(text);
    const where = server === null || what.startsWith(`${server}:`) ? '' : `${server}: `;
    return [
      wrap(`${mark}  ${name}  ${where}${what}`, width),
      ...(fix === null
        ? []
        : [`         fix, ${sanitize(fix.where)}:`, ...fix.lines.map((one) => `           ${sanitize(one)}`)]),
      '',
    ];
  });
  return [...lines, `${view.result}: ${view.details}`].join('\n');
}
