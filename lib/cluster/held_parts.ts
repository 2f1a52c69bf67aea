/** What an identity that is held works with. */

import type { Clock } from "../time/clock.ts";
import type { SayOfIdentity } from "./identity_events.ts";
import type { Ledger } from "./ledger.ts";

export interface HeldParts {
  readonly id: string;
  readonly ledger: Ledger;
  /** Whether a host is acknowledged that the ledger does not have while it does not work. */
  readonly isLocalEnough: boolean;
  readonly clock: Clock;
  readonly say: SayOfIdentity;
}
