import { assertEquals } from "@std/assert";
import type { EtcdConfig } from "../../lib/config/etcd_settings.ts";
import { openEtcd } from "../../lib/control/ledgers.ts";

/** Length of the longest file of [etcd], and one byte. */
const TOO_LONG = (4 << 20) + 1;
const CONFIG = { endpoints: ["https://127.0.0.1:2379"], prefix: "/nsm", timeoutMs: 1_000 };

function faultWith(files: Partial<EtcdConfig>): string | undefined {
  const opened = openEtcd(() => ({ ...CONFIG, ...files }));
  return opened.kind === "fault" ? opened.reason : undefined;
}

Deno.test("a pipe, a device or a huge file of [etcd] is refused, not waited for", async () => {
  const folder = await Deno.makeTempDir();
  const [pipe, huge] = [`${folder}/pipe`, `${folder}/huge`];
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  await Deno.writeTextFile(huge, "");
  await Deno.truncate(huge, TOO_LONG);
  // A reader of the pipe gets an answer, where this test would wait for it.
  const writer = new Deno.Command("sh", { args: ["-c", `echo >"${pipe}"`] }).spawn();
  try {
    for (const path of [pipe, "/dev/null", folder]) {
      const reason = `"${path}" of [etcd] cannot be read: it is not a regular file`;
      assertEquals(faultWith({ caFile: path }), reason);
      assertEquals(faultWith({ certFile: path, keyFile: path }), reason);
      assertEquals(faultWith({ user: "nsm", passwordFile: path }), reason);
    }
    assertEquals(
      faultWith({ caFile: huge }),
      `"${huge}" of [etcd] cannot be read: it is longer than 4194304 bytes`,
    );
  } finally {
    writer.kill();
    await writer.status;
    await Deno.remove(folder, { recursive: true });
  }
});
