import { assertEquals, assertThrows } from "@std/assert";
import { gidOf } from "../../lib/platform/groups.ts";

const GROUPS = "root:x:0:\nnagios:x:114:www\n#nsm:x:5:\nnsm-look:x:201:\nbad:x:many:\n";

Deno.test("gidOf() accepts a name of group(5) or a number", { permissions: "none" }, () => {
  assertEquals(gidOf("nagios", GROUPS), 114);
  assertEquals(gidOf("nsm-look", GROUPS), 201);
  assertEquals(gidOf("77", GROUPS), 77);
  for (const name of ["nsm", "bad", "", "-1", "NAGIOS"]) {
    assertThrows(() => gidOf(name, GROUPS), Error, "there is no group");
  }
});
