import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { RegularFile } from "../../lib/platform/regular_file.ts";
import { LibcError } from "../../lib/platform/libc.ts";

function within(run: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("a RegularFile is read to its end", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "12345");
    using file = RegularFile.openToRead(`${directory}/a`)!;
    const buffer = new Uint8Array(3);
    assertEquals([file.read(buffer), [...buffer]], [3, [0x31, 0x32, 0x33]]);
    assertEquals([file.read(buffer), [...buffer]], [2, [0x34, 0x35, 0x33]]);
    assertEquals(file.read(buffer), 0);
  }));

Deno.test("RegularFile.openToRead() follows a symbolic link only on request", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "1");
    Deno.symlinkSync("a", `${directory}/link`);
    Deno.symlinkSync("nothing", `${directory}/broken`);
    assertThrows(() => RegularFile.openToRead(`${directory}/link`), Error, "not a regular file");
    RegularFile.openToRead(`${directory}/link`, { followsLinks: true })![Symbol.dispose]();
    assertThrows(() => RegularFile.openToRead(`${directory}/broken`), Error, "not a regular file");
    assertEquals(RegularFile.openToRead(`${directory}/broken`, { followsLinks: true }), undefined);
  }));

Deno.test("RegularFile.openToRead() distinguishes other kinds of files from missing and inaccessible ones", () =>
  within((directory) => {
    new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).outputSync();
    using _ = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    for (const path of [`${directory}/pipe`, `${directory}/socket`, directory, "/dev/null"]) {
      assertThrows(() => RegularFile.openToRead(path), Error, "not a regular file", path);
    }
    assertEquals(RegularFile.openToRead(`${directory}/missing`), undefined);
    assertThrows(
      () => RegularFile.openToRead(`${directory}/${"x".repeat(300)}`),
      LibcError,
      "open",
    );
    assertThrows(() => RegularFile.openToRead(`${directory}/a\0b`), TypeError, "NUL");
  }));

Deno.test("RegularFile.openToAppend() creates a file or appends to it, and follows no link", () =>
  within((directory) => {
    const umask = Deno.umask(0o022);
    for (const text of ["12", "3"]) {
      using file = RegularFile.openToAppend(`${directory}/a`, 0o666)!;
      assertEquals(file.write(new TextEncoder().encode(text)), text.length);
    }
    Deno.umask(umask);
    assertEquals(Deno.readTextFileSync(`${directory}/a`), "123");
    assertEquals(Deno.statSync(`${directory}/a`).mode! & 0o777, 0o644);
    Deno.symlinkSync("a", `${directory}/link`);
    new Deno.Command("mkfifo", { args: [`${directory}/pipe`] }).outputSync();
    for (const name of ["link", "pipe"]) {
      const open = () => RegularFile.openToAppend(`${directory}/${name}`, 0o600);
      assertThrows(open, Error, "not a regular file");
    }
    assertEquals(RegularFile.openToAppend(`${directory}/none/a`, 0o600), undefined);
  }));

Deno.test("RegularFile leaves no descriptor open", () =>
  within((directory) => {
    Deno.writeTextFileSync(`${directory}/a`, "1");
    const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = count();
    for (let i = 0; i < 100; i++) {
      RegularFile.openToRead(`${directory}/a`)?.[Symbol.dispose]();
      try {
        RegularFile.openToRead(directory);
      } catch {
        // The path is no regular file, as intended.
      }
    }
    assertEquals(count(), before);
  }));
