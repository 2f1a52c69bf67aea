import { assertEquals, assertThrows } from "@std/assert";
import { openLibrary } from "../../lib/platform/library.ts";

const FUNCTIONS = {
  close: { parameters: ["i32"], result: "i32" },
  atoi: { parameters: ["buffer"], result: "i32" },
  atoll: { parameters: ["buffer"], result: "i64" },
  strlen: { parameters: ["buffer"], result: "usize" },
  strtoull: { parameters: ["buffer", "u64", "i32"], result: "u64" },
  getpid: { parameters: [], result: "i32" },
  free: { parameters: ["u64"], result: "void" },
  usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

function text(characters: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${characters}\0`);
}

const NAMES = Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[];

for (const quick of [[], NAMES]) {
  Deno.test(`results are those of the declared types, ${quick.length} of them quick`, async () => {
    const library = openLibrary("libc.so.6", FUNCTIONS, { quick });
    const { close, atoi, atoll, strlen, strtoull, getpid, free, usleep } = library.symbols;
    assertEquals([close(-1), getpid()], [-1, Deno.pid]);
    assertEquals(["-2147483648", "2147483647"].map((it) => atoi(text(it))), [
      -(2 ** 31),
      2147483647,
    ]);
    const least = "-9223372036854775808";
    assertEquals([atoll(text(least)), atoll(text("7"))], [BigInt(least), 7n]);
    assertEquals(strlen(text("12345")), 5n);
    const most = "18446744073709551615";
    assertEquals(strtoull(text(most), 0n, 10), BigInt(most));
    assertEquals([free(0n), await usleep(0)], [undefined, 0]);
    library.close();
  });
}

Deno.test("a missing library or function is an error", () => {
  assertThrows(() => openLibrary("libnothing.so", FUNCTIONS), Error, "libnothing.so");
  const missing = { nothing_of_that_name: { parameters: [], result: "i32" } } as const;
  assertThrows(() => openLibrary("libc.so.6", missing), Error, "nothing_of_that_name");
});

Deno.test("no other module opens a library", () => {
  const folder = new URL("../../lib/platform/", import.meta.url);
  const opening = [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => Deno.readTextFileSync(new URL(name, folder)).includes("Deno.dlopen("));
  assertEquals(opening, ["library.ts"]);
});
