import { Liquid } from 'liquidjs';
import { type Outcome, fail, ok } from '../core/outcome.js';

/** Renders Liquid templates, strict about variables and filters: an unknown one is an error, never an empty text. */
export function createRenderer(): (template: string, values: Readonly<Record<string, unknown>>) => Outcome<string> {
  let engine: Liquid | null = null;
  return (template, values) => {
    engine ??= new Liquid({ strictVariables: true, strictFilters: true, ownPropertyOnly: true });
    try {
      return ok(String(engine.parseAndRenderSync(template, { ...values })));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return fail('plugin_failed', `the template "${template}" cannot be rendered: ${reason}`, {
        hint: `it may use ${Object.keys(values).join(', ')}`,
      });
    }
  };
}
