import type { ExitCode } from '../core/codes.js';
import { type Vocabulary, bashScript, fishScript, zshScript } from '../report/completion.js';
import { success } from '../report/report.js';
import { type CommandContext, answer, usageError } from './context.js';
import type { CommandSpec } from './spec.js';
import { GROUPS } from './specs/groups.js';
import { GLOBAL_FLAGS } from './program.js';

const SHELLS: Readonly<Record<string, (words: Vocabulary) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export async function completionCommand(
  context: CommandContext,
  _flags: object,
  [shell = '']: readonly string[],
): Promise<ExitCode> {
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined) throw usageError(`there is no completion for ${shell}`, 'one of bash, zsh, fish');
  const report = success(`the completion for ${shell}`, { script: script(vocabulary()) });
  return Promise.resolve(answer(context, report, (one) => one.script.trimEnd()));
}

/** Every command with its flags, as help has them. */
function vocabulary(): Vocabulary {
  const commands: Vocabulary['commands'][number][] = [];
  const add = <O>({ usage, description, options = [] }: CommandSpec<O>): void => {
    const [name = '', ...args] = usage.split(' ');
    commands.push({
      name,
      description,
      flags: options.map(([flags]) => longFlag(flags)),
      words: WORDS[name] ?? [],
      servers: args.some((arg) => arg.includes('server') || arg.includes('[name]')),
    });
  };
  for (const register of GROUPS) register(add);
  return { commands, flags: GLOBAL_FLAGS.map(longFlag) };
}

/** Words that a command takes as its first argument. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  config: ['check', 'show'],
  server: ['list', 'show', 'add', 'alter', 'enable', 'disable', 'remove'],
  proxy: ['init', 'status'],
  archive: ['start', 'stop', 'status', 'cleanup'],
  alert: ['list', 'test'],
  completion: Object.keys(SHELLS),
};

function longFlag(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}
