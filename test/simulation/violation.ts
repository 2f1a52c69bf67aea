/** An invariant that does not hold in a simulated world. */

/** What is promised, in the words that a failure begins with. */
export const INVARIANTS = {
  kept: "1: an acknowledged SM_MON that was not unmonitored since is on disk",
  agree: "1: list and disk agree whenever nothing is outstanding",
  revived: "1: what was unmonitored is on disk no more",
  passedOn: "2: a notice that was answered is passed on",
  once: "2: a state is passed on once where nothing crashed",
  announced: "2: only what was announced is passed on",
  older: "2: no state older than one passed on is passed on",
  unmonitored: "2: nobody is told after SM_UNMON was acknowledged",
  untold: "3: a record on the notify list goes only after a valid reply",
  told: "3: every peer of an earlier boot is told of a new state number",
  number: "3: the state number never goes back, and is odd while up",
  carriedOn: "3: a run that was cut short is carried on with its number",
  newNumber: "3: a peer is told a number that it cannot know yet",
  answered: "4: every call is answered or deliberately not",
  stops: "4: every stop ends within its limit",
  unhandled: "4: no error or rejection is unhandled",
  clean: "4: memory, timers and descriptors are back where they were",
  registered: "4: we are registered with rpcbind while both are there",
} as const;

export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(readonly invariant: Invariant, detail: string) {
    super(`${INVARIANTS[invariant]}: ${detail}`);
  }
}
