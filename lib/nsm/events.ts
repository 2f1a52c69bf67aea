/**
 * The history: what happened that an administrator asks about afterwards. An event is noted after the
 * fact and for people alone; no decision and no reply depends on it.
 */

/** Every kind of event, and what it says; the names are part of the interface of `nsmctl events --json`. */
export const EVENT_KINDS = {
  started: "rpc.statd began to serve",
  stopped: "rpc.statd was stopped by a signal",
  registered: "rpcbind lists us again",
  unregistered: "rpcbind does not list us",
  monitored: "a lock manager asked for a peer to be monitored",
  unmonitored: "a peer is not monitored any more, as a lock manager asked",
  forgotten: "an administrator removed a peer from the list",
  declared: "an administrator declared that a peer has rebooted",
  rebooted: "a peer said that it has rebooted",
  lockManagerTold: "our lock manager knows of a reboot",
  lockManagerSilent: "our lock manager could not be told of a reboot so far",
  lockManagerGivenUp: "our lock manager was not told of a reboot",
  refused: "a call or a notice was refused",
  doubted: "a notice was doubtful and was believed all the same",
  notifying: "sm-notify began to tell peers of our reboot",
  told: "a peer was told of our reboot",
  notYetTold: "a peer could not be told of our reboot so far",
  notTold: "a peer was not told of our reboot",
  leftAlone: "the record of a peer was gone before the peer was told",
  notified: "sm-notify came to its end",
  omitted: "there were more events of a kind than are kept",
} as const;

export type EventKind = keyof typeof EVENT_KINDS;

/** Something that happened. */
export interface NsmEvent {
  readonly event: EventKind;
  /** The peer's mon_name. */
  readonly peer?: string | undefined;
  readonly address?: string | undefined;
  readonly transport?: "udp" | "tcp" | undefined;
  /** The peer's state in its notice, or ours in what peers are told. */
  readonly state?: number | undefined;
  /** Who asked: the my_name of a lock manager, or a user of this host. */
  readonly by?: string | undefined;
  readonly attempts?: number | undefined;
  /** How many peers, or events of the kind that `reason` names. */
  readonly count?: number | undefined;
  readonly ms?: number | undefined;
  readonly reason?: string | undefined;
}

/** Takes events; it neither throws nor waits. */
export type NoteEvent = (event: NsmEvent) => void;
