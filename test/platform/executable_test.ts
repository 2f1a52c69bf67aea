import { assertEquals } from "@std/assert";
import { executableFault } from "../../lib/platform/executable.ts";

Deno.test("executableFault() says why a user cannot run a program", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/program`;
    const own = Deno.uid()!;
    const fault = (mode: number, uid = own + 1) => {
      Deno.chmodSync(path, mode);
      return executableFault(path, uid);
    };
    assertEquals(executableFault(path), "there is no such file");
    assertEquals(executableFault(folder), "it is not a file");
    assertEquals(executableFault("program"), "it is not a path");
    Deno.writeTextFileSync(path, "");
    assertEquals(fault(0o644), `it has mode 644 and belongs to uid ${own}`);
    assertEquals(fault(0o700), `it has mode 700 and belongs to uid ${own}`);
    assertEquals([fault(0o755), fault(0o750), fault(0o700, own)], [
      undefined,
      undefined,
      undefined,
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
