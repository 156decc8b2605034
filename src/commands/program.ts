import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitCode } from '../core/codes.js';
import { parseDuration } from '../core/duration.js';
import { failed } from '../report/report.js';
import { type CommandContext, type GlobalOptions, answerFailure } from './context.js';

/** Where a run reads and writes; the process's own, or a test's. */
export interface Environment {
  readonly stdout: CommandContext['stdout'];
  readonly stderr: CommandContext['stderr'];
  readonly env: NodeJS.ProcessEnv;
}

type Handler<O> = (context: CommandContext, options: O, args: readonly string[]) => Promise<ExitCode>;

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
    process.off('SIGINT', stop).off('SIGTERM', stop);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const program = buildProgram(environment, interrupt.signal, (exit) => (code = exit));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return commandLineError(error, argv, environment);
    return answerFailure({ globals: program.opts<GlobalOptions>(), ...environment }, error);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
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

const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('a duration is a number of seconds, or 500ms, 5s, 2m, 1h.');
  return ms;
};

function buildProgram(environment: Environment, signal: AbortSignal, done: (code: ExitCode) => void): Command {
  const program = new Command('handyrep')
    .description('Keeps one PostgreSQL replication cluster available: watches it, and fails over when its master dies.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(text),
    })
    .option('-c, --config <file>', 'configuration file (else $HANDYREP_CONFIG, ./handyrep.conf.yaml, /etc/handyrep/)')
    .option('--json', 'print one JSON object on standard output')
    .option('-q, --quiet', 'print failures and failovers only')
    .option('-v, --verbose', 'print more')
    .option('--no-color', 'no colour')
    .option('--yes', 'answer every question with yes')
    .addOption(new Option('--lock-wait <duration>', 'wait for another run to end').argParser(duration))
    .version(VERSION)
    .showHelpAfterError('(see --help)')
    .showSuggestionAfterError(true)
    .addHelpText('after', '\nExit codes: 0 success, 1 failure, 2 usage or configuration, 3 busy, 4 refused as unsafe.');

  const add = <O>(spec: CommandSpec<O>): void => {
    const command = program.command(spec.usage).description(spec.description).exitOverride();
    for (const [flags, text, parse] of spec.options ?? []) {
      const option = new Option(flags, text);
      command.addOption(parse === undefined ? option : option.argParser(parse));
    }
    command.addHelpText('after', `\nExample:\n  $ ${spec.example}`);
    command.action(async () => {
      const context = makeContext(environment, program.opts<GlobalOptions>(), signal);
      const args = command.args;
      const handler = await spec.load();
      done(await handler(context, command.opts() as O, args));
    });
  };
  registerCommands(add);
  return program;
}

/** Set when the package is built. */
declare const HANDYREP_VERSION: string | undefined;
const VERSION = typeof HANDYREP_VERSION === 'string' ? HANDYREP_VERSION : 'development';

interface CommandSpec<O> {
  readonly usage: string;
  readonly description: string;
  readonly example: string;
  readonly options?: readonly (readonly [flags: string, text: string, parse?: (text: string) => unknown])[];
  readonly load: () => Promise<Handler<O>>;
}

type Add = <O>(spec: CommandSpec<O>) => void;

const count = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
};

function registerCommands(add: Add): void {
  add({
    usage: 'poll [servers...]',
    description: 'light check of all enabled servers at once: does each answer, in the role that is recorded?',
    example: 'handyrep poll',
    load: async () => (await import('./poll.js')).pollCommand,
  });
  add({
    usage: 'verify [servers...]',
    description: 'thorough check: also a real write, replication, ssh, the witness view, slots, disks, clocks',
    example: 'handyrep --json verify db2',
    load: async () => (await import('./poll.js')).verifyCommand,
  });
  add({
    usage: 'failover-check',
    description: 'the cron job: checks, decides, and fails over when the master is lost',
    example: 'handyrep failover-check --for 55s',
    options: [
      ['--verify', 'check thoroughly, whatever verify_interval says'],
      ['--dry-run', 'print the decision, its evidence and the plan; change nothing anywhere'],
      ['--for <duration>', 'repeat inside this process until the time is over', duration],
      ['--every <duration>', 'with --for: how often (default: poll_interval)', duration],
    ],
    load: async () => (await import('./failover-check.js')).failoverCheckCommand,
  });
  add({
    usage: 'promote <server>',
    description: 'promotes a replica in place of a master that is lost',
    example: 'handyrep promote db2 --dry-run',
    options: [
      ['--force', 'accept a loss over max_data_loss, and a fencing that stays owed'],
      ['--dry-run', 'print the decision, its evidence and the plan; change nothing anywhere'],
    ],
    load: async () => (await import('./promote.js')).promoteCommand,
  });
  add({
    usage: 'pause',
    description: 'switches automatic action off; checks go on',
    example: 'handyrep pause --for 1h --reason "kernel update"',
    options: [
      ['--for <duration>', 'until then (default: until `handyrep resume`)', duration],
      ['--reason <text>', 'shown by status and in decisions'],
    ],
    load: async () => (await import('./operator.js')).pauseCommand,
  });
  add({
    usage: 'resume',
    description: 'switches automatic action on again',
    example: 'handyrep resume',
    load: async () => (await import('./operator.js')).resumeCommand,
  });
  add({
    usage: 'ack',
    description: 'the last automatic failover has been seen: the wait before the next one ends',
    example: 'handyrep ack',
    load: async () => (await import('./operator.js')).ackCommand,
  });
  add({
    usage: 'status',
    description: 'what the last check found; opens no connection unless asked to check',
    example: 'handyrep status --watch',
    options: [
      ['--check <how>', 'cached (default), poll or verify'],
      ['--format <format>', 'text (default) or json'],
      ['--watch', 'show it again and again, until interrupted'],
      ['--every <duration>', 'with --watch: how often (default: 2s)', duration],
    ],
    load: async () => (await import('./status.js')).statusCommand,
  });
  add({
    usage: 'log-tail',
    description: 'the last lines of the log',
    example: 'handyrep log-tail -n 50 --category FAILOVER',
    options: [
      ['-n, --lines <count>', 'how many lines (default: 20)', count],
      ['-f, --follow', 'print new lines as they come, until interrupted'],
      ['--category <name>', 'only this category'],
      ['--since <time>', 'only lines since this time (ISO 8601) or this long ago (1h)'],
    ],
    load: async () => (await import('./log-tail.js')).logTailCommand,
  });
  add({
    usage: 'explain',
    description: 'how decisions are made',
    example: 'handyrep explain --rules',
    options: [['--rules', 'print the table of rules that decides']],
    load: async () => (await import('./explain.js')).explainCommand,
  });
  add({
    usage: 'config <action> [key]',
    description: 'config check: every problem with its place; config show [KEY]: what is in effect, secrets masked',
    example: 'handyrep config show failover',
    load: async () => (await import('./config.js')).configCommand,
  });
  add({
    usage: 'init',
    description: 'creates the roles, grants, schema and table on the master, as superuser',
    example: 'handyrep init --print-sql | psql -U postgres -h db1',
    options: [['--print-sql', 'print the SQL instead of running it']],
    load: async () => (await import('./init.js')).initCommand,
  });
  add({
    usage: 'demo',
    description: 'a throwaway cluster on this machine whose master dies: shows a whole failover',
    example: 'handyrep demo',
    load: async () => (await import('./demo.js')).demoCommand,
  });
}

function makeContext(environment: Environment, globals: GlobalOptions, signal: AbortSignal): CommandContext {
  const warn = (message: string): void => void environment.stderr.write(`warning: ${message}\n`);
  return {
    globals,
    ...environment,
    signal,
    warn,
    open: async (more = {}) => {
      const { HandyRep } = await import('../service/handyrep.js');
      const lock_wait = globals.lockWait ?? 0;
      return HandyRep.open(globals.config, { env: environment.env, lock_wait, signal, warn, ...more });
    },
  };
}
