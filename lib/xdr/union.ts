/**
 * Discriminated unions: a number, then the body that it selects.
 *
 * Source: RFC 4506 section 4.15.
 */

import { inside, XdrError } from "./errors.ts";
import type { Static, XdrType } from "./types.ts";

/** Arms of a union: the type of the body for each discriminant. */
export type Arms = Readonly<Record<number, XdrType<unknown>>>;

/** Value of a union: the discriminant and its body. */
export type UnionValue<D extends string, A extends Arms> = {
  [K in keyof A & number]: { [P in D | "body"]: P extends "body" ? Static<A[K]> : K };
}[keyof A & number];

/** Union without a default arm: an unknown discriminant is rejected. */
export function union<const D extends string, const A extends Arms>(
  name: string,
  discriminant: D,
  arms: A,
): XdrType<UnionValue<D, A>> {
  const label = `union ${name}`;
  const armOf = new Map(Object.entries(arms).map(([value, type]) => [Number(value), type]));
  const select = (operation: "decode" | "encode", at: number, value: number) => {
    const type = armOf.get(value);
    if (type !== undefined) return type;
    throw new XdrError(operation, label, at, `there is no arm for ${discriminant} ${value}`);
  };
  return {
    label,
    decode(reader) {
      const at = reader.offset;
      const value = reader.int(label);
      const type = select("decode", at, value);
      try {
        return { [discriminant]: value, body: type.decode(reader) } as UnionValue<D, A>;
      } catch (error) {
        throw inside("body", error);
      }
    },
    encode(writer, value) {
      const selected = value[discriminant] as number;
      const type = select("encode", writer.length, selected);
      writer.word(selected);
      try {
        type.encode(writer, value.body);
      } catch (error) {
        throw inside("body", error);
      }
    },
  };
}
