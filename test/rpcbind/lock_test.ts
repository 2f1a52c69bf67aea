import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { RpcbindLock } from "../../lib/rpcbind/lock.ts";

const options = { ignore: Deno.uid() !== 0 };

Deno.test(
  "RpcbindLock.take() names the file that cannot be opened, and one that is held",
  options,
  () => {
    const folder = Deno.makeTempDirSync();
    const path = `${folder}/lock`;
    try {
      Deno.symlinkSync(path, `${folder}/link`);
      assertThrows(
        () => RpcbindLock.take(`${folder}/link`),
        Error,
        `Cannot open "${folder}/link": `,
      );
      const lock = RpcbindLock.take(path);
      assertThrows(
        () => RpcbindLock.take(path),
        Error,
        `Another rpcbind is running: it has "${path}"`,
      );
      lock!.release();
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o400);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
);
