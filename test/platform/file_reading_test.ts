import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { ReadableFile } from "../../lib/platform/file_reading.ts";
import { LibcError } from "../../lib/platform/libc.ts";

function within(run: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("a ReadableFile reads on to its end", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "12345");
    using file = ReadableFile.open(`${directory}/a`)!;
    const buffer = new Uint8Array(3);
    assertEquals([file.read(buffer), [...buffer]], [3, [0x31, 0x32, 0x33]]);
    assertEquals([file.read(buffer), [...buffer]], [2, [0x34, 0x35, 0x33]]);
    assertEquals(file.read(buffer), 0);
  }));

Deno.test("ReadableFile.open() follows a symbolic link only if told so", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "1");
    Deno.symlinkSync("a", `${directory}/link`);
    Deno.symlinkSync("nothing", `${directory}/broken`);
    assertThrows(() => ReadableFile.open(`${directory}/link`), Error, "not a regular file");
    ReadableFile.open(`${directory}/link`, { followsLinks: true })![Symbol.dispose]();
    assertThrows(() => ReadableFile.open(`${directory}/broken`), Error, "not a regular file");
    assertEquals(ReadableFile.open(`${directory}/broken`, { followsLinks: true }), undefined);
  }));

Deno.test("ReadableFile.open() tells what is no file from what is missing or out of reach", () =>
  within((directory) => {
    new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).outputSync();
    using _ = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    for (const path of [`${directory}/pipe`, `${directory}/socket`, directory, "/dev/null"]) {
      assertThrows(() => ReadableFile.open(path), Error, "not a regular file", path);
    }
    assertEquals(ReadableFile.open(`${directory}/missing`), undefined);
    assertThrows(() => ReadableFile.open(`${directory}/${"x".repeat(300)}`), LibcError, "open");
    assertThrows(() => ReadableFile.open(`${directory}/a\0b`), TypeError, "NUL");
  }));

Deno.test("ReadableFile leaves no descriptor open", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "1");
    const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = count();
    for (let i = 0; i < 100; i++) {
      ReadableFile.open(`${directory}/a`)?.[Symbol.dispose]();
      try {
        ReadableFile.open(directory);
      } catch {
        // It is no file: that is the point.
      }
    }
    assertEquals(count(), before);
  }));
