import { assertEquals } from "@std/assert";
import { netgroups } from "../../lib/platform/netgroup.ts";

Deno.test({
  name: "netgroups() asks the C library, one question after the other",
  // The library stays open, as in the program.
  sanitizeResources: false,
  async fn() {
    const isInNetgroup = netgroups();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => isInNetgroup(`nsm-no-such-group-${i}`, "unknown")),
    );
    assertEquals(answers, new Array(20).fill(false));
    assertEquals(await isInNetgroup("a\0b", "x").catch(() => "refused"), "refused");
    assertEquals(await isInNetgroup("nsm-no-such-group", "x"), false);
  },
});
