/** A peer memory that forgets at once. */

import type { PeerFacts, PeerMemory } from "../../lib/nsm/ports.ts";

export class NoPeerMemory implements PeerMemory {
  load(): Map<string, PeerFacts> {
    return new Map();
  }
  note(): void {}
  forget(): void {}
  flush(): void {}
}
