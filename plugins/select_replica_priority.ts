import { byPriority } from '../src/core/select.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'selection_method',
  description: 'promotes the replica with the lowest failover_priority; the most WAL decides among equals',
  run: () => byPriority,
});
