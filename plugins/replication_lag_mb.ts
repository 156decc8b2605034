import { bytesBehind } from '../src/core/lsn.js';
import { definePlugin } from '../src/plugin/contract.js';

const MB = 1024 * 1024;

export default definePlugin({
  kind: 'replication_status_method',
  description: "lagged when a replica has replayed more than its lag_limit less than the master's position",
  run: () => (input) => {
    const ahead = input.master?.lsn ?? null;
    const { replay_lsn: replayed } = input.replica;
    if (ahead === null || replayed === null) {
      return {
        lagged: false,
        lag_bytes: null,
        lag_ms: null,
        message: 'its lag cannot be told: no position of the master',
      };
    }
    const lag = bytesBehind(replayed, ahead);
    const lagged = lag > input.def.lag_limit;
    const limit = (input.def.lag_limit / MB).toFixed(1);
    const message = `${(lag / MB).toFixed(1)} MB behind the master${lagged ? `, lag_limit is ${limit} MB` : ''}`;
    return { lagged, lag_bytes: lag, lag_ms: null, message };
  },
});
