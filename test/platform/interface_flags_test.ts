import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { isInterfaceUp } from "../../lib/platform/interface_flags.ts";

Deno.test("isInterfaceUp() agrees with the kernel's file, and is false for unknown interfaces", () => {
  for (const { name } of Deno.readDirSync("/sys/class/net")) {
    const flags = Number(Deno.readTextFileSync(`/sys/class/net/${name}/flags`));
    assertEquals(isInterfaceUp(name), (flags & 1) === 1, name);
  }
  assertEquals(isInterfaceUp("none"), undefined);
  assertEquals(isInterfaceUp("a name that is longer than any interface may have"), undefined);
});
