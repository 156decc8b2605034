import type { Reclone } from '../act/rejoin.js';

/** Copies a server's whole data directory anew. */
export const reclone: Reclone = async (tools, target) => {
  const plugin = await tools.registry.get('clone_method', target.clone_method);
  if (!plugin.ok) return plugin;
  return {
    ok: false,
    error: {
      code: 'step_failed',
      message: `${target.name}: ${target.clone_method} cannot be called from a rejoin in this version`,
      server: target.name,
      hint: `use \`handyrep clone ${target.name} --reclone\``,
    },
  };
};
