import { Command, CommanderError, Option } from 'commander';
import { EXIT, type ExitCode } from '../core/codes.js';
import { commandWord } from '../launch/command-word.js';
import { failed } from '../report/report.js';
import { colorsFor } from './color.js';
import { type CommandContext, type GlobalOptions, answerFailure } from './context.js';
import { type CommandSpec, duration } from './spec.js';
import { GROUPS } from './specs/groups.js';

export { LINGER_MS } from '../core/limits.js';

/** Where a run reads and writes; the process's own, or a test's. */
export interface Environment {
  readonly stdin?: NonNullable<CommandContext['stdin']>;
  readonly stdout: CommandContext['stdout'];
  readonly stderr: CommandContext['stderr'];
  readonly env: NodeJS.ProcessEnv;
}

/** Runs one command line and gives its exit code. Each command's modules are loaded only when it runs. */
export async function run(argv: readonly string[], environment: Environment = process): Promise<ExitCode> {
  let code: ExitCode = EXIT.success;
  const interrupt = new AbortController();
  // The first signal ends the run before its next effect, the second at once. The listener stays: a library that also
  // listens (proper-lockfile's) ends the process by itself when it finds itself alone.
  const stop = (signal: NodeJS.Signals): void => {
    if (!interrupt.signal.aborted) {
      interrupt.abort();
      return;
    }
    hear('off', stop);
    process.kill(process.pid, signal);
  };
  hear('on', stop);
  const program = buildProgram(argv, environment, interrupt.signal, (exit) => (code = exit));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return commandLineError(error, argv, environment);
    const { stdout, stderr } = environment;
    return answerFailure({ globals: program.opts<GlobalOptions>(), stdout, stderr }, error);
  } finally {
    hear('off', stop);
  }
}

/** Signals that ask a run to end; the last one when the terminal is lost, with an ssh connection perhaps. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function hear(how: 'on' | 'off', stop: (signal: NodeJS.Signals) => void): void {
  for (const name of ENDINGS) process[how](name, stop);
}

/** Commander has told the user; with --json there must be an object too. */
function commandLineError(error: CommanderError, argv: readonly string[], { stdout }: Environment): ExitCode {
  if (error.exitCode === 0) return EXIT.success;
  if (argv.includes('--json')) {
    const message = error.message.replace(/^error: /, '');
    const details = error.code === 'commander.help' ? 'no command was given' : message;
    stdout.write(`${JSON.stringify(failed({ code: 'usage', message: details, hint: 'see handyrep --help' }))}\n`);
  }
  return EXIT.usage;
}

function buildProgram(
  argv: readonly string[],
  environment: Environment,
  signal: AbortSignal,
  done: (code: ExitCode) => void,
): Command {
  const program = new Command('handyrep')
    .description('Keeps one PostgreSQL replication cluster available: watches it, and fails over when its master dies.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(text),
    })
    .enablePositionalOptions()
    .version(VERSION)
    .showHelpAfterError('(see --help)')
    .showSuggestionAfterError(true)
    .addHelpText('after', '\nExit codes: 0 success, 1 failure, 2 usage or configuration, 3 busy, 4 refused as unsafe.');

  for (const option of globalOptions()) program.addOption(option);

  const add = <O>(spec: CommandSpec<O>): void => {
    const command = program.command(spec.usage).description(spec.description).exitOverride();
    for (const [flags, text, parse] of spec.options ?? []) {
      const option = new Option(flags, text);
      command.addOption(parse === undefined ? option : option.argParser(parse));
    }
    // Behind the command's name they mean the same, save where the command has an option of that name itself.
    const own = new Set(command.options.map((option) => option.long));
    for (const option of globalOptions()) if (!own.has(option.long)) command.addOption(option.hideHelp());
    command.addHelpText('after', `\nExample:\n  $ ${spec.example}`);
    command.action(async () => {
      for (const option of globalOptions()) inherit(program, command, option, own);
      const context = await makeContext(environment, program.opts<GlobalOptions>(), signal);
      const args = command.args;
      const handler = await spec.load();
      done(await handler(context, command.opts() as O, args));
    });
  };
  const named = commandWord(argv);
  for (const register of GROUPS) {
    register((spec) => {
      if (spec.usage.split(' ', 1)[0] === named) add(spec);
    });
    // To describe all of them takes longer than a short command runs: only the one that is named, where one is.
    if (program.commands.length > 0) return program;
  }
  for (const register of GROUPS) register(add);
  return program;
}

/** The flags that every command takes, as help has them. */
export const GLOBAL_FLAGS: readonly string[] = globalOptions().map(({ flags }) => flags);

function globalOptions(): readonly Option[] {
  return [
    new Option(
      '-c, --config <file>',
      'configuration file (else $HANDYREP_CONFIG, ./handyrep.conf.yaml, /etc/handyrep/)',
    ),
    new Option('--json', 'print one JSON object on standard output'),
    new Option('-q, --quiet', 'print failures and failovers only'),
    new Option('-v, --verbose', 'print more'),
    new Option('--no-color', 'no colour'),
    new Option('--yes', 'answer every question with yes'),
    new Option('--lock-wait <duration>', 'wait for another run to end').argParser(duration),
  ];
}

/** Takes over a global option that was given behind the command's name. */
function inherit(program: Command, command: Command, option: Option, own: ReadonlySet<string | undefined>): void {
  const name = option.attributeName();
  if (own.has(option.long) || command.getOptionValueSource(name) !== 'cli') return;
  program.setOptionValueWithSource(name, command.getOptionValue(name), 'cli');
}

/** Set when the package is built. */
declare const HANDYREP_VERSION: string | undefined;
const VERSION = typeof HANDYREP_VERSION === 'string' ? HANDYREP_VERSION : 'development';

async function makeContext(
  environment: Environment,
  globals: GlobalOptions,
  signal: AbortSignal,
): Promise<CommandContext> {
  const warn = (message: string): void => void environment.stderr.write(`warning: ${message}\n`);
  return {
    globals,
    // Opening standard input takes Node a while, and few commands ask.
    get stdin() {
      return environment.stdin;
    },
    stdout: environment.stdout,
    stderr: environment.stderr,
    env: environment.env,
    color: await colorsFor({ globals, stdout: environment.stdout, env: environment.env }),
    signal,
    warn,
    open: async (more = {}) => {
      const { HandyRep } = await import('../service/handyrep.js');
      const lock_wait = globals.lockWait ?? 0;
      return HandyRep.open(globals.config, { env: environment.env, lock_wait, signal, warn, ...more });
    },
  };
}
