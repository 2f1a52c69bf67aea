/**
 * Structures: fields one after the other.
 *
 * Source: RFC 4506 section 4.14.
 */

import { inside } from "./errors.ts";
import type { Static, XdrType } from "./types.ts";

/** Fields of a structure, in wire order. */
export type Fields = Readonly<Record<string, XdrType<unknown>>>;

/** Value of a structure, with one property per field. */
export type StructValue<F extends Fields> = { -readonly [K in keyof F]: Static<F[K]> };

/** Structure of the given fields, in this order. */
export function struct<F extends Fields>(name: string, fields: F): XdrType<StructValue<F>> {
  const members = Object.entries(fields);
  // Preallocating all fields gives values one hidden class; adding them one at a time costs more
  // than reading them.
  const blank: Record<string, unknown> = Object.fromEntries(members.map(([field]) => [field, 0]));
  return {
    label: `struct ${name}`,
    decode(reader) {
      const value = { ...blank };
      for (const [field, type] of members) {
        try {
          value[field] = type.decode(reader);
        } catch (error) {
          throw inside(field, error);
        }
      }
      return value as StructValue<F>;
    },
    encode(writer, value: Record<string, unknown>) {
      for (const [field, type] of members) {
        try {
          type.encode(writer, value[field]);
        } catch (error) {
          throw inside(field, error);
        }
      }
    },
  };
}
