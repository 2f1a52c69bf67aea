import { assertEquals } from "@std/assert";
import { userName, userNamed } from "../../lib/platform/users.ts";

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
