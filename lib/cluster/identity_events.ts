/** What becomes of identities: each is a line of the log, and an event of the history. */

import type { Log } from "../log.ts";

/** How loud each is said. */
const LEVELS = {
  identityAcquired: "notice",
  identityReleased: "notice",
  identityLost: "error",
  ledgerFailed: "error",
  ledgerWorks: "notice",
} as const;

/** Takes it for the history. */
export type NoteOfIdentity = (event: {
  readonly event: keyof typeof LEVELS;
  readonly identity: string;
  readonly reason: string;
}) => void;

/** Says what became of the identity `id`. */
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
