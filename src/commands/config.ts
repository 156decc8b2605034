import { EXIT, type ExitCode } from '../core/codes.js';
import { HandyRepError, ok } from '../core/outcome.js';
import { loadConfig } from '../config/load.js';
import { locateConfig } from '../config/locate.js';
import { type ConfigProblem, configFailure, describeProblem } from '../config/problem.js';
import { showConfig } from '../config/show.js';
import type { PluginSettings } from '../config/plugin-settings.js';
import { type Report, failed, success } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export async function configCommand(
  context: CommandContext,
  _options: object,
  [action, key]: readonly string[],
): Promise<ExitCode> {
  if (action === 'check') {
    if (key !== undefined) throw usageError('config check takes no key');
    return check(context);
  }
  if (action === 'show') return show(context, key);
  throw usageError(`config has check and show, not ${action ?? ''}`);
}

/** Plugins' own schemas; loaded here only, since a check run loads what it calls. */
const pluginSettings: PluginSettings = async (name, plugins_dir) => {
  const [{ findPlugin }, { z }] = await Promise.all([import('../plugin/registry.js'), import('zod')]);
  const found = await findPlugin(name, plugins_dir);
  return found.ok ? ok(found.value.settings?.(z) ?? z.strictObject({})) : found;
};

async function load(context: CommandContext): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  const { env, globals } = context;
  const found = locateConfig({ explicit: globals.config ?? null, env, cwd: process.cwd() });
  if (!found.ok) throw new HandyRepError(found.error);
  return loadConfig({ file: found.value, env, pluginSettings });
}

async function check(context: CommandContext): Promise<ExitCode> {
  const loaded = await load(context);
  if (!loaded.ok) {
    const report = { ...failed(configFailure(loaded.problems)), problems: loaded.problems };
    return answer(context, report, (one) =>
      [...one.problems.map(problemText), summary(countOf(one.problems))].join('\n'),
    );
  }
  const { file, warnings } = loaded.value;
  const differences = await savedDifferences(loaded.value.config);
  const report = success(`${file} is valid`, { file, warnings, differences });
  return answer(context, report, (one) =>
    [...one.warnings.map((warning) => `warning: ${problemText(warning)}`), ...one.differences, summary(one)].join('\n'),
  );
}

function problemText(problem: ConfigProblem): string {
  return sanitize(describeProblem(problem));
}

function countOf(problems: readonly ConfigProblem[]): Report {
  const count = problems.length;
  return { result: 'FAIL', details: `${count} problem${count === 1 ? '' : 's'}`, exit_code: EXIT.usage };
}

type Loaded = Extract<Awaited<ReturnType<typeof loadConfig>>, { readonly ok: true }>['value'];

/** The saved state is the authority on servers: where it differs from the file, the file is not what is in effect. */
async function savedDifferences(config: Loaded['config']): Promise<readonly string[]> {
  const [{ loadStateFile }, { serverDifferences }] = await Promise.all([
    import('../state/file.js'),
    import('../service/differences.js'),
  ]);
  const { cluster_name, server_file: path } = config.handyrep;
  const loaded = await loadStateFile(path, { cluster_name, repair: false, now: Date.now() });
  return loaded.ok ? serverDifferences(config, loaded.value.state) : [`saved state: ${loaded.error.message}`];
}

async function show(context: CommandContext, key: string | undefined): Promise<ExitCode> {
  const loaded = await load(context);
  if (!loaded.ok) throw new HandyRepError(configFailure(loaded.problems));
  const shown = key === undefined ? showConfig(loaded.value) : showConfig(loaded.value, key);
  if (!shown.ok) throw new HandyRepError(shown.error);
  const report = success(loaded.value.file, { settings: shown.value });
  const line = (one: { key: string; value: unknown; origin: string }): string =>
    `${one.key}: ${typeof one.value === 'string' ? sanitize(one.value) : JSON.stringify(one.value)}  # ${one.origin}`;
  return answer(context, report, (one) => one.settings.map(line).join('\n'));
}
