import { assertEquals, assertRejects } from "@std/assert";
import {
  backgroundFiles as files,
  openBackgroundFiles,
  READ_MAX_BYTES,
} from "../../lib/platform/background_files.ts";
import { canStartThread } from "../../lib/platform/threads.ts";

// Libraries stay open for the process, and are none of a test's.
openBackgroundFiles();
canStartThread();

Deno.test("files are written, synced and read on threads, and no descriptor stays open", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/journal`;
    await assertRejects(() => files.append(path, "a"), Deno.errors.NotFound);
    assertEquals(await files.read(path), undefined);
    await files.write(path, "a\n");
    await files.append(path, "b\n");
    await files.sync(path);
    await files.sync(directory);
    assertEquals(await files.read(path), "a\nb\n");
    await files.makeDirectory(`${directory}/e`);
    await assertRejects(() => files.makeDirectory(`${directory}/e`), Deno.errors.AlreadyExists);
    await assertRejects(() => files.sync(`${directory}/none`), Deno.errors.NotFound);
    assertEquals((await files.names(directory)).sort(), ["e", "journal"]);
    const open = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/self/fd/${name}`);
      } catch {
        return "";
      }
    });
    assertEquals(open.filter((target) => target.startsWith(directory)), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a directory does not replace one with files: the swap of an epoch", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const name of ["a", "b"]) {
      await files.makeDirectory(`${directory}/${name}`);
      await files.write(`${directory}/${name}/owner`, name);
    }
    await files.rename(`${directory}/a`, `${directory}/epoch.1`);
    await assertRejects(() => files.rename(`${directory}/b`, `${directory}/epoch.1`));
    assertEquals(await files.read(`${directory}/epoch.1/owner`), "a");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an endless file, as of a damaged file system, does not exhaust the memory", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/journal`;
    await files.write(path, "");
    await Deno.truncate(path, READ_MAX_BYTES + 1); // a hole
    await assertRejects(() => files.read(path), Error, "is too long to be read");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("hung storage delays no other call (R9)", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/journal`;
  try {
    const made = await new Deno.Command("mkfifo", { args: [path] }).output();
    assertEquals(made.success, true);
    let isDone = false;
    const hanging = files.append(path, "a\n").finally(() => isDone = true);
    // The event loop continues, and so does a call on other files.
    await files.write(`${directory}/other`, "b");
    assertEquals([await files.read(`${directory}/other`), isDone], ["b", false]);
    assertEquals(await files.read(path), "a\n");
    await hanging;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a long directory is read in parts, and a link to it is followed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const names = Array.from({ length: 3_000 }, (_, i) => `host${i}.example.net`).sort();
    Deno.mkdirSync(`${directory}/sm`);
    for (const name of names) Deno.writeTextFileSync(`${directory}/sm/${name}`, "");
    Deno.symlinkSync("sm", `${directory}/link`);
    for (const path of ["sm", "link"]) {
      assertEquals((await files.names(`${directory}/${path}`)).sort(), names);
    }
    await assertRejects(() => files.names(`${directory}/none`), Deno.errors.NotFound);
    await assertRejects(() => files.names(`${directory}/sm/${names[0]}`));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
