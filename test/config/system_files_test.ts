import { assertEquals } from "@std/assert";
import { filesFrom, systemFiles } from "../../lib/config/ini_file.ts";

Deno.test("systemFiles reads, lists and tells what is wrong", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/file`, "text\n");
    Deno.mkdirSync(`${folder}/folder`);
    Deno.symlinkSync("file", `${folder}/link`);

    assertEquals(systemFiles.readText(`${folder}/link`), { kind: "text", text: "text\n" });
    assertEquals(systemFiles.readText(`${folder}/none`), { kind: "missing" });
    assertEquals(systemFiles.readText(`${folder}/folder`), {
      kind: "unreadable",
      reason: "Is a directory",
    });
    assertEquals([...systemFiles.list(folder)].sort(), ["file", "link"]);
    assertEquals(systemFiles.list(`${folder}/none`), []);
    assertEquals(systemFiles.statFault(folder), undefined);
    assertEquals(systemFiles.statFault(`${folder}/none`), "No such file or directory");
    assertEquals(systemFiles.statFault(`${folder}/file/x`), "Not a directory");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("trust 9, B8: a lock of somebody else holds up reading for a moment only, with a warning", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/nfs.conf`;
    Deno.writeTextFileSync(path, "[statd]\n");
    using held = Deno.openSync(path);
    assertEquals(held.tryLockSync(true), true);
    assertEquals(systemFiles.readText(path), { kind: "text", text: "[statd]\n" });
    const read = systemFiles.readText(path, { waitsForWriter: true });
    assertEquals(read.kind === "text" && read.warning !== undefined, true);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("B11: filesFrom() keeps to the folder of the start", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/tmp/nfs`, { recursive: true });
    const files = filesFrom(folder);
    assertEquals(files.statFault("tmp/nfs"), undefined);
    assertEquals(files.absolute("tmp/nfs"), `${folder}/tmp/nfs`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("systemFiles does not wait for a writer of a FIFO or the end of a device, and takes /dev/null for empty", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
    for (const waitsForWriter of [false, true]) {
      assertEquals(systemFiles.readText(`${folder}/fifo`, { waitsForWriter }), {
        kind: "unreadable",
        reason: "it is no file",
      });
      for (const endless of ["/dev/zero", "/dev/full", "/dev/tty"]) {
        const { kind } = systemFiles.readText(endless, { waitsForWriter });
        assertEquals(kind, "unreadable", endless);
      }
      const { kind } = systemFiles.readText("/dev/null", { waitsForWriter });
      assertEquals(kind, "text");
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
