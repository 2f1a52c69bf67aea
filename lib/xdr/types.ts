/**
 * XDR types as values: each has both directions, and its static type is derived from it.
 *
 * General rules: an enumeration or bool rejects an unlisted number; padding is written as zeros and
 * ignored when read; decoded values never alias the input buffer.
 *
 * Structures are in struct.ts, unions in union.ts. Of RFC 4506 only the types in use are declared.
 *
 * Source: RFC 4506 section 4.
 */

import { inside, XdrError } from "./errors.ts";
import { XdrReader } from "./reader.ts";
import { XdrWriter } from "./writer.ts";

/** XDR type with both directions. */
export interface XdrType<T> {
  /** Type in the notation of RFC 4506, for messages. */
  readonly label: string;
  /** Decodes one value; throws {@link XdrError} when the bytes are not one. */
  decode(reader: XdrReader): T;
  /** Encodes one value; throws {@link XdrError} when it has no encoding in this type. */
  encode(writer: XdrWriter, value: T): void;
}

/** TypeScript type of an XDR type's values. */
export type Static<X> = X extends XdrType<infer T> ? T : never;

/**
 * Encodes one value into a new buffer.
 *
 * @throws {XdrError} When the value has no encoding in the type.
 */
export function toBytes<T>(type: XdrType<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new XdrWriter();
  type.encode(writer, value);
  return writer.bytes();
}

/**
 * Decodes one value from the start of `bytes`; the rest is ignored.
 *
 * @throws {XdrError} When the bytes do not begin with a value of the type.
 */
export function fromBytes<T>(type: XdrType<T>, bytes: Uint8Array): T {
  return type.decode(new XdrReader(bytes));
}

/** Signed 32-bit integer (section 4.1). */
export const int: XdrType<number> = {
  label: "int",
  decode: (reader) => reader.int("int"),
  encode(writer, value) {
    checkInteger("int", writer, value, -0x80000000, 0x7fffffff);
    writer.word(value);
  },
};

/** Unsigned 32-bit integer (section 4.2). */
export const uint: XdrType<number> = {
  label: "unsigned int",
  decode: (reader) => reader.uint("unsigned int"),
  encode(writer, value) {
    checkInteger("unsigned int", writer, value, 0, 0xffffffff);
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

/** No bytes (section 4.16). */
export const nothing: XdrType<void> = {
  label: "void",
  decode() {},
  encode() {},
};

/** Integer restricted to the listed values (section 4.3). */
export function enumeration<const V extends number>(
  name: string,
  values: Readonly<Record<string, V>>,
): XdrType<V> {
  const label = `enum ${name}`;
  const known = new Set<number>(Object.values(values));
  const check = (operation: "decode" | "encode", at: number, value: number) => {
    if (known.has(value)) return value as V;
    throw new XdrError(operation, label, at, `${value} is not one of its values`);
  };
  return {
    label,
    decode(reader) {
      const at = reader.offset;
      return check("decode", at, reader.int(label));
    },
    encode: (writer, value) => writer.word(check("encode", writer.length, value)),
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
        throw new XdrError("encode", label, writer.length, `the length is ${value.length}`);
      }
      writer.opaque(value);
    },
  };
}

/** Up to `max` bytes after a length word (section 4.10). */
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
 * Up to `max` bytes of text after a length word (section 4.11), lossless: one character from U+0000
 * to U+00FF per byte. Callers judge which text is acceptable.
 */
export function string(max: number): XdrType<string> {
  const label = `string<${max}>`;
  return {
    label,
    decode: (reader) => reader.text(readLength(reader, label, max), label),
    encode(writer, value) {
      writeLength(writer, label, value.length, max);
      for (let i = 0; i < value.length; i++) {
        if (value.charCodeAt(i) > 0xff) {
          throw new XdrError("encode", label, writer.length, `character ${i} is above U+00FF`);
        }
      }
      writer.text(value);
    },
  };
}

/** Up to `max` values of one type after a length word (section 4.13). */
export function varArray<T>(element: XdrType<T>, max: number): XdrType<T[]> {
  const label = `${element.label}<${max}>`;
  return {
    label,
    decode(reader) {
      const length = readLength(reader, label, max);
      const values: T[] = [];
      for (let i = 0; i < length; i++) {
        try {
          values.push(element.decode(reader));
        } catch (error) {
          throw inside(`[${i}]`, error);
        }
      }
      return values;
    },
    encode(writer, values) {
      writeLength(writer, label, values.length, max);
      for (const [i, value] of values.entries()) {
        try {
          element.encode(writer, value);
        } catch (error) {
          throw inside(`[${i}]`, error);
        }
      }
    },
  };
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
    const reason = `length ${length} is above the maximum ${max}`;
    throw new XdrError("encode", label, writer.length, reason);
  }
  writer.word(length);
}
