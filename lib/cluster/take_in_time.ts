/** Acquiring an identity from a ledger that may be temporarily silent. */

import { type Clock, sleep } from "../time/clock.ts";
import { type Ledger, type Ownership, SilentLedgerError, type Taking } from "./ledger.ts";

/** Pause before a silent ledger is asked again, in ms: an election takes a second. */
const AGAIN_MS = 300;

/** Time limit of the attempts. */
interface Patience {
  readonly clock: Clock;
  /** Time after which a failure is final, in ms of the clock. */
  readonly until: number;
  /** Called for each earlier failure. */
  readonly tried: (reason: string) => void;
}

/** Takes an identity, unless its owner is one that `mayTakeFrom` protects. */
export async function takeInTime(
  ledger: Ledger,
  claim: Pick<Ownership, "node" | "life" | "since">,
  mayTakeFrom: (owner: Ownership) => boolean,
  { clock, until, tried }: Patience,
): Promise<Taking> {
  for (;;) {
    try {
      // Not after the limit: the caller was told of a failure, and another node may hold it.
      return await ledger.take(claim, (owner) => clock.now() < until && mayTakeFrom(owner));
    } catch (error) {
      if (!(error instanceof SilentLedgerError) || clock.now() >= until) throw error;
      tried(error.message);
    }
    await sleep(clock.startTimer, AGAIN_MS);
  }
}
