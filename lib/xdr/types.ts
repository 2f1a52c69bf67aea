/**
 * XDR types as values: each gives both directions, and its static type is read from it.
 *
 * Decided here, once: an enumeration or bool refuses a number it does not list, padding is written as
 * zeros and not looked at when read, and decoded values never alias the buffer they came from.
 *
 * Source: RFC 4506 section 4.
 */

import { XdrError } from "./errors.ts";
import { XdrReader } from "./reader.ts";
import { XdrWriter } from "./writer.ts";

/** One XDR type, both directions. */
export interface XdrType<T> {
  /** The type in the notation of RFC 4506, for messages. */
  readonly label: string;
  /** Reads one value; throws {@link XdrError} when the bytes are not one. */
  decode(reader: XdrReader): T;
  /** Appends one value; throws {@link XdrError} when it has no encoding in this type. */
  encode(writer: XdrWriter, value: T): void;
}

/** The TypeScript type of the values of an XDR type. */
export type Static<X> = X extends XdrType<infer T> ? T : never;

/**
 * Encodes one value into bytes of its own.
 *
 * @throws {XdrError} When the value has no encoding in the type.
 */
export function toBytes<T>(type: XdrType<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new XdrWriter();
  type.encode(writer, value);
  return writer.bytes();
}

/**
 * Decodes one value from the start of `bytes`; what follows it is ignored.
 *
 * @throws {XdrError} When the bytes do not begin with a value of the type.
 */
export function fromBytes<T>(type: XdrType<T>, bytes: Uint8Array): T {
  return type.decode(new XdrReader(bytes));
}

const INT_MIN = -0x80000000;
const INT_MAX = 0x7fffffff;
const UINT_MAX = 0xffffffff;

/** Signed 32-bit integer (section 4.1). */
export const int: XdrType<number> = {
  label: "int",
  decode: (reader) => reader.int("int"),
  encode(writer, value) {
    checkInteger("int", writer, value, INT_MIN, INT_MAX);
    writer.word(value);
  },
};

/** Unsigned 32-bit integer (section 4.2). */
export const uint: XdrType<number> = {
  label: "unsigned int",
  decode: (reader) => reader.uint("unsigned int"),
  encode(writer, value) {
    checkInteger("unsigned int", writer, value, 0, UINT_MAX);
    writer.word(value);
  },
};

/** Boolean (section 4.4): 0 or 1. */
export const bool: XdrType<boolean> = {
  label: "bool",
  decode(reader) {
    const at = reader.offset;
    const value = reader.uint("bool");
    if (value > 1) throw new XdrError("decode", "bool", at, `${value} is neither 0 nor 1`);
    return value === 1;
  },
  encode: (writer, value) => writer.word(value ? 1 : 0),
};

/** No bytes at all (section 4.16). */
export const nothing: XdrType<void> = {
  label: "void",
  decode() {},
  encode() {},
};

/** An integer of which only the listed values exist (section 4.3). */
export function enumeration<const V extends number>(
  name: string,
  values: Readonly<Record<string, V>>,
): XdrType<V> {
  const label = `enum ${name}`;
  const known = new Set<number>(Object.values(values));
  const isKnown = (value: number): value is V => known.has(value);
  return {
    label,
    decode(reader) {
      const at = reader.offset;
      const value = reader.int(label);
      if (!isKnown(value)) {
        throw new XdrError("decode", label, at, `${value} is not one of its values`);
      }
      return value;
    },
    encode(writer, value) {
      if (!isKnown(value)) {
        throw new XdrError("encode", label, writer.length, `${value} is not one of its values`);
      }
      writer.word(value);
    },
  };
}

/** Exactly `length` bytes, without a length word (section 4.9). */
export function opaque(length: number): XdrType<Uint8Array> {
  const label = `opaque[${length}]`;
  return {
    label,
    decode: (reader) => reader.opaque(length, label),
    encode(writer, value) {
      if (value.length !== length) {
        throw new XdrError("encode", label, writer.length, `length is ${value.length}`);
      }
      writer.opaque(value);
    },
  };
}

/** Up to `max` bytes behind a length word (section 4.10). */
export function varOpaque(max: number): XdrType<Uint8Array> {
  const label = `opaque<${max}>`;
  return {
    label,
    decode: (reader) => reader.opaque(readLength(reader, label, max), label),
    encode(writer, value) {
      writeLength(writer, label, value.length, max);
      writer.opaque(value);
    },
  };
}

/**
 * Up to `max` bytes of text behind a length word (section 4.11), lossless: one character from U+0000
 * to U+00FF for each byte. Which text is acceptable is for others to judge.
 */
export function string(max: number): XdrType<string> {
  const label = `string<${max}>`;
  return {
    label,
    decode: (reader) => reader.text(readLength(reader, label, max), label),
    encode(writer, value) {
      for (let i = 0; i < value.length; i++) {
        if (value.charCodeAt(i) > 0xff) {
          throw new XdrError("encode", label, writer.length, `character ${i} is above U+00FF`);
        }
      }
      writeLength(writer, label, value.length, max);
      writer.text(value);
    },
  };
}

/** Up to `max` values of one type behind a length word (section 4.13). */
export function varArray<T>(element: XdrType<T>, max: number): XdrType<T[]> {
  const label = `${element.label}<${max}>`;
  return {
    label,
    decode(reader) {
      const length = readLength(reader, label, max);
      const values: T[] = [];
      for (let i = 0; i < length; i++) {
        values.push(within(`[${i}]`, () => element.decode(reader)));
      }
      return values;
    },
    encode(writer, values) {
      writeLength(writer, label, values.length, max);
      values.forEach((value, i) => within(`[${i}]`, () => element.encode(writer, value)));
    },
  };
}

/** A value or its absence, behind a bool (section 4.19). */
export function optional<T>(type: XdrType<T>): XdrType<T | undefined> {
  return {
    label: `*${type.label}`,
    decode: (reader) => bool.decode(reader) ? type.decode(reader) : undefined,
    encode(writer, value) {
      bool.encode(writer, value !== undefined);
      if (value !== undefined) type.encode(writer, value);
    },
  };
}

/** The fields of a structure, in wire order. */
export type Fields = Readonly<Record<string, XdrType<unknown>>>;

/** The value of a structure: one property a field. */
export type StructValue<F extends Fields> = { -readonly [K in keyof F]: Static<F[K]> };

/** Fields one after the other, in the order they are written here (section 4.14). */
export function struct<F extends Fields>(name: string, fields: F): XdrType<StructValue<F>> {
  const members = Object.entries(fields);
  return {
    label: `struct ${name}`,
    decode(reader) {
      const value: Record<string, unknown> = {};
      for (const [field, type] of members) {
        try {
          value[field] = type.decode(reader);
        } catch (error) {
          throw error instanceof XdrError ? error.inside(field) : error;
        }
      }
      return value as StructValue<F>;
    },
    encode(writer, value: Record<string, unknown>) {
      for (const [field, type] of members) {
        try {
          type.encode(writer, value[field]);
        } catch (error) {
          throw error instanceof XdrError ? error.inside(field) : error;
        }
      }
    },
  };
}

/** The arms of a union: the type of the body for each value of the discriminant. */
export type Arms = Readonly<Record<number, XdrType<unknown>>>;

/** The value of a union: the discriminant and the body that belongs to it. */
export type UnionValue<D extends string, A extends Arms> = {
  [K in keyof A & number]: { [P in D]: K } & { body: Static<A[K]> };
}[keyof A & number];

/** A discriminant, then the body that it selects (section 4.15); there is no default arm. */
export function union<const D extends string, const A extends Arms>(
  name: string,
  discriminant: D,
  arms: A,
): XdrType<UnionValue<D, A>> {
  const label = `union ${name}`;
  const arm = (operation: "decode" | "encode", at: number, value: number) => {
    const type = Object.hasOwn(arms, value) ? arms[value] : undefined;
    if (type === undefined) {
      throw new XdrError(operation, label, at, `there is no arm for ${discriminant} ${value}`);
    }
    return type;
  };
  return {
    label,
    decode(reader) {
      const at = reader.offset;
      const value = reader.int(label);
      const type = arm("decode", at, value);
      const body = within("body", () => type.decode(reader));
      return { [discriminant]: value, body } as UnionValue<D, A>;
    },
    encode(writer, value) {
      const selected = value[discriminant] as number;
      const type = arm("encode", writer.length, selected);
      writer.word(selected);
      within("body", () => type.encode(writer, value.body));
    },
  };
}

function within<T>(field: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof XdrError ? error.inside(field) : error;
  }
}

function checkInteger(type: string, writer: XdrWriter, value: number, min: number, max: number) {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new XdrError("encode", type, writer.length, `${value} is not in ${min}..${max}`);
  }
}

function readLength(reader: XdrReader, label: string, max: number): number {
  const at = reader.offset;
  const length = reader.uint(label);
  if (length > max) {
    throw new XdrError("decode", label, at, `length ${length} is above the maximum ${max}`);
  }
  return length;
}

function writeLength(writer: XdrWriter, label: string, length: number, max: number): void {
  if (length > max) {
    throw new XdrError(
      "encode",
      label,
      writer.length,
      `length ${length} is above the maximum ${max}`,
    );
  }
  writer.word(length);
}
