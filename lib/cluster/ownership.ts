/** Reading who holds an identity, from storage that others write to. */

import { jsonObject } from "../json_object.ts";
import { isOdd } from "../nsm/state_number.ts";
import { asciiJson } from "../quote.ts";
import type { Ownership } from "./ledger.ts";

/** A holder as text, where something else says the epoch: with it whatever the writer adds. */
export function ownerText(value: Omit<Ownership, "epoch"> & { readonly token: string }): string {
  return asciiJson(value);
}

/** The holder in a text that does not say the epoch; undefined where there is none in it. */
export function parseOwner(text: string, epoch: number): Ownership | undefined {
  return ownershipOf({ ...jsonObject(text), epoch });
}

/** What a text of JSON says of a holder; undefined where it is no such thing. */
export function parseOwnership(text: string): Ownership | undefined {
  return ownershipOf(jsonObject(text));
}

/** The holder in a value that JSON had; undefined where it is none. */
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
