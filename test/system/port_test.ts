/** The port is ours: no other user can open a socket on it (trust 3). */

import { assertEquals, assertMatch } from "@std/assert";
import { FOREGROUND, registrations, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const THIEF = new URL("../support/port_thief.ts", import.meta.url).pathname;
const RUN = ["run", "--quiet", "--no-check", "--no-lock", "-A", THIEF];
const ADDRESSES = ["10.99.0.1/32", "fd99::1/128"];

for (
  const [label, options] of [
    ["given", FOREGROUND],
    [
      "chosen by the system",
      FOREGROUND.filter((each) => each !== "-p" && each !== String(STATD_PORT)),
    ],
  ] as const
) {
  systemTest(
    `trust 3: nobody else gets a port of statd that is ${label}`,
    [OUR_STATD],
    async (newHost) => {
      const host = await newHost({ addresses: ADDRESSES });
      await host.startRpcbind();
      const statd = await startStatd(host, options);
      const addresses = (await registrations(host)).map((line) => line.split(" ")[2]!);
      const ports = new Set(addresses.map((address) => {
        const [high, low] = address.split(".").slice(-2).map(Number);
        return String(high! << 8 | low!);
      }));
      assertEquals(ports.size, 1);
      assertEquals(await host.output(Deno.execPath(), ...RUN, ...ports), "");
      assertMatch(await host.output(Deno.execPath(), ...RUN, "4051"), /^udp 0.0.0.0 4051 with/);
      assertEquals(await statd.stop(), 0);
    },
  );
}
