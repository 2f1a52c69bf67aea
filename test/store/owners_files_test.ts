import "../support/open_libc.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { OwnersFiles } from "../../lib/store/owners_files.ts";

Deno.test({
  name: "trust 18: root reads a state directory as its owner",
  ignore: Deno.uid() !== 0,
  fn() {
    const directory = Deno.makeTempDirSync();
    try {
      Deno.chmodSync(directory, 0o755);
      Deno.mkdirSync(`${directory}/sm`);
      Deno.mkdirSync(`${directory}/secret`, { mode: 0o700 });
      for (const name of ["sm/a", "secret/a"]) {
        Deno.writeTextFileSync(`${directory}/${name}`, name, { mode: 0o644 });
      }
      for (const name of ["sm", "sm/a"]) Deno.chownSync(`${directory}/${name}`, 65534, 65534);
      Deno.symlinkSync(`${directory}/secret/a`, `${directory}/sm/link`);
      const files = new OwnersFiles();
      assertEquals(files.read(`${directory}/sm/a`, 10), "sm/a");
      assertEquals([...files.list(`${directory}/sm`)].length, 2);
      assertThrows(() => files.read(`${directory}/sm/link`, 10), Error, "Permission denied");
      assertEquals(files.read(`${directory}/none/a`, 10), undefined);
      assertThrows(() => files.list(`${directory}/none`), Deno.errors.NotFound);
      // The folder itself was swapped for a link to one of root's.
      Deno.symlinkSync(`${directory}/secret`, `${directory}/swapped`);
      new Deno.Command("chown", { args: ["-h", "65534", `${directory}/swapped`] }).outputSync();
      assertThrows(() => files.readOwn(`${directory}/swapped/a`, 10), Error, "symbolic link");
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
});
