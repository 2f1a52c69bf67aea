import "../support/open_libc.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { asOwner } from "../../lib/platform/as_owner.ts";
import { RealFileSystem } from "../../lib/store/file_system.ts";

/** Runs with a directory of its own. */
async function within(run: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    await run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const fs = new RealFileSystem();
const EVERY_BYTE = String.fromCharCode(...Array(256).keys());

Deno.test("read() and write() keep every byte", () =>
  within((directory) => {
    const path = `${directory}/a`;
    const file = fs.create(path, 0o600);
    file.write(EVERY_BYTE + EVERY_BYTE);
    file.startSync();
    file.sync();
    file.close();
    assertEquals(fs.read(path, 1000), EVERY_BYTE + EVERY_BYTE);
    assertEquals(Deno.readFileSync(path), new Uint8Array([...Array(512).keys()]));
    fs.append(path, "\xff", 0o600);
    assertEquals(fs.read(path, 1000)!.slice(-2), "\xff\xff");
  }));

Deno.test("read() reads to the end or to the limit", () =>
  within((directory) => {
    const path = `${directory}/a`;
    for (const length of [0, 1, 8191, 8192, 8193, 16384, 100_000]) {
      const text = EVERY_BYTE.repeat(400).slice(0, length);
      fs.append(path, text, 0o600);
      assertEquals(fs.read(path, 200_000), text, `${length}`);
      assertEquals(fs.read(path, length), text, `${length}`);
      assertEquals(fs.read(path, 8192), text.slice(0, 8192), `${length}`);
      assertEquals(fs.read(path, 4), text.slice(0, 4), `${length}`);
      fs.remove(path);
    }
  }));

Deno.test("trust 18: nothing is opened that blocks, as a FIFO does", () =>
  within((directory) => {
    const path = `${directory}/pipe`;
    new Deno.Command("mkfifo", { args: [path] }).outputSync();
    assertThrows(() => fs.read(path, 10), Error, "not a regular file");
    assertThrows(() => fs.append(path, "a", 0o600), Error, "not a regular file");
    assertThrows(() => fs.openDirectory(path), Error, "Not a directory");
    assertThrows(() => fs.list(path), Error, "Not a directory");
  }));

Deno.test({
  name: "trust 18: what takes the place of an unreadable file is not opened, since it may block",
  ignore: Deno.uid() !== 0,
  fn: () =>
    within((directory) => {
      const [path, other] = [`${directory}/file`, `${directory}/other`];
      for (const one of [path, other]) Deno.writeTextFileSync(one, one);
      for (const one of [directory, path, other]) Deno.chownSync(one, 65534, 65534);
      const open = Deno.openSync;
      try {
        for (const use of [() => fs.read(path, 10), () => fs.append(path, "a", 0o600)]) {
          Deno.chmodSync(path, 0);
          Deno.openSync = (at, options) => {
            Deno.copyFileSync(other, `${directory}/new`);
            Deno.renameSync(`${directory}/new`, path);
            return open(at, options);
          };
          assertThrows(() => asOwner(directory, use), Deno.errors.PermissionDenied);
        }
      } finally {
        Deno.openSync = open;
      }
      assertEquals(fs.read(other, 100), other);
    }),
});

Deno.test("read() and facts() distinguish missing files from inaccessible ones", () =>
  within((directory) => {
    assertEquals(fs.read(`${directory}/missing`, 10), undefined);
    assertEquals(fs.facts(`${directory}/missing`), undefined);
    assertThrows(() => fs.read(directory, 10));
    assertEquals(fs.facts(directory)?.isFile, false);
  }));

Deno.test("facts() and list() follow no symbolic link", () =>
  within((directory) => {
    fs.append(`${directory}/file`, "1234", 0o600);
    Deno.symlinkSync("file", `${directory}/link`);
    assertEquals(fs.facts(`${directory}/link`)?.isFile, false);
    const facts = fs.facts(`${directory}/file`)!;
    assertEquals([facts.isFile, facts.size], [true, 4]);
    assert(facts.modifiedAt > 1_600_000_000_000);
    const kinds = [...fs.list(directory)].map(({ name, isFile, isSymlink }) => [
      name,
      isFile,
      isSymlink,
    ]);
    assertEquals(kinds.toSorted(), [["file", true, false], ["link", false, true]]);
  }));

Deno.test("create() makes a new file with the given mode or fails", () =>
  within((directory) => {
    const umask = Deno.umask(0o007);
    try {
      Deno.symlinkSync("elsewhere", `${directory}/link`);
      assertThrows(() => fs.create(`${directory}/link`, 0o600), Deno.errors.AlreadyExists);
      assertEquals(fs.facts(`${directory}/elsewhere`), undefined);
      fs.create(`${directory}/a`, 0o644).close();
      assertEquals(Deno.statSync(`${directory}/a`).mode! & 0o777, 0o640);
      assertThrows(() => fs.create(`${directory}/a`, 0o600), Deno.errors.AlreadyExists);
    } finally {
      Deno.umask(umask);
    }
  }));

Deno.test("directories can be synced, and a sync of a file or of a missing directory fails", () =>
  within((directory) => {
    const handle = fs.openDirectory(directory);
    handle.sync();
    handle.close();
    assertThrows(() => fs.openDirectory(`${directory}/missing`), Deno.errors.NotFound);
  }));

Deno.test("reuse() rewrites a file, shorter or longer", () =>
  within((directory) => {
    const path = `${directory}/a`;
    for (const text of ["12345", "1", EVERY_BYTE, ""]) {
      if (text === "12345") fs.append(path, "before", 0o600);
      const file = fs.reuse(path, 0o600)!;
      file.write(text);
      file.sync();
      file.close();
      assertEquals(fs.read(path, 1000), text);
    }
  }));

Deno.test("reuse() leaves a file with further links or another owner alone", () =>
  within((directory) => {
    const path = `${directory}/a`;
    assertEquals(fs.reuse(path, 0o600), undefined);
    fs.append(path, "kept", 0o600);
    assertEquals(fs.reuse(path, 0o640), undefined, "another mode");
    Deno.symlinkSync("a", `${directory}/link`);
    assertEquals(fs.reuse(`${directory}/link`, 0o600), undefined, "a symbolic link");
    Deno.linkSync(path, `${directory}/b`);
    assertEquals(fs.reuse(path, 0o600), undefined, "two names");
    Deno.removeSync(`${directory}/b`);
    if (Deno.uid() === 0) {
      Deno.chownSync(path, 1, null);
      assertEquals(fs.reuse(path, 0o600), undefined, "another owner");
    }
    assertEquals(fs.read(path, 10), "kept");
    assertEquals(fs.reuse(directory, 0o755), undefined, "a directory");
  }));

Deno.test("overwrite() replaces the first bytes of an existing file", () =>
  within((directory) => {
    const path = `${directory}/a`;
    assertThrows(() => fs.overwrite(path, "1"), Deno.errors.NotFound);
    fs.append(path, "before", 0o640);
    fs.overwrite(path, "1234");
    assertEquals(fs.read(path, 10), "1234re");
    Deno.symlinkSync("a", `${directory}/link`);
    assertThrows(() => fs.overwrite(`${directory}/link`, "x"), Error, "not a regular file");
    assertThrows(() => fs.overwrite(directory, "x"));
    assertEquals(fs.read(path, 10), "1234re");
  }));

Deno.test("rename() and remove() are those of the system", () =>
  within((directory) => {
    const [a, b] = [`${directory}/a`, `${directory}/b`];
    fs.append(a, "1", 0o600);
    fs.append(b, "2", 0o600);
    fs.rename(a, b);
    assertEquals(fs.read(b, 10), "1");
    assertEquals(fs.facts(a), undefined);
    fs.remove(b);
    assertThrows(() => fs.remove(b), Deno.errors.NotFound);
    assertThrows(() => fs.rename(a, b), Deno.errors.NotFound);
  }));

Deno.test({
  name: "trust 18: root follows no link of another user",
  ignore: Deno.uid() !== 0,
  fn() {
    const directory = Deno.makeTempDirSync();
    try {
      Deno.writeTextFileSync(`${directory}/file`, "text");
      for (const name of ["ours", "theirs"]) Deno.symlinkSync("file", `${directory}/${name}`);
      Deno.symlinkSync("nothing", `${directory}/broken`);
      new Deno.Command("chown", { args: ["-h", "65534", `${directory}/theirs`] }).outputSync();
      const fs = new RealFileSystem();
      assertEquals(fs.read(`${directory}/ours`, 10), "text");
      assertThrows(() => fs.read(`${directory}/theirs`, 10), Error, "regular file");
      assertThrows(() => fs.follow(`${directory}/theirs`), Error, "regular file");
      assertEquals(fs.read(`${directory}/broken`, 10), undefined);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
});
