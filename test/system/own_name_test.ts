/** -n: own name or address of the daemon. */

import { assertEquals } from "@std/assert";
import { FOREGROUND, registrations, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];

systemTest(
  "acceptance 2: -n does not restrict the addresses served, and later addresses are served too (realworld F4, field 2)",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ hosts: ["10.99.0.1 10.99.0.7 floating.example"] });
    await host.output("ip", "addr", "add", "10.99.0.1/32", "dev", "lo");
    await host.startRpcbind();
    const statd = await startStatd(host, [...FOREGROUND, "-n", "floating.example"]);
    const lines = (await registrations(host)).map((line) => line.split(" ").slice(1, 3).join(" "));
    const port = `${STATD_PORT >> 8}.${STATD_PORT & 0xff}`;
    assertEquals(lines, [
      `tcp 0.0.0.0.${port}`,
      `tcp6 ::.${port}`,
      `udp 0.0.0.0.${port}`,
      `udp6 ::.${port}`,
    ]);
    await host.output("ip", "addr", "add", "10.99.0.7/32", "dev", "lo");
    for (const address of ["10.99.0.1", "10.99.0.7", "127.0.1.1"]) {
      for (const transport of ["-u", "-t"]) {
        await host.output("rpcinfo", "-n", String(STATD_PORT), transport, address, "100024", "1");
      }
    }
    assertEquals(await statd.stop(), 0);
  },
);
