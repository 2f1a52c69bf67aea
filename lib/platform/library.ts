/**
 * Shared libraries. For each function that Deno opens, it compiles a fast path with Cranelift: 0.1 ms
 * and 25 KB, for code that only optimised callers reach. A function that returns a structure gets
 * none. So a function is declared to return a structure of one word, which the System V ABI and
 * AAPCS64 return in the register of that word; only {@link Options.quick} ones keep their type.
 *
 * A call takes 0.3 µs more. Source: ext/ffi/turbocall.rs of Deno.
 */

/** Functions of a library by name. */
type Functions = Readonly<Record<string, Deno.ForeignFunction>>;

/** Reads a result from the bytes of the structure. */
const WORDS = {
  i32: (bytes: Uint8Array<ArrayBuffer>) => new Int32Array(bytes.buffer)[0]!,
  i64: (bytes: Uint8Array<ArrayBuffer>) => new BigInt64Array(bytes.buffer)[0]!,
  u64: (bytes: Uint8Array<ArrayBuffer>) => new BigUint64Array(bytes.buffer)[0]!,
  usize: (bytes: Uint8Array<ArrayBuffer>) => new BigUint64Array(bytes.buffer)[0]!,
} as const;

interface Options<F extends Functions> {
  /** Functions called for each message or each file, which are worth the fast path. */
  readonly quick?: readonly (keyof F)[];
}

/**
 * Opens a library like `Deno.dlopen`, which takes a permission.
 *
 * @throws {Error} When the library or a function is missing, or the permission.
 */
export function openLibrary<F extends Functions>(
  name: string,
  functions: F,
  { quick = [] }: Options<F> = {},
): Pick<Deno.DynamicLibrary<F>, "symbols" | "close"> {
  const declared: Record<string, Deno.ForeignFunction> = { ...functions };
  const readers = new Map<string, (bytes: Uint8Array<ArrayBuffer>) => number | bigint>();
  for (const [key, { result, nonblocking }] of Object.entries(functions)) {
    if (nonblocking === true || quick.includes(key) || !isWord(result)) continue;
    readers.set(key, WORDS[result]);
    declared[key] = { ...functions[key]!, result: { struct: [result] } };
  }
  const library = Deno.dlopen(name, declared);
  const symbols = library.symbols as Record<string, (...args: unknown[]) => unknown>;
  for (const [key, read] of readers) {
    const call = symbols[key] as (...args: unknown[]) => Uint8Array<ArrayBuffer>;
    symbols[key] = (...args) => read(call(...args));
  }
  return library as unknown as Deno.DynamicLibrary<F>;
}

function isWord(type: Deno.NativeResultType): type is keyof typeof WORDS {
  return typeof type === "string" && Object.hasOwn(WORDS, type);
}
