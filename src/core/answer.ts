import type { Decision } from './decision.js';
import type { Diagnosis, LostMaster } from './diagnosis.js';
import type { ClusterStatusName } from './model.js';

export type Answer = Pick<Decision, 'action' | 'details' | 'hint' | 'cluster_status' | 'success' | 'alarm'>;

function calm(details: string, cluster_status: ClusterStatusName = 'healthy'): Answer {
  return {
    action: { kind: 'none' },
    details,
    hint: null,
    cluster_status,
    success: true,
    alarm: cluster_status !== 'healthy',
  };
}

function refuse(details: string, hint: string, cluster_status: ClusterStatusName): Answer {
  return { action: { kind: 'none' }, details, hint, cluster_status, success: false, alarm: true };
}

/** What follows from every situation that is not a lost master. */
export function answer(diagnosis: Exclude<Diagnosis, LostMaster>): Answer {
  switch (diagnosis.kind) {
    case 'manager_cut_off':
      return refuse(
        'no server answers at all: this host may be the one that is cut off, so nothing is done',
        "check this host's network, then run `handyrep poll`",
        'unknown',
      );
    case 'resolver_failing':
      return refuse(
        'this host could not ask the master, by a fault of its own (name resolution, a missing program): no evidence about the server',
        "see the evidence; check this host's name resolution, or use an address as hostname",
        'unknown',
      );
    case 'not_active':
      return { ...calm(`this HandyRep is not the active one: ${diagnosis.detail}`, 'unknown'), alarm: false };
    case 'operation_unfinished':
      return {
        ...refuse(
          'an unfinished operation comes first',
          'the next `handyrep failover-check` finishes it or rolls it back',
          'down',
        ),
        action: { kind: 'resume' },
      };
    case 'fenced_master_returned':
      return {
        ...refuse(
          `${diagnosis.servers.join(', ')} was master before and is back accepting writes: it is stopped before anything else`,
          'make it a replica again with pg_rewind or a new base backup before it is started',
          'warning',
        ),
        action: { kind: 'fence_returned', servers: diagnosis.servers },
      };
    case 'two_masters':
      return refuse(
        `${diagnosis.servers.join(' and ')} accept writes, and the saved state does not say which one is right`,
        'decide which one holds the data to keep, and stop the others; then `handyrep verify`, or `handyrep adopt` if it is not the recorded master',
        'down',
      );
    case 'promoted_by_hand': {
      const { old_master, new_master } = diagnosis;
      const details = `${new_master} was promoted by hand: it is recorded as the master, and the fencing of ${old_master} is owed`;
      const action = { kind: 'record_master', old_master, new_master } as const;
      return { action, details, hint: null, cluster_status: 'warning', success: true, alarm: true };
    }
    case 'unrecorded_writer':
      return refuse(
        `the master ${diagnosis.master} does not answer, and ${diagnosis.writer} accepts writes without proof that it was promoted from this cluster: nobody is promoted beside it`,
        `decide which of the two holds the data to keep, and stop the other; \`handyrep adopt\` then records ${diagnosis.writer} as the master`,
        'down',
      );
    case 'no_master_recorded':
      return refuse(
        'the saved servers hold no enabled master',
        'record the one that accepts writes with `handyrep adopt`, which shows it and asks',
        'unknown',
      );
    case 'foreign_master':
      return refuse(
        `${diagnosis.master} is a server of another cluster: its system identifier is not ours`,
        'correct hostname and port of the server, or restore what was replaced',
        'down',
      );
    case 'master_in_recovery':
      return refuse(
        `${diagnosis.master} is recorded as master and is in recovery: no server of the cluster takes writes`,
        'see who changed its role; then promote the right server by hand, and HandyRep will record it',
        'down',
      );
    case 'master_on_old_timeline':
      return refuse(
        `${diagnosis.newer} is on a newer timeline than the master ${diagnosis.master}: somebody promoted a server`,
        'find the server that was promoted; stop the one whose data is not to be kept, and record the other with `handyrep adopt`',
        'warning',
      );
    case 'master_read_only':
      return calm(`${diagnosis.master} is up, but default_transaction_read_only is on`, 'warning');
    case 'master_wedged':
      return refuse(
        `the master ${diagnosis.master} answers and acknowledges no write (${diagnosis.detail}): no failover while it lives`,
        `look at its disks and its log; if it is beyond repair, stop it (\`handyrep stop ${diagnosis.master} --mode immediate\`, or power its host off), and the next check fails over`,
        'down',
      );
    case 'master_healthy':
      return calm(`the master ${diagnosis.master} is up`);
    case 'master_saturated':
      return calm(`the master ${diagnosis.master} is up, and all its connections are in use`, 'warning');
    case 'master_starting':
      return refuse(
        `the master ${diagnosis.master} is starting up (crash recovery, perhaps): it is up and not yet usable, no failover`,
        'wait for it; its log shows the progress of recovery',
        'down',
      );
    case 'master_stopping':
      return refuse(
        `the master ${diagnosis.master} is shutting down: it is up, somebody is stopping it, no failover`,
        'wait for the shutdown to end, or cancel what stops it',
        'down',
      );
    case 'master_rejects_us':
      return refuse(
        `the master ${diagnosis.master} answers and rejects our login: it is up, and the fault is ours, no failover`,
        'correct user, password, database or pg_hba.conf; `handyrep config check` shows the settings in use',
        'warning',
      );
    case 'master_silent':
      return {
        ...refuse(
          `the master ${diagnosis.master} does not answer`,
          '`handyrep failover-check` looks closer, and decides',
          'down',
        ),
        action: { kind: 'look', what: diagnosis.next },
      };
    case 'master_seen_by_replica':
      if (diagnosis.hangs) {
        return refuse(
          `the master ${diagnosis.master} lets nobody in, on its own host neither, and ${diagnosis.witnesses.join(', ')} can still reach it or hear from it: open sessions may still write, no failover`,
          'if it does not recover, end its postmaster on its host with kill -9; the next check fails over',
          'down',
        );
      }
      return refuse(
        `${diagnosis.witnesses.join(', ')} can still reach the master ${diagnosis.master}: the trouble is between us and it, no failover`,
        `check the network from this host to ${diagnosis.master}`,
        'warning',
      );
    case 'master_alive_to_its_host':
      return refuse(
        `PostgreSQL runs on ${diagnosis.master}'s host and is not reached from here: a network or port trouble, no failover`,
        `check hostname, port, listen_addresses and firewall of ${diagnosis.master}`,
        'warning',
      );
    case 'master_untold':
      return refuse(
        `the state of ${diagnosis.master} cannot be told (${diagnosis.why}): no failover`,
        `look at ${diagnosis.master}'s host, pgdata and ssh rights`,
        'down',
      );
    case 'too_few_witnesses':
      return refuse(
        `${diagnosis.master} does not answer, and ${diagnosis.have} replica(s) can confirm it: too few, we may be the ones cut off`,
        'check the network of this host; min_witnesses says how many replicas must confirm',
        'unknown',
      );
  }
}
