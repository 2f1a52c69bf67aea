/** Events of identities: each is logged, and recorded in the history. */

import type { Log } from "../log.ts";

/** Log level of each event. */
const LEVELS = {
  identityAcquired: "notice",
  identityReleased: "notice",
  identityLost: "error",
  ledgerFailed: "error",
  ledgerWorks: "notice",
} as const;

/** Records an event in the history. */
export type NoteOfIdentity = (event: {
  readonly event: keyof typeof LEVELS;
  readonly identity: string;
  readonly reason: string;
}) => void;

/** Logs and records an event of the identity `id`. */
export type SayOfIdentity = (event: keyof typeof LEVELS, id: string, message: string) => void;

export function sayingOfIdentities(
  log: Pick<Log, "notice" | "error">,
  note: NoteOfIdentity,
): SayOfIdentity {
  return (event, id, message) => {
    log[LEVELS[event]](`Identity ${id}: ${message}`);
    note({ event, identity: id, reason: message });
  };
}
