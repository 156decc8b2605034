import * as z from 'zod';
import { setting } from './setting.js';
import { boolean, integer, interval, lossLimit, nullable, pauseTime, plugin, duration } from './values.js';

const DAY = 86_400_000;

const checks = {
  poll_method: setting(plugin('poll_method'), 'poll_connect', 'How a poll asks a server whether it is up.'),
  poll_interval: setting(interval, '5s', 'How often `failover-check --for` polls.'),
  verify_interval: setting(
    duration(1000, 30 * DAY),
    '1h',
    '`failover-check` does a thorough check instead of a poll when the last one is older than this.',
  ),
  fail_retries: setting(
    integer(0, 1000),
    3,
    'How often a master that did not answer is asked again before it can be taken for lost.',
  ),
  fail_retry_interval: setting(pauseTime, '1s', 'From one of those looks to the next, whether it has ended or not.'),
  recovery_retries: setting(
    integer(1, 10_000),
    30,
    'How many seconds to wait for a started, promoted or remastered server before giving it up.',
  ),
  replication_status_method: setting(
    plugin('replication_status_method'),
    'replication_lag_mb',
    'How a replica is judged to lag.',
  ),
};

const fencing = {
  fence_method: setting(
    nullable(plugin('fence_method')),
    null,
    'A plugin that powers a host off, for a lost master that ssh cannot reach. `null`: there is none.',
  ),
  require_fencing: setting(
    boolean,
    false,
    '`true` refuses to fail over without proof that the old master is stopped. `false` goes on where every witness ' +
      'agrees that it is gone, and stops it as soon as it comes back.',
  ),
  min_witnesses: setting(
    integer(0, 1000),
    1,
    'How many replicas must answer, and not see the master either, before it is believed to be lost.',
  ),
  failover_on_hung: setting(
    boolean,
    true,
    'A master whose process lives and does not answer: `true` kills it over ssh and fails over; `false` raises an ' +
      'alarm only.',
  ),
};

const connections = {
  connection_failover_method: setting(
    nullable(plugin('connection_failover_method')),
    null,
    'How clients are moved to the new master. `null`: they find it themselves.',
  ),
  poll_connection_proxy: setting(
    boolean,
    false,
    '`true` polls also through the proxy of `connection_failover_method`, as a client would connect.',
  ),
};

/** When to fail over, and how. Assignable to the core's policy once parsed. */
export const failoverSection = z.strictObject({
  auto_failover: setting(
    boolean,
    false,
    '`true` lets `failover-check` fail over by itself. `false` raises the alarm and leaves it to a person.',
  ),
  ...checks,
  selection_method: setting(
    plugin('selection_method'),
    'select_replica_furthest_ahead',
    'In which order the replicas that are fit are tried. One that is behind the furthest-ahead by more than its ' +
      '`lag_limit` goes last, whatever the method.',
  ),
  remaster: setting(boolean, true, 'Make the other replicas follow the new master after a failover.'),
  restart_master: setting(
    boolean,
    false,
    '`true` tries to start a master whose process is gone before failing over; `false` fails over at once.',
  ),
  auto_rejoin: setting(
    boolean,
    false,
    'An old master that comes back: `true` makes it a replica of the new one; `false` only stops it.',
  ),
  rejoin_method: setting(plugin('rejoin_method'), 'rejoin_rewind', 'How an old master is made a replica again.'),
  ...fencing,
  max_data_loss: setting(
    lossLimit,
    'unlimited',
    'The most that an automatic failover may lose: `none` (only when it is proved that nothing is lost), a size, or ' +
      '`unlimited`.',
  ),
  min_failover_interval: setting(
    duration(0, 30 * DAY),
    '10m',
    'A second automatic failover sooner than this after the end of the last one is refused; `handyrep ack` ends the ' +
      'wait.',
  ),
  ...connections,
});
