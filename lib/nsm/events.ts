/**
 * Event history for administrators. An event is noted after the fact; no decision and no reply
 * depends on it.
 */

/** Event kinds and their texts. The names are part of the interface of `nsmctl events --json`. */
export const EVENT_KINDS = {
  started: "rpc.statd began to serve",
  stopped: "rpc.statd was stopped by a signal",
  registered: "rpcbind lists us again",
  unregistered: "rpcbind does not list us",
  monitored: "a lock manager asked for a peer to be monitored",
  unmonitored: "a lock manager asked for a peer to be no longer monitored",
  forgotten: "an administrator removed a peer from the list",
  declared: "an administrator declared that a peer has rebooted",
  rebooted: "a peer said that it has rebooted",
  lockManagerTold: "our lock manager was told of a reboot",
  lockManagerSilent: "our lock manager could not be told of a reboot so far",
  lockManagerGivenUp: "our lock manager was not told of a reboot",
  refused: "a call or a notice was refused",
  doubted: "a notice was doubtful but was believed",
  notifying: "sm-notify began to tell peers of our reboot",
  told: "a peer was told of our reboot",
  notYetTold: "a peer could not be told of our reboot so far",
  notTold: "a peer was not told of our reboot",
  leftAlone: "the record of a peer was gone before the peer was told",
  notified: "sm-notify ended",
  identityAcquired: "an identity of nsm-cluster(7) was acquired",
  identityReleased: "an identity was released",
  identityLost: "another node has taken an identity",
  ledgerFailed: "the ledger of an identity does not work",
  ledgerWorks: "the ledger of an identity works again",
  omitted: "there were more events of a kind than are kept",
} as const;

export type EventKind = keyof typeof EVENT_KINDS;

export interface NsmEvent {
  readonly event: EventKind;
  /** mon_name of the peer. */
  readonly peer?: string | undefined;
  /** Name of the identity. */
  readonly identity?: string | undefined;
  readonly address?: string | undefined;
  readonly transport?: "udp" | "tcp" | undefined;
  /** State from the peer's notice, or our state in a notice to the peer. */
  readonly state?: number | undefined;
  /** Requester: the my_name of a lock manager, or a user of this host. */
  readonly by?: string | undefined;
  readonly attempts?: number | undefined;
  /** Number of peers, or of events of the kind in `reason`. */
  readonly count?: number | undefined;
  readonly ms?: number | undefined;
  readonly reason?: string | undefined;
}

/** Event sink; neither throws nor blocks. */
export type NoteEvent = (event: NsmEvent) => void;
