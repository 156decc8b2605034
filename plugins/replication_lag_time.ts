import { bytesBehind } from '../src/core/lsn.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'replication_status_method',
  description: 'lagged when the commit that a replica replayed last is older than max_lag; never on an idle master',
  settings: (z) => z.strictObject({ max_lag: z.number().positive().default(60).describe('seconds') }),
  run: (settings) => (input) => {
    const { replay_lsn: replayed, replay_age_ms: age } = input.replica;
    const ahead = input.master?.lsn ?? null;
    // The age grows on an idle master too: a replica that has replayed all there is does not lag.
    const behind = ahead === null || replayed === null ? null : bytesBehind(replayed, ahead);
    if (behind === 0) return { lagged: false, lag_bytes: 0, lag_ms: 0, message: 'has replayed everything' };
    if (age === null) {
      return {
        lagged: false,
        lag_bytes: behind,
        lag_ms: null,
        message: 'its lag cannot be told: it has replayed no commit',
      };
    }
    const lagged = age > settings.max_lag * 1000;
    const limit = lagged ? `, max_lag is ${settings.max_lag} s` : '';
    const message = `${(age / 1000).toFixed(1)} s behind the master${limit}`;
    return { lagged, lag_bytes: behind, lag_ms: age, message };
  },
});
