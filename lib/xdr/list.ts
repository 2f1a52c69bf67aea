/**
 * Arrays of fixed length, and linked lists, which the RPC language declares as a structure with an
 * optional pointer to the next one.
 *
 * Source: RFC 4506 sections 4.12 (fixed-length array) and 4.19 (optional-data).
 */

import { inside, XdrError } from "./errors.ts";
import { bool, type XdrType } from "./types.ts";

/** Exactly `length` values, without a length word. */
export function fixedArray<T>(element: XdrType<T>, length: number): XdrType<readonly T[]> {
  const label = `${element.label}[${length}]`;
  return {
    label,
    decode: (reader) => Array.from({ length }, () => element.decode(reader)),
    encode(writer, values) {
      if (values.length !== length) {
        throw new XdrError("encode", label, writer.length, `the length is ${values.length}`);
      }
      for (const value of values) element.encode(writer, value);
    },
  };
}

/** Linked list of up to `max` values: TRUE before each, FALSE at the end. */
export function linkedList<T>(element: XdrType<T>, max: number): XdrType<readonly T[]> {
  const label = `list of ${element.label}<${max}>`;
  return {
    label,
    decode(reader) {
      const values: T[] = [];
      while (bool.decode(reader)) {
        if (values.length === max) {
          throw new XdrError("decode", label, reader.offset, `it has more than ${max} values`);
        }
        try {
          values.push(element.decode(reader));
        } catch (error) {
          throw inside(`[${values.length}]`, error);
        }
      }
      return values;
    },
    encode(writer, values) {
      if (values.length > max) {
        throw new XdrError("encode", label, writer.length, `it has more than ${max} values`);
      }
      for (const value of values) {
        bool.encode(writer, true);
        element.encode(writer, value);
      }
      bool.encode(writer, false);
    },
  };
}
