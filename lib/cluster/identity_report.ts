/** What the daemon tells of an identity. */

/** One identity; a field that is missing is not known. */
export interface IdentityReport {
  readonly id: string;
  /** The words of its definition. */
  readonly texts: Readonly<Record<string, string>>;
  readonly state: "held" | "not held" | "superseded";
  readonly epoch?: number;
  /** The state number that is announced with the epoch. */
  readonly number?: number;
  /** When it was acquired, in ISO 8601. */
  readonly since?: string;
  readonly supersededBy?: string;
  /** Peers on record under the present epoch. */
  readonly recorded: number;
  /** Peers that are to be told of older ones. */
  readonly pending: number;
  /** Lines of older epochs that cannot be read. */
  readonly unread: number;
  /** Peers that were acknowledged, or wait for it, and are not on record yet. */
  readonly unreplicated: number;
  /** Why nothing can be recorded now. */
  readonly fault?: string;
}
