import { assertEquals, assertThrows } from "@std/assert";
import { gidOf, userName, userNamed } from "../../lib/platform/users.ts";

const pure = { permissions: "none" } as const;
const PASSWD = "root:x:0:0::/:/bin/sh\nstatd:x:102:65534::/:/x\n+nis\nodd:x:a:1::/:/x\n";

Deno.test("a user is found by its number, and by the first existing name", pure, () => {
  assertEquals(userName(102, PASSWD), "statd");
  assertEquals(userName(7, PASSWD), undefined);
  assertEquals(userNamed(["rpcuser", "statd"], PASSWD), { name: "statd", uid: 102, gid: 65534 });
  assertEquals(userNamed(["nobody"], PASSWD), undefined);
});

Deno.test("lines of /etc/passwd without numbers are skipped", pure, () => {
  assertEquals(userNamed(["odd", "+nis"], PASSWD), undefined);
  assertEquals(userName(0, ""), undefined);
});

const GROUPS = "root:x:0:\nnagios:x:114:www\n#nsm:x:5:\nnsm-look:x:201:\nbad:x:many:\n";

Deno.test("gidOf() accepts a name of group(5) or a number", { permissions: "none" }, () => {
  assertEquals(gidOf("nagios", GROUPS), 114);
  assertEquals(gidOf("nsm-look", GROUPS), 201);
  assertEquals(gidOf("77", GROUPS), 77);
  for (const name of ["nsm", "bad", "", "-1", "NAGIOS"]) {
    assertThrows(() => gidOf(name, GROUPS), Error, "there is no group");
  }
});
