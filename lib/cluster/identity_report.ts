/** Report on one identity; absent fields are unknown. */
export interface IdentityReport {
  readonly id: string;
  /** Texts of its definition. */
  readonly texts: Readonly<Record<string, string>>;
  readonly state: "held" | "not held" | "superseded";
  readonly epoch?: number;
  /** State number announced with the epoch. */
  readonly number?: number;
  /** Time of acquisition, in ISO 8601. */
  readonly since?: string;
  readonly supersededBy?: string;
  /** Peers on record under the present epoch. */
  readonly recorded: number;
  /** Peers to be told of older epochs. */
  readonly pending: number;
  /** Unreadable lines in older epochs. */
  readonly unread: number;
  /** Peers acknowledged, or waiting, that are not on record yet. */
  readonly unreplicated: number;
  /** Why nothing can be recorded now. */
  readonly fault?: string;
}
