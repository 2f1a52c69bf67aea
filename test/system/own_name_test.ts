/** -n: the name or address that the daemon goes by. */

import { assertEquals } from "@std/assert";
import { FOREGROUND, registrations, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];

systemTest("-n listens on the name's addresses and on loopback", NEEDS, async (newHost) => {
  const host = await newHost({ hosts: ["10.99.0.1 floating.example"] });
  await host.output("ip", "addr", "add", "10.99.0.1/32", "dev", "lo");
  await host.startRpcbind();
  const statd = await startStatd(host, [...FOREGROUND, "-n", "floating.example"]);
  const sockets = await host.output("ss", "-Hlnu", "sport", "=", String(STATD_PORT));
  const locals = sockets.trim().split("\n").map((line) => line.trim().split(/\s+/)[3]).sort();
  assertEquals(locals, ["10.99.0.1", "127.0.0.1", "[::1]"].map((it) => `${it}:${STATD_PORT}`));
  const lines = (await registrations(host)).map((line) => line.split(" ").slice(1, 3).join(" "));
  const port = `${STATD_PORT >> 8}.${STATD_PORT & 0xff}`;
  assertEquals(lines, [
    `tcp 0.0.0.0.${port}`,
    `tcp6 ::.${port}`,
    `udp 0.0.0.0.${port}`,
    `udp6 ::.${port}`,
  ]);
  assertEquals(await statd.stop(), 0);
});

systemTest(
  "-n with a name of elsewhere listens everywhere, and says so",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ hosts: ["10.99.0.9 elsewhere.example"] });
    const statd = host.start(OUR_STATD, ...FOREGROUND, "-n", "elsewhere.example");
    await statd.line(/Listening on all addresses, .*"elsewhere.example": this host has none/);
    await statd.line(/: Ready\. /);
    assertEquals(await statd.stop(), 0);
  },
);
