import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { isInterfaceUp } from "../../lib/platform/interface_flags.ts";

/** Interfaces by the kernel; a plain root without sysfs has none. */
const INTERFACES = "/sys/class/net";

const isUnknown = () =>
  Deno.statSync("/sys").isDirectory && [...Deno.readDirSync("/sys")].length === 0;

Deno.test("isInterfaceUp() agrees with the kernel's file", { ignore: isUnknown() }, () => {
  for (const { name } of Deno.readDirSync(INTERFACES)) {
    const flags = Number(Deno.readTextFileSync(`${INTERFACES}/${name}/flags`));
    assertEquals(isInterfaceUp(name), (flags & 1) === 1, name);
  }
});

Deno.test("isInterfaceUp() does not know of an interface that is not there", () => {
  assertEquals(isInterfaceUp("none"), undefined);
  assertEquals(isInterfaceUp("a name that is longer than any interface may have"), undefined);
});
