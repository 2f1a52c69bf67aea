/** Known identities: in memory, and stored where the next process of this node finds them. */

import { type Definition, type DefinitionTexts, readDefinition } from "./definition.ts";
import type { Ownership } from "./ledger.ts";

/** Stored facts about an identity. */
export interface KnownIdentity {
  readonly texts: DefinitionTexts;
  /** Last epoch acquired here; held by later processes of its life, unless marked as released. */
  readonly own?: Ownership;
}

export class KnownIdentities {
  #byId: ReadonlyMap<string, KnownIdentity>;

  /** `save` stores all of them, or throws. */
  constructor(
    known: ReadonlyMap<string, KnownIdentity>,
    readonly save: (known: ReadonlyMap<string, KnownIdentity>) => void,
  ) {
    this.#byId = new Map(known);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): KnownIdentity | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<[string, KnownIdentity]> {
    return this.#byId.entries();
  }

  /** Adds or replaces an identity. @throws {Error} When it cannot be stored; nothing is changed then. */
  keep(id: string, known: KnownIdentity): void {
    this.#replace(new Map(this.#byId).set(id, known));
  }

  /**
   * Adds or replaces an identity that is not held. Its last epoch is kept, since the ledger may name
   * it.
   *
   * @throws {Error} When it cannot be stored; nothing is changed then.
   */
  release(id: string, texts: DefinitionTexts): void {
    const own = this.get(id)?.own;
    this.keep(id, { texts, ...(own === undefined ? {} : { own: { ...own, isReleased: true } }) });
  }

  /** Removes an identity. @throws {Error} When that cannot be stored; nothing is changed then. */
  forget(id: string): void {
    this.#replace(new Map([...this.#byId].filter(([other]) => other !== id)));
  }

  /** Another held identity with the same ledger directory; each identity needs its own. */
  sharerOf({ id, ledger }: Definition, isHeld: (id: string) => boolean): string | undefined {
    if (ledger.kind !== "directory") return undefined;
    return [...this.#byId].find(([other, { texts }]) =>
      other !== id && isHeld(other) && directoryOf(other, texts) === ledger.path
    )?.[0];
  }

  #replace(known: ReadonlyMap<string, KnownIdentity>): void {
    this.save(known);
    this.#byId = known;
  }
}

/** Ledger directory of a definition; undefined if there is none. */
function directoryOf(id: string, texts: DefinitionTexts): string | undefined {
  try {
    const { ledger } = readDefinition(id, texts);
    return ledger.kind === "directory" ? ledger.path : undefined;
  } catch {
    return undefined; // of an earlier version
  }
}
