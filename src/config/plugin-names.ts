import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuiltInPlugin } from '../plugin/catalogue.js';
import { builtInsOf, CATALOGUE, fitsKind, isBuilt, isBuiltIn } from '../plugin/catalogue.js';
import { didYouMean } from '../core/suggest.js';
import type { PluginReference } from './plugin-references.js';
import type { Finding } from './problem.js';

/** Names of plugins that are neither built in nor in `pluginsDir`, or of the wrong kind. */
export async function findUnknownPlugins(
  references: readonly PluginReference[],
  pluginsDir: string,
): Promise<readonly Finding[]> {
  const findings = await Promise.all(references.map((reference) => judge(reference, pluginsDir)));
  return findings.filter((finding) => finding !== null);
}

async function judge(reference: PluginReference, pluginsDir: string): Promise<Finding | null> {
  const { path, at, name, kind } = reference;
  const builtIn = isBuiltIn(name) ? name : null;
  if (await hasPluginFile(pluginsDir, name)) return null;
  if (builtIn !== null && !isBuilt(builtIn)) {
    const hint = `remove it, or put ${name}.mjs of your own into ${pluginsDir}`;
    return { path, at, message: `names ${name}, which is not part of this version of HandyRep`, hint };
  }
  if (builtIn !== null && (kind === null || fitsKind(builtIn, kind))) return null;
  const choices: readonly BuiltInPlugin[] =
    kind === null ? Object.keys(CATALOGUE).filter(isBuiltIn).filter(isBuilt) : builtInsOf(kind);
  const among = kind === null || choices.length === 0 ? null : `built in: ${choices.join(', ')}`;
  if (builtIn !== null) {
    const own =
      CATALOGUE[builtIn] === 'any'
        ? 'cannot be'
        : `is ${/^[aeiou]/.test(CATALOGUE[builtIn]) ? 'an' : 'a'} ${CATALOGUE[builtIn]}, not`;
    return { path, at, message: `names ${name}, which ${own} a ${String(kind)}`, hint: among };
  }
  const message = `names an unknown plugin, ${name}: neither built in nor ${name}.js or ${name}.mjs in ${pluginsDir}`;
  return { path, at, message, hint: didYouMean(name, choices) ?? among };
}

async function hasPluginFile(pluginsDir: string, name: string): Promise<boolean> {
  const found = await Promise.all(
    ['.js', '.mjs'].map((ending) =>
      stat(join(pluginsDir, `${name}${ending}`)).then(
        (file) => file.isFile(),
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
