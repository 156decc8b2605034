import type { ExitCode } from '../core/codes.js';
import { didYouMean } from '../core/suggest.js';
import type { Report } from '../report/report.js';
import { proxyDetailText, serverDetailText } from '../report/server.js';
import { serversText } from '../report/text.js';
import type { HandyRep } from '../service/handyrep.js';
import { withConsent } from './confirm.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

interface Words {
  readonly name: string;
  readonly assignments: readonly string[];
}

interface Action {
  /** What it takes after its own name. */
  readonly takes: 'nothing' | 'name' | 'assignments';
  run(context: CommandContext, handyrep: HandyRep, words: Words): Promise<ExitCode>;
}

const ACTIONS = {
  list: { takes: 'nothing', run: list },
  show: { takes: 'name', run: show },
  add: {
    takes: 'assignments',
    run: async (context, handyrep, { name, assignments }) =>
      answer(context, await handyrep.addServer(name, assignments), summary),
  },
  alter: {
    takes: 'assignments',
    run: async (context, handyrep, { name, assignments }) =>
      answer(context, await handyrep.alterServer(name, assignments), summary),
  },
  enable: {
    takes: 'name',
    run: async (context, handyrep, { name }) => answer(context, await handyrep.enableServer(name), summary),
  },
  disable: {
    takes: 'name',
    run: async (context, handyrep, { name }) => answer(context, await handyrep.disableServer(name), summary),
  },
  remove: { takes: 'name', run: remove },
} as const satisfies Record<string, Action>;

export async function serverCommand(
  context: CommandContext,
  _options: object,
  [word = '', name, ...assignments]: readonly string[],
): Promise<ExitCode> {
  const action = findAction(word);
  const extra = action.takes === 'nothing' ? name : action.takes === 'name' ? assignments[0] : undefined;
  if (extra !== undefined) throw usageError(`server ${word} takes no ${JSON.stringify(extra)}`);
  if (action.takes !== 'nothing' && name === undefined) throw usageError(`server ${word} needs the name of a server`);
  return action.run(context, await context.open(), { name: name ?? '', assignments });
}

function findAction(word: string): Action {
  const found = Object.entries(ACTIONS).find(([name]) => name === word);
  if (found !== undefined) return found[1];
  const names = Object.keys(ACTIONS);
  throw usageError(`server has ${names.join(', ')}, not ${JSON.stringify(word)}`, didYouMean(word, names) ?? undefined);
}

async function list(context: CommandContext, handyrep: HandyRep): Promise<ExitCode> {
  return answer(context, await handyrep.listServers(), (report) =>
    'servers' in report ? serversText(report, context.color) : summary(report),
  );
}

async function show(context: CommandContext, handyrep: HandyRep, { name }: Words): Promise<ExitCode> {
  return answer(context, await handyrep.showServer(name), (report) => {
    if (!('server' in report)) return summary(report);
    const { server, proxy, differences } = report;
    const detail = server !== null ? serverDetailText(server) : proxy === null ? '' : proxyDetailText(proxy);
    return [detail, ...differences.map((line) => `differs: ${line}`)].join('\n');
  });
}

async function remove(context: CommandContext, handyrep: HandyRep, { name }: Words): Promise<ExitCode> {
  const report: Report = await withConsent(context, (yes) => handyrep.removeServer(name, { yes }));
  return answer(context, report, summary);
}
