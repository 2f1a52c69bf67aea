/**
 * Exclusive port: no other user can open a socket on it (trust 3), and none of our own programs that
 * need any reserved port.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { FOREGROUND, registrations, startStatd, STATD_PORT } from "../support/statd.ts";
import { recordLine } from "../support/nsmctl_host.ts";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

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

/** Holds statd's UDP port as nobody, at one address. */
const EARLY_THIEF = `
import os, signal, socket, sys
os.setresuid(65534, 65534, 65534)
address = sys.argv[1]
held = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
held.bind((address, ${STATD_PORT}))
print("held", flush=True)
signal.pause()
`;

systemTest(
  "trust 3: a port that another user had before at one address of this host is not served",
  [OUR_STATD, "/usr/bin/python3"],
  async (newHost) => {
    const host = await newHost({ addresses: ["10.99.0.1/32", "fd99::1/128"] });
    await host.startRpcbind();
    for (const address of OWN) {
      const thief = host.start("python3", "-c", EARLY_THIEF, address);
      await thief.line(/held/);
      const { code, stderr } = await host.run(OUR_STATD, ...FOREGROUND);
      assertEquals(code, 1);
      assertMatch(stderr, new RegExp(`port ${STATD_PORT}: Address already in use`));
      await thief.stop();
    }
    assertEquals(await (await startStatd(host, FOREGROUND)).stop(), 0);
  },
);

/** Port that firewalls know, and the only other reserved ones that are free for UDP. */
const WELL_KNOWN = 662;
const FREE = [WELL_KNOWN, 663, 664];
const HOLDER = `
import signal, socket
held = []
for port in range(512, 1024):
    if port in ${JSON.stringify(FREE)}: continue
    held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    held[-1].bind(("0.0.0.0", port))
print("held", flush=True)
signal.pause()
`;

for (
  const { how, options, nfsConf } of [
    { how: "given", options: ["--no-notify", "-p", String(WELL_KNOWN)], nfsConf: "" },
    { how: "configured", options: [], nfsConf: `[statd]\nport=${WELL_KNOWN}\n` },
  ]
) {
  systemTest(
    `calls to lock managers and notices leave the port that is ${how} to statd`,
    [OUR_STATD, OUR_SM_NOTIFY, "/usr/bin/python3"],
    async (newHost) => {
      const silent = "10.99.9.77"; // keeps sm-notify running
      const host = await newHost({ etc: { "nfs.conf": nfsConf } });
      await host.write(`/var/lib/nfs/sm/${silent}`, recordLine(silent, "me"));
      await host.output("chown", "--reference=/var/lib/nfs/sm", `/var/lib/nfs/sm/${silent}`);
      await host.startRpcbind();
      await host.start("python3", "-c", HOLDER).line(/held/);
      const statd = await startStatd(host, ["-F", "-d", ...options]);
      assertEquals(statd.lines.filter((line) => line.includes("Cannot bind a reserved port")), []);
      const [udp] = (await registrations(host)).filter((line) => line.startsWith("1 udp "));
      assertEquals(udp?.split(" ")[2], `0.0.0.0.${WELL_KNOWN >> 8}.${WELL_KNOWN & 255}`);
    },
  );
}
