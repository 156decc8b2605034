import { ruleTable } from '../../../src/core/rules.js';
import { isSick, seenMaster } from './facts.js';
import { type DecisionPromise, all } from './promise.js';

/** What our clock may go back by within a run without being called sick, milliseconds. */
const CLOCK_TOLERANCE = 10_000;

/** What every decision says. */
export const WORDS: readonly DecisionPromise[] = [
  {
    of: 'P7',
    name: 'a refusal says why, and what can be done',
    holds: (_, { success, action, details, hint }) =>
      success || action.kind !== 'none' || (details !== '' && hint !== null && hint !== ''),
  },
  {
    of: 'P7',
    name: 'a decision has evidence, each with its source and its age',
    holds: (s, { evidence, diagnosis }) =>
      all(
        evidence,
        ({ text, source, at }) => (text !== '' && source !== '' && at <= s.now + CLOCK_TOLERANCE) || isSick(s),
      ) &&
      // A master that was not looked at leaves nothing to be told of it.
      (evidence.length > 0 || diagnosis.kind === 'master_silent'),
  },
  {
    of: 'P7',
    name: 'every veto says why',
    holds: (_, { vetoes }) => all(vetoes, (one) => one.text !== '' && one.hint !== ''),
  },
  {
    of: 'P7',
    name: 'whoever is not fit is told why',
    holds: (_, { fitness }) =>
      all(
        fitness,
        ({ candidate, unfit }) => (candidate === null) === unfit.length > 0 && all(unfit, (one) => one.text !== ''),
      ),
  },
  {
    of: 'P7',
    name: 'the rule that spoke has this situation in its table',
    holds: (_, { rule, diagnosis, vetoes }) =>
      vetoes.some((veto) => veto.rule === rule) ||
      ruleTable().some(({ number, situations }) => number === rule && situations.includes(diagnosis.kind)),
  },
  {
    of: 'P10',
    name: 'what is unknown or down is no success, and an alarm unless all is well',
    holds: (_, { success, cluster_status, alarm, diagnosis }) => {
      // Another HandyRep watches: this one knows nothing and has nothing to raise.
      if (diagnosis.kind === 'not_active') return success && cluster_status === 'unknown';
      return (
        (!success || ['healthy', 'warning'].includes(cluster_status)) &&
        (alarm || (success && cluster_status === 'healthy'))
      );
    },
  },
  {
    of: 'P10',
    name: 'a cluster is healthy only by a master that answers now',
    holds: (s, { cluster_status }) => {
      const seen = seenMaster(s);
      if (cluster_status !== 'healthy') return true;
      return (
        seen?.reach.kind === 'accepting' && (seen.facts === null || (!seen.facts.in_recovery && !seen.facts.read_only))
      );
    },
  },
  {
    of: 'P7',
    name: 'a lost master is acted on, or a veto says why not',
    holds: (_, { diagnosis, action, vetoes }) => {
      const lost = ['master_crashed', 'master_shut_down', 'master_stopped', 'master_hung', 'master_host_lost'];
      return !lost.includes(diagnosis.kind) || (action.kind === 'none') === vetoes.length > 0;
    },
  },
];
