import { assert, assertEquals, assertThrows } from "@std/assert";
import { prepareDirectory, rpcUser } from "../../lib/rpcbind/directory.ts";

const pure = { permissions: "none" } as const;

Deno.test("the user is that of the packages, else nobody", pure, () => {
  const passwd = "root:x:0:0::/:/bin/sh\nrpc:x:32:32::/:/x\n_rpc:x:102:65534::/run/rpcbind:/x\n";
  assertEquals(rpcUser(passwd), { uid: 102, gid: 65534 });
  assertEquals(rpcUser(passwd.replace("_rpc", "x")), { uid: 32, gid: 32 });
  assertEquals(rpcUser(""), { uid: 65534, gid: 65534 });
  assertEquals(rpcUser("_rpc:x:0:0:::"), { uid: 65534, gid: 65534 }, "never root");
});

Deno.test("any user creates the directory, and a failure names it", () => {
  const folder = Deno.makeTempDirSync();
  try {
    prepareDirectory(`${folder}/rpcbind`);
    assert(Deno.statSync(`${folder}/rpcbind`).isDirectory);
    Deno.writeTextFileSync(`${folder}/file`, "");
    assertThrows(() => prepareDirectory(`${folder}/file`), Error, `"${folder}/file"`);
    assertThrows(() => prepareDirectory(`${folder}/none/rpcbind`), Error, `Cannot make "${folder}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
