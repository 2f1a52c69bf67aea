/** Exclusive port: no other user can open a socket on it (trust 3). */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { FOREGROUND, registrations, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const THIEF = new URL("../support/port_thief.ts", import.meta.url).pathname;
const OWN = ["10.99.0.1", "fd99::1"];
/** Addresses added to this host later. */
const LATER = ["10.99.0.7", "fd99::7"];
const EVERYWHERE = ["0.0.0.0", "127.0.0.1", "127.0.1.1", "::", "::1", ...OWN];
const SYSTEMS_CHOICE = FOREGROUND.filter((each) => each !== "-p" && each !== String(STATD_PORT));

interface Case {
  readonly label: string;
  readonly options: readonly string[];
  readonly nfsConf?: string;
  readonly addresses: readonly string[];
}

const CASES: readonly Case[] = [
  { label: "given", options: FOREGROUND, addresses: [...EVERYWHERE, ...LATER] },
  {
    label: "chosen by the system",
    options: SYSTEMS_CHOICE,
    addresses: [...EVERYWHERE, ...LATER],
  },
  {
    label: "served at some addresses, of which some come later",
    options: FOREGROUND,
    nfsConf: `[statd]\nlisten-addresses = ${OWN[0]}, ${LATER.join(", ")}\n`,
    addresses: [...EVERYWHERE.filter((each) => each !== OWN[1]), ...LATER],
  },
];

for (const { label, options, nfsConf = "", addresses } of CASES) {
  systemTest(
    `trust 3: no other user gets a port of statd that is ${label}`,
    [OUR_STATD],
    async (newHost) => {
      const host = await newHost({
        addresses: ["10.99.0.1/32", "fd99::1/128"],
        hosts: [`127.0.1.1 ${Deno.hostname()}`],
        etc: { "nfs.conf": nfsConf },
      });
      await host.startRpcbind();
      const statd = await startStatd(host, options);
      const registered = (await registrations(host)).map((line) => line.split(" ")[2]!);
      const ports = new Set(registered.map((address) => {
        const [high, low] = address.split(".").slice(-2).map(Number);
        return String(high! << 8 | low!);
      }));
      assertEquals(ports.size, 1);
      const steal = [...DENO_RUN, THIEF, addresses.join()];
      assertEquals(await host.output(...steal, ...ports), "");
      assertMatch(await host.output(...steal, "4051"), /^udp 0.0.0.0 4051 with/);
      assertEquals(await statd.stop(), 0);
    },
  );
}
