import { Liquid } from 'liquidjs';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { quoteArg } from './quote.js';

const STRICT = { strictVariables: true, strictFilters: true, ownPropertyOnly: true } as const;
const engine = new Liquid(STRICT);
const htmlEngine = new Liquid({ ...STRICT, outputEscape: 'escape' });

// For templates that become scripts: one word of a POSIX shell, whatever the value holds.
engine.registerFilter('sh', (value: unknown) => quoteArg(String(value)));

/** Renders a Liquid template, strict about variables and filters: an unknown one is an error, never an empty text. */
export async function render(template: string, values: Readonly<Record<string, unknown>>): Promise<Outcome<string>> {
  return renderBy(engine, template, values);
}

/** As {@link render}, for HTML: every value is escaped, whatever the template forgets. */
export async function renderHtml(
  template: string,
  values: Readonly<Record<string, unknown>>,
): Promise<Outcome<string>> {
  return renderBy(htmlEngine, template, values);
}

async function renderBy(
  by: Liquid,
  template: string,
  values: Readonly<Record<string, unknown>>,
): Promise<Outcome<string>> {
  try {
    return ok(String(await by.parseAndRender(template, { ...values })));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail('plugin_failed', `the template "${template}" cannot be rendered: ${reason}`, {
      hint: `it may use ${Object.keys(values).join(', ')}`,
    });
  }
}
