/** Taking an identity from a ledger that may say nothing for a moment. */

import { type Clock, sleep } from "../time/clock.ts";
import { type Ledger, type Ownership, SilentLedgerError, type Taking } from "./ledger.ts";

/** Pause before a ledger is asked again that says nothing, in ms: an election takes a second. */
const AGAIN_MS = 300;

/** How long it is tried. */
interface Patience {
  readonly clock: Clock;
  /** The time at which a failure is one, in ms of the clock. */
  readonly until: number;
  /** Hears of failures before that. */
  readonly tried: (reason: string) => void;
}

/** Takes an identity: from whoever is dead, and from an earlier process of this node. */
export async function takeInTime(
  ledger: Ledger,
  claim: Pick<Ownership, "node" | "life" | "since">,
  isFenced: boolean,
  { clock, until, tried }: Patience,
): Promise<Taking> {
  for (;;) {
    try {
      // Whoever asked has been told that it failed when it is late: another node may hold it by then.
      return await ledger.take(
        claim,
        (owner) => clock.now() < until && (isFenced || owner.node === claim.node),
      );
    } catch (error) {
      if (!(error instanceof SilentLedgerError) || clock.now() >= until) throw error;
      tried(error.message);
    }
    await sleep(clock.startTimer, AGAIN_MS);
  }
}
