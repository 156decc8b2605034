import type { ProxyDef, ServerDef } from '../core/model.js';
import { slotName } from '../core/slot.js';
import type { AssignmentProblem } from './assignments.js';
import { findUnknownPlugins } from './plugin-names.js';
import { findPluginReferences } from './plugin-references.js';
import { findConflicts } from './references.js';

/**
 * What is wrong with one server among the others: an address or data directory that another has, plugins that do not exist,
 * a slot that would be two servers' own. Found by the rules that check the configuration file.
 */
export async function findServerProblems(
  servers: readonly (ServerDef | ProxyDef)[],
  one: ServerDef | ProxyDef,
  plugins_dir: string,
): Promise<readonly AssignmentProblem[]> {
  const others = servers.filter(({ name }) => name !== one.name);
  // The last of two that clash is the one that is blamed.
  const data = { servers: Object.fromEntries([...others, one].map((def) => [def.name, def])) };
  const findings = [...findConflicts(data), ...(await findUnknownPlugins(findPluginReferences(data), plugins_dir))];
  const problems = findings.flatMap(({ path, message, hint }): AssignmentProblem[] => {
    const [, name, key] = path;
    if (name !== one.name || key === undefined || key === 'role') return [];
    return [{ message: `${String(key)} ${message}`, ...(hint == null ? {} : { hint }) }];
  });
  if ('admin_user' in one) return problems;
  const slot = slotName(one.name);
  const rival = others.find((other) => !('admin_user' in other) && slotName(other.name) === slot);
  if (rival === undefined) return problems;
  const message = `${one.name} and ${rival.name} would share the replication slot ${slot}`;
  return [...problems, { message, hint: 'choose a name that differs in more than case, - and .' }];
}
