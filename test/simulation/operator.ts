import { withReplica } from '../../src/act/record.js';
import { waysOf } from '../../src/core/connections.js';
import { refuseStart } from '../../src/core/service-rules.js';
import { recordedMaster } from '../../src/core/situation.js';
import type { Lab } from './lab.js';
import { check, inRun, refresh } from './check.js';
import type { Host, Run } from './manager.js';
import { sendTo } from './proxies.js';
import { follow } from './steps.js';
import { holds } from './wal.js';

/** What people do with HandyRep's commands. They come between two checks: the lock keeps them apart. */
export type Command = (lab: Lab, host: Host) => void;

export const pause: Command = ({ setup }, host) => {
  change(setup, host, (run) => {
    run.save((state) => ({ ...state, pause: { since: run.iso(), until: null, reason: 'maintenance' } }));
  });
};

export const resumeActing: Command = ({ setup }, host) => {
  change(setup, host, (run) => {
    run.save((state) => ({ ...state, pause: null }));
  });
};

export const acknowledge: Command = ({ setup }, host) => {
  change(setup, host, (run) => {
    run.save((state) => ({
      ...state,
      last_failover: state.last_failover === null ? null : { ...state.last_failover, acknowledged: true },
    }));
  });
};

/** `proxy init`, when a master is well. */
export const initProxies: Command = ({ setup }, host) => {
  inRun(setup, host, (run) => {
    const over = { decision: null, situation: null };
    const { decision } = run.observe({ persistent: false, thorough: true, on_demand: null, restart_failed: null });
    const master = recordedMaster(run.state);
    if (run.isUnproved() || decision.diagnosis.kind !== 'master_healthy' || master === null) return over;
    if (run.state.operation === null) sendTo(run, waysOf(run.state), master);
    return over;
  });
};

/** A change of what is saved; nothing is changed where nothing was saved ever. */
function change(setup: Lab['setup'], host: Host, what: (run: Run) => void): void {
  inRun(setup, host, (run) => {
    if (!run.isUnproved()) what(run);
    return { decision: null, situation: null };
  });
}

/** `failover`: a switchover of a master that lives, a failover of one that is lost. */
export function failover(to: string | null, force = false): Command {
  return ({ setup }, host) => {
    check(setup, host, { on_demand: { to, force }, planned: true });
  };
}

/** `start NAME`, by its rules. */
export function start(name: string): Command {
  return ({ setup }, host) => {
    inRun(setup, host, (run) => {
      const { state } = run;
      const look = run.hostOf(name);
      if (run.isUnproved() || state.operation !== null || look.kind === 'no_answer')
        return { decision: null, situation: null };
      const seen = Object.fromEntries(Object.keys(state.servers).map((one) => [one, run.look(one)]));
      const refusal = refuseStart({ state, server: name, host: look, seen });
      if (refusal === null) run.world.start(run.world.server(name));
      else run.tell(`start refused: ${refusal.message}`);
      run.pause(1000);
      return { decision: null, situation: null };
    });
  };
}

/** `rejoin NAME` in one piece: stop it, rewind it to the master's past, start it as a replica, prove that it streams. */
export function rejoin(name: string): Command {
  return ({ setup }, host) => {
    inRun(setup, host, (run) => {
      const over = { decision: null, situation: null };
      const { decision } = run.observe({ persistent: false, thorough: true, on_demand: null, restart_failed: null });
      const master = recordedMaster(run.state);
      if (run.isUnproved() || decision.diagnosis.kind !== 'master_healthy' || master === null || master === name)
        return over;
      if (run.state.operation !== null) return over;
      const seen = run.look(name);
      const look = run.hostOf(name);
      if (look.kind === 'no_answer' || seen.facts?.in_recovery === false) return over;
      if (look.postmaster.kind === 'running' && look.control?.state === 'in production') return over;
      const { world } = run;
      const server = world.server(name);
      const target = world.server(master);
      if (!(seen.facts?.receiver?.kind === 'running' && server.sender === master)) {
        world.kill(server);
        server.signal = true;
        run.pause(2000);
        if (!holds(target, server)) {
          server.branch = target.branch;
          server.histories.clear();
          for (const [tli, branch] of target.histories) server.histories.set(tli, branch);
          server.lsn = target.lsn;
        }
        server.upstream = master;
        world.start(server);
        run.pause(server.recoveryTime + 500);
        if (!follow(run, name, master)) return over;
      }
      run.save((state) => withReplica(state, name));
      run.tell(`rejoined ${name}`);
      refresh(run);
      return over;
    });
  };
}
