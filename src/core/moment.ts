/** Something that took time on the way to a decision, or before and after it. */
export interface Moment {
  readonly what: string;
  /** ISO 8601, UTC: when it began. */
  readonly at: string;
  /** How long it took; null: it is a point in time, or was not waited for. */
  readonly ms: number | null;
}
