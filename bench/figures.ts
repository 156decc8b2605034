/** What was measured of one thing: a value of each run, in the order of the runs. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** The figure of the same bench that it is compared with. */
  readonly against?: string;
  /** What is wanted of it: of its median, or of the median of its ratio. */
  readonly aim?: Aim;
}

export interface Aim {
  readonly of: 'median' | 'ratio';
  readonly at_most: number;
}

/** Minimum, median and maximum. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** A line of the table of results. */
export interface Row extends Spread {
  readonly name: string;
  readonly unit: string;
  readonly against: string | null;
  readonly ratio: Spread | null;
  readonly aim: Aim | null;
  /** Whether the aim is met; null: none is set. */
  readonly met: boolean | null;
}

/** What a bench came to. */
export interface Findings {
  readonly figures: readonly Figure[];
  /** What a reader must know besides, a sentence each. */
  readonly notes?: readonly string[];
}

/** Of an even number of values the median is the mean of the two in the middle. Throws where there is no value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [min, max] = [sorted[0], sorted.at(-1)];
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  if (min === undefined || max === undefined || low === undefined || high === undefined) {
    throw new Error('nothing was measured');
  }
  return { min, median: (low + high) / 2, max };
}

/** The lines of a table. Throws for a figure that is compared with none of the others, or wanted to be and is not. */
export function rowsOf(figures: readonly Figure[]): readonly Row[] {
  return figures.map((figure) => {
    const { name, unit, values, aim = null } = figure;
    const spread = spreadOf(values);
    const ratio = figure.against === undefined ? null : ratioOf(values, baseOf(figures, figure.against));
    if (aim?.of === 'ratio' && ratio === null) throw new Error(`${name} is compared with nothing`);
    const wanted = aim?.of === 'ratio' && ratio !== null ? ratio.median : spread.median;
    const met = aim === null ? null : wanted <= aim.at_most;
    return { name, unit, ...spread, against: figure.against ?? null, ratio, aim, met };
  });
}

function baseOf(figures: readonly Figure[], name: string): readonly number[] {
  const base = figures.find((one) => one.name === name);
  if (base === undefined) throw new Error(`there is no figure ${name} to compare with`);
  return base.values;
}

/** Run by run where both took turns, so that a busy moment of the machine hits both; else with the median of the other. */
function ratioOf(values: readonly number[], base: readonly number[]): Spread {
  const { median } = spreadOf(base);
  const turns = values.length === base.length;
  return spreadOf(values.map((value, run) => value / (turns ? (base[run] ?? median) : median)));
}
