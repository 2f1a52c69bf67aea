import { assertEquals } from "@std/assert";
import { systemFiles } from "../../lib/config/ini_file.ts";

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
