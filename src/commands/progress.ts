import type { CopyProgress } from '../plugin/contract.js';
import { type ProgressView, type Sample, addSample, progressBar, progressLine, rateOf } from '../report/progress.js';
import type { CommandContext } from './context.js';

/** Shows how far copies are, on stderr. */
export interface ProgressShow {
  seen(progress: CopyProgress): void;
  /** Takes away what was drawn. */
  end(): void;
}

/** A bar a server on a terminal, redrawn; elsewhere a line a server now and then; nothing with -q or --json. */
export function showProgress(context: Pick<CommandContext, 'globals' | 'stderr'>): ProgressShow {
  const { globals, stderr } = context;
  if (globals.quiet === true || globals.json === true) return { seen: () => undefined, end: () => undefined };
  return stderr.isTTY === true ? drawn(stderr) : written(stderr);
}

const DRAW_EVERY_MS = 200;
const WRITE_EVERY_MS = 10_000;

interface Copy {
  readonly view: CopyProgress;
  readonly samples: readonly Sample[];
}

function drawn(stderr: CommandContext['stderr']): ProgressShow {
  const copies = new Map<string, Copy>();
  let lines = 0;
  const erase = (): void => {
    if (lines > 0) stderr.write(`\u001B[${lines}A\u001B[0J`);
    lines = 0;
  };
  const draw = (): void => {
    // The last column stays free: a full line would wrap on some terminals.
    const columns = Math.max(1, widthOf(stderr) - 1);
    erase();
    const views = living(copies);
    stderr.write(views.map((view) => `${progressBar(view, columns)}\n`).join(''));
    lines = views.length;
  };
  const timer = setInterval(draw, DRAW_EVERY_MS).unref();
  return {
    seen: (progress) => {
      note(copies, progress);
    },
    end: () => {
      clearInterval(timer);
      erase();
    },
  };
}

function written(stderr: CommandContext['stderr']): ProgressShow {
  const copies = new Map<string, Copy>();
  const write = (): void => {
    for (const view of living(copies)) stderr.write(`${progressLine(view)}\n`);
  };
  const timer = setInterval(write, WRITE_EVERY_MS).unref();
  return {
    seen: (progress) => {
      note(copies, progress);
    },
    end: () => clearInterval(timer),
  };
}

function widthOf(stream: NodeJS.WritableStream): number {
  return 'columns' in stream && typeof stream.columns === 'number' && stream.columns > 0 ? stream.columns : 80;
}

function note(copies: Map<string, Copy>, view: CopyProgress): void {
  const before = copies.get(view.server);
  const samples = before?.view.phase === view.phase ? before.samples : [];
  copies.set(view.server, { view, samples: addSample(samples, { at: performance.now(), bytes: view.bytes }) });
}

function living(copies: ReadonlyMap<string, Copy>): readonly ProgressView[] {
  return [...copies.values()].flatMap(({ view, samples }) =>
    view.phase === 'done' ? [] : [{ ...view, rate: rateOf(samples) }],
  );
}
