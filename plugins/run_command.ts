import { fail, ok } from '../src/core/outcome.js';
import { type OperationFacts, definePlugin } from '../src/plugin/contract.js';

/** Characters. */
const LONGEST_ANSWER = 1000;
const LONGEST_VALUE = 8000;

export default definePlugin({
  kind: 'extra_command',
  description: 'runs a command on this host; its parameters are the argument list, {{ new_master }} and so on replaced',
  settings: (z) => z.strictObject({ timeout: z.number().positive().default(60).describe('seconds') }),
  run: (settings) => async (context, facts, parameters) => {
    const argv: string[] = [];
    for (const part of parameters) {
      const rendered = await context.render(part, { ...facts });
      if (!rendered.ok) return rendered;
      argv.push(rendered.value);
    }
    const [program, ...args] = argv;
    const [anywhere] = context.servers;
    if (program === undefined || anywhere === undefined) {
      return fail('plugin_failed', 'run_command has no command to run', {
        hint: 'give it parameters: [PROGRAM, ARGUMENT…]',
      });
    }
    const here = { ...anywhere, connection: 'local' } as const;
    const env = environment(facts);
    const options = { as: 'login', timeout: settings.timeout * 1000, env, signal: context.signal } as const;
    const done = await context.hosts.run(here, [program, ...args], options);
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${program} ended well`);
    const said = (done.value.stderr.trim() || done.value.stdout.trim()).slice(-LONGEST_ANSWER);
    return fail('plugin_failed', `${program} ended with ${done.value.exit_code}: ${said}`, {
      hint: 'run it by hand as the user of HandyRep',
    });
  },
});

/** Every fact, as HANDYREP_ and its name in capitals. */
function environment(facts: OperationFacts): Readonly<Record<string, string>> {
  const entries = Object.entries({ cluster: facts.cluster_name, ...facts });
  const values = entries.map(([name, value]) => [
    `HANDYREP_${name.toUpperCase()}`,
    String(value).replaceAll('\0', '').slice(0, LONGEST_VALUE),
  ]);
  return Object.fromEntries(values) as Readonly<Record<string, string>>;
}
