/** Parsing of owners, from storage that other nodes write. */

import { jsonObject } from "../json_object.ts";
import { isOdd } from "../nsm/state_number.ts";
import { asciiJson } from "../quote.ts";
import type { Ownership } from "./ledger.ts";

/** Owner as text without its epoch, which is stored elsewhere; with a token of the writer. */
export function ownerText(value: Omit<Ownership, "epoch"> & { readonly token: string }): string {
  return asciiJson(value);
}

/**
 * Whether an owner is this node. Another host may have its name, so the owner's life has to be the
 * present one, or that of the last owner that this node remembers.
 */
export function isThisNode(
  owner: Ownership,
  { node, life }: Pick<Ownership, "node" | "life">,
  last: Ownership | undefined,
): boolean {
  return owner.node === node && (owner.life === life || owner.life === last?.life);
}

/** Owner in a text without an epoch; undefined if invalid. */
export function parseOwner(text: string, epoch: number): Ownership | undefined {
  return ownershipOf({ ...jsonObject(text), epoch });
}

/** Owner in a JSON text; undefined if invalid. */
export function parseOwnership(text: string): Ownership | undefined {
  return ownershipOf(jsonObject(text));
}

/** Owner in a JSON value; undefined if invalid. */
export function ownershipOf(value: unknown): Ownership | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { epoch, state, node, life, since, isReleased } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(epoch) || epoch as number < 1) return undefined;
  if (!Number.isInteger(state) || (state as number | 0) !== state || !isOdd(state)) {
    return undefined;
  }
  const texts = [node, life, since];
  if (!texts.every((it) => typeof it === "string") || typeof isReleased !== "boolean") {
    return undefined;
  }
  return {
    epoch: epoch as number,
    state,
    node: node as string,
    life: life as string,
    since: since as string,
    isReleased,
  };
}
