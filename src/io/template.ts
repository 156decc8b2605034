import { Liquid } from 'liquidjs';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { quoteArg } from './quote.js';

const engine = new Liquid({ strictVariables: true, strictFilters: true, ownPropertyOnly: true });

// For templates that become scripts: one word of a POSIX shell, whatever the value holds.
engine.registerFilter('sh', (value: unknown) => quoteArg(String(value)));

/** Renders a Liquid template, strict about variables and filters: an unknown one is an error, never an empty text. */
export async function render(template: string, values: Readonly<Record<string, unknown>>): Promise<Outcome<string>> {
  try {
    return ok(String(await engine.parseAndRender(template, { ...values })));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail('plugin_failed', `the template "${template}" cannot be rendered: ${reason}`, {
      hint: `it may use ${Object.keys(values).join(', ')}`,
    });
  }
}
