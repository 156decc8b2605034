import { type Findings, type Row, type Spread, rowsOf } from './figures.js';

/** A bench as the document of results has it. */
export interface Section {
  /** As it is named on the command line. */
  readonly name: string;
  readonly title: string;
  /** What is measured, and how. */
  readonly what: string;
  /** The machine, and when. */
  readonly machine: string;
  readonly findings: Findings;
}

const HEADING = `# What HandyRep costs

Written by \`npm run bench\`; \`npm run bench -- NAME\` measures and writes one section again. Times of one machine say little about
another: what counts are the ratios, which are taken within one run (of each run with its pair where the two took turns, else with the
median of the other).
`;

/** The text of a section, with the marks that it is found by. */
export function sectionText({ name, title, what, machine, findings }: Section): string {
  const notes = (findings.notes ?? []).map((note) => `- ${note}\n`).join('');
  const parts = [`## ${title}\n`, `${what}\n`, `${machine}\n`, table(rowsOf(findings.figures)), notes];
  return `${opening(name)}\n${parts.filter((part) => part !== '').join('\n')}${closing(name)}\n`;
}

/** The document with one section new, and the others as they were, in the order of `names`. */
export function withSection(document: string, name: string, text: string, names: readonly string[]): string {
  const sections = names.flatMap((one) => (one === name ? [text] : (sectionIn(document, one) ?? [])));
  return [HEADING, ...sections].join('\n');
}

function sectionIn(document: string, name: string): string | null {
  const [from, to] = [document.indexOf(opening(name)), document.indexOf(closing(name))];
  return from === -1 || to === -1 ? null : `${document.slice(from, to)}${closing(name)}\n`;
}

function opening(name: string): string {
  return `<!-- bench ${name} -->`;
}

function closing(name: string): string {
  return `<!-- end of ${name} -->`;
}

function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    `${row.name}, ${row.unit}`,
    ...[row.min, row.median, row.max].map(number),
    row.against ?? '',
    row.ratio === null ? '' : ratio(row.ratio),
    aim(row),
  ]);
  const header = ['', 'min', 'median', 'max', 'compared with', 'ratio (min to max)', 'aim'];
  const rule = ['---', '---:', '---:', '---:', '---', '---:', '---'];
  return [header, rule, ...cells].map((line) => `| ${line.map(escaped).join(' | ')} |\n`).join('');
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

function ratio({ min, median, max }: Spread): string {
  return `${number(median)} (${number(min)} to ${number(max)})`;
}

function aim({ aim: wanted, met, unit }: Row): string {
  if (wanted === null) return '';
  const bound = wanted.of === 'ratio' ? `${wanted.at_most} times` : `${wanted.at_most} ${unit}`;
  return `at most ${bound}: ${met === true ? 'met' : '**missed**'}`;
}

/** Three digits that count. */
function number(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** A section for a terminal: the same rows, in columns. */
export function terminalText({ title, machine, findings }: Section): string {
  const rows = rowsOf(findings.figures).map((row) => [
    `${row.name}, ${row.unit}`,
    ...[row.min, row.median, row.max].map(number),
    row.ratio === null ? '' : ratio(row.ratio),
    aim(row).replaceAll('*', ''),
  ]);
  const all = [['', 'min', 'median', 'max', 'ratio', 'aim'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 || column === 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const notes = (findings.notes ?? []).map((note) => `  ${note}`);
  return [`${title} (${machine})`, ...all.map(line), ...notes, '', ''].join('\n');
}
