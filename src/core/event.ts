/** Categories of the log (and of alerts). */
export type Category =
  | 'STARTUP'
  | 'POLL'
  | 'VERIFY'
  | 'CHECK'
  | 'DECISION'
  | 'FAILOVER'
  | 'FENCE'
  | 'PROMOTE'
  | 'REMASTER'
  | 'CLONE'
  | 'REJOIN'
  | 'PROXY'
  | 'SERVICE'
  | 'CONFIG'
  | 'STATE'
  | 'STATUS'
  | 'FAILURE'
  | 'RECOVERY'
  | 'ALERT'
  | 'PLUGIN';

/** Something worth telling: one line of the log. */
export interface Event {
  readonly category: Category;
  readonly message: string;
  readonly server?: string | undefined;
  readonly iserror?: boolean | undefined;
  /** Also to be sent to people. */
  readonly alert?: boolean | undefined;
  readonly ms?: number | undefined;
}
