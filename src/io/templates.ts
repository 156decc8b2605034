import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Outcome, fail, ok } from '../core/outcome.js';

/** Where the built-in templates are: beside the sources, and in the package beside its chunks, whichever this is in. */
const BUILT_IN = ['../../templates/', '../templates/', './templates/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** A name cannot lead out of the folder. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** The text of a template by its name: the user's own, else the built-in one. */
export async function readTemplate(name: string, templates_dir: string): Promise<Outcome<string>> {
  if (!NAME.test(name)) return fail('plugin_failed', `${JSON.stringify(name)} cannot be the name of a template`);
  for (const folder of [templates_dir, ...BUILT_IN]) {
    const path = join(folder, `${name}.liquid`);
    try {
      return ok(await readFile(path, 'utf8'));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (code !== 'ENOENT' && code !== 'ENOTDIR') {
        return fail('plugin_failed', `the template ${path} cannot be read (${code})`, { hint: 'see its permissions' });
      }
    }
  }
  return fail(
    'plugin_failed',
    `there is no template ${name}: neither built in nor ${name}.liquid in ${templates_dir}`,
    {
      hint: 'correct the name, or put the file there',
    },
  );
}
