import { furthestAhead } from '../src/core/select.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'selection_method',
  description: 'promotes the replica with the most WAL; failover_priority decides among equals',
  run: () => furthestAhead,
});
