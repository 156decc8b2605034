export { HandyRep } from './service/handyrep.js';
export type { PromoteOptions, ReplayOptions } from './service/handyrep.js';
export type { OpenOptions } from './service/open-options.js';
export type { AdoptOptions, AdoptReport } from './service/adopt.js';
export type { RecordChange } from './core/adopt.js';
export type { FailoverOptions } from './service/failover.js';
export type { ClonedServer, CloneOptions, CloneReport } from './service/clone.js';
export type { DrillOptions, DrillReport } from './service/drill.js';
export type { ExplainOptions, ExplainReport } from './service/explain.js';
export type { ReplayReport } from './service/replay.js';
export type { PauseOptions } from './service/operator.js';
export type { ArchiveCleanupReport, ArchiveReport } from './service/archive-commands.js';
export type { ArchiveServerView } from './service/archive-look.js';
export type { ArchiveMismatch } from './core/archive-scripts.js';
export type { ProxyReport } from './service/proxy-commands.js';
export type { RemasterOptions, RemasterReport } from './service/remaster.js';
export type { HistoryOptions, HistoryReport } from './service/history.js';
export type { RebuildView, ResolveOptions, ResolveReport } from './service/resolve.js';
export type { ServerChangeReport } from './service/change-servers.js';
export type { ServerListReport, ServerShowReport } from './service/server-list.js';
export type { RemoveOptions } from './service/server-switch.js';
export type { ServerSettings } from './service/servers.js';
export type { ServiceOptions } from './service/service-acts.js';
export type { ServiceReport } from './service/service-commands.js';
export type { KeptWal, RejoinOptions, RejoinReport } from './service/rejoin.js';
export type { CronAction, CronReport } from './service/cron.js';
export type { DoctorReport } from './service/doctor.js';
export type { DoctorFinding, Fix } from './core/doctor.js';
export type { HostSudoers, SudoersReport } from './service/sudoers.js';
export type { TimingsReport } from './service/timings.js';
export type { RunTiming, TimingPart } from './core/timings.js';
export type {
  CheckReport,
  FailoverCheckOptions,
  PollReport,
  RejoinedView,
  RepeatOptions,
  StatusReport,
} from './service/reports.js';
export type { AlertListReport, AlertTestReport } from './service/alert-report.js';
export type { Report } from './report/report.js';
export type { ProxyDetail, ServerDetail } from './report/server.js';
export type { ProxyView, ServerView, StatusView } from './report/status.js';
export type { DecisionView, OperationView, StepView } from './report/decision.js';
export type { HistoryView } from './report/history.js';
export type { PreflightFinding } from './core/preflight.js';
export type { LogLine } from './report/log-line.js';
export { HandyRepError } from './core/outcome.js';
export type { Failure, Outcome } from './core/outcome.js';
export type { CandidateAnswer, Explanation, RuleAnswer } from './core/explanation.js';
export type { Condition, Counterfactual } from './core/counterfactual.js';
export type { Fact } from './core/fact-words.js';
export type { Outage } from './core/outage.js';
export type { Replayed } from './core/replay.js';
export type { Difference, Verdict } from './core/verdict.js';
export type { ArchiverView } from './core/archive-rules.js';
export type { SlotView } from './core/slot-rules.js';
export type { HostDef, ProxyDef, Route, ServerDef } from './core/model.js';
export { definePlugin } from './plugin/contract.js';
export type * from './plugin/contract.js';
