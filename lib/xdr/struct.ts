/**
 * Structures: fields one after the other, without anything between them.
 *
 * Source: RFC 4506 section 4.14.
 */

import { inside } from "./errors.ts";
import type { Static, XdrType } from "./types.ts";

/** The fields of a structure, in wire order. */
export type Fields = Readonly<Record<string, XdrType<unknown>>>;

/** The value of a structure: one property a field. */
export type StructValue<F extends Fields> = { -readonly [K in keyof F]: Static<F[K]> };

/** A structure of the given fields, in the order in which they are written here. */
export function struct<F extends Fields>(name: string, fields: F): XdrType<StructValue<F>> {
  const members = Object.entries(fields);
  // Values that begin with all their fields have one shape: adding these one at a time costs more than to read them.
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
