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
  | 'ARCHIVE'
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
  /**
   * Also to be told to people: `announcement` is the beginning of something, told with growing pauses where it begins again and
   * again; `status` is a change of a status, of which people are told from the saved state.
   */
  readonly alert?: boolean | 'announcement' | 'status' | undefined;
  readonly ms?: number | undefined;
}
