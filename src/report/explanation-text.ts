import type { Colors } from './colors.js';
import type { Condition, Counterfactual } from '../core/counterfactual.js';
import { roughSize } from '../core/duration.js';
import type { CandidateAnswer, Explanation, RuleAnswer } from '../core/explanation.js';
import type { Fact } from '../core/fact-words.js';
import { sanitize } from './sanitize.js';
import { describeAge } from './status.js';
import { timetableText } from './timetable-text.js';
import { wrap } from './wrap.js';

export interface TextOptions {
  readonly color: Colors;
  /** Columns of the terminal; Infinity: none. */
  readonly width: number;
  /** Everything, not only what is most useful. */
  readonly verbose: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How many conditions of one outcome are told. */
const TOLD = 4;

/** Why a decision was what it was, as a tree: the answer first, then what it stands on. */
export function explanationText(one: Explanation, options: TextOptions): string {
  const { color, width, now } = options;
  const age = describeAge(Math.max(0, now - Date.parse(one.ts)) / 1000);
  const lines = [
    `${color.bold(one.name)}  ${one.command}  ${one.ts} (${age} ago)`,
    wrap(`  ${paint(one, color)(sanitize(one.verdict.details))}`, width),
  ];
  if (one.hint !== null) lines.push(wrap(`  hint: ${sanitize(one.hint)}`, width));
  const section = (title: string, body: readonly string[]): void => {
    if (body.length > 0) lines.push('', color.bold(title), ...body);
  };
  section(
    'what was known',
    one.facts.map((fact) => factText(fact, options)),
  );
  section(
    'the rules, in the order in which they were asked',
    one.rules.map((rule) => ruleText(rule, options)),
  );
  section(
    'what held it back',
    one.vetoes.map((veto) => wrap(`  rule ${veto.rule.toString()}: ${sanitize(veto.text)} (${veto.hint})`, width)),
  );
  section(
    'who could take over',
    one.candidates.map((candidate) => candidateText(candidate, options)),
  );
  if (one.verdict.loss !== null) section('what would be lost', [wrap(`  ${sanitize(one.verdict.loss)}`, width)]);
  section(
    'what was to be done',
    one.plan.map((step, index) => wrap(`  ${(index + 1).toString()}. ${sanitize(step)}`, width, 3)),
  );
  if (one.timetable.length > 1) section('where the time went', timetableText(one.timetable, color));
  section('what would have changed it', otherwiseText(one.otherwise, options));
  section(
    color.yellow('this HandyRep decides otherwise than the one that recorded it; the reasons above are those of today'),
    one.differs.map(({ field, was, now: today }) =>
      wrap(`  ${field}: was ${sanitize(was)}, is now ${sanitize(today)}`, width),
    ),
  );
  return lines.join('\n');
}

function paint({ verdict }: Explanation, color: Colors): (text: string) => string {
  if (verdict.success && !verdict.alarm) return color.green;
  return verdict.action === 'none' ? color.red : color.yellow;
}

function factText({ about, source, age, text }: Fact, { color, width }: TextOptions): string {
  const when = age === null ? '' : `, ${(age / 1000).toFixed(1)} s before`;
  return wrap(`  ${color.bold(sanitize(about))}: ${sanitize(text)} ${color.dim(`[${source}${when}]`)}`, width);
}

function ruleText({ number, when, answer }: RuleAnswer, { color, width }: TextOptions): string {
  const words = { passed: 'passed ', fired: 'DECIDED', held_back: 'HELD IT' }[answer];
  const line = wrap(`  ${number.toString().padStart(2)}  ${words}  ${when}`, width, 11);
  return answer === 'passed' ? color.dim(line) : line;
}

function candidateText(one: CandidateAnswer, { color, width }: TextOptions): string {
  if (!one.fit)
    return wrap(`   -  ${one.server}: ${color.red('not fit')}: ${one.reasons.map(sanitize).join('; ')}`, width, 4);
  const behind =
    one.behind === null || one.behind === 0 ? 'furthest ahead' : `${roughSize(one.behind)} behind the furthest`;
  const place = one.rank === null ? ' -' : `${one.rank.toString()}.`;
  const left = one.reasons.length === 0 ? '' : ` (${one.reasons.join('; ')})`;
  return wrap(
    `  ${place}  ${one.server}: ${color.green('fit')}, at ${one.lsn ?? '?'}, ${behind}, priority ${one.failover_priority?.toString() ?? 'none'}${left}`,
    width,
    4,
  );
}

/** What would have to be otherwise for what to be decided; with `verbose` all of it. */
export function otherwiseText(
  otherwise: readonly Counterfactual[],
  options: Omit<TextOptions, 'now'>,
): readonly string[] {
  if (otherwise.length === 0) return ['  nothing that was tried, alone or two or three at a time'];
  return otherwise.flatMap((one) => {
    const told = options.verbose ? one.conditions : one.conditions.slice(0, TOLD);
    const more = one.conditions.length - told.length;
    return [
      `  it would ${one.outcome}, if`,
      ...told.map((condition) => conditionText(condition, one, options)),
      ...(more > 0 ? [options.color.dim(`    - … and in ${more.toString()} more case(s): -v tells them`)] : []),
    ];
  });
}

function conditionText(
  { all, found }: Condition,
  { acts }: Counterfactual,
  { color, width }: Omit<TextOptions, 'now'>,
): string {
  const why = acts ? '' : ` ${color.dim(`[${found.join(', ')}]`)}`;
  return wrap(`    - ${all.map(sanitize).join(' AND ')}${why}`, width);
}
