/**
 * Services during a restart of rpcbind: their registrations are kept, and clients find and reach
 * them.
 */

import { assertEquals } from "@std/assert";
import { SERVERS } from "../support/layered_usr.ts";
import type { TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { registrations } from "../support/statd.ts";
import { DEBIAN_STATD, OUR_RPCBIND, OUR_STATD, systemTest } from "../support/system_test.ts";

interface Service {
  readonly name: string;
  readonly command: readonly string[];
  readonly needs: string;
  readonly program: number;
  readonly version: number;
  /** Number of its entries. */
  readonly entries: number;
}

const STATD = { program: 100024, version: 1, entries: 4 };
const MOUNTD = `${SERVERS}/usr/sbin/rpc.mountd`;

/** Folder of the libraries of MOUNTD. */
function libraries(): string {
  const folders = [...Deno.readDirSync(`${SERVERS}/usr/lib`)];
  return `${SERVERS}/usr/lib/${folders.find(({ name }) => name.endsWith("-linux-gnu"))?.name}`;
}

const SERVICES: readonly Service[] = [
  {
    name: "Debian's rpc.statd",
    command: [DEBIAN_STATD, "-F", "--no-notify"],
    needs: DEBIAN_STATD,
    ...STATD,
  },
  { name: "our rpc.statd", command: [OUR_STATD, "-F", "--no-notify"], needs: OUR_STATD, ...STATD },
  {
    name: "rpc.mountd",
    command: ["sh", "-c", `LD_LIBRARY_PATH=$0 exec ${MOUNTD} -F`],
    needs: MOUNTD,
    program: 100005,
    version: 3,
    entries: 12,
  },
];

const WAYS = [["udp", "127.0.0.1"], ["tcp", "127.0.0.1"], ["udp6", "::1"], [
  "tcp6",
  "::1",
]] as const;

/** Entries of a service; each is found and called. */
async function found(host: TestHost, { program, version }: Service): Promise<string[]> {
  for (const [netid, address] of WAYS) {
    await host.output("rpcinfo", "-T", netid, address, String(program), String(version));
  }
  return await registrations(host, program);
}

for (const service of SERVICES) {
  const { name, command, needs, program, entries } = service;
  systemTest(
    `${name} is found after a restart and after kill -9 of our rpcbind`,
    [OUR_RPCBIND, "/usr/sbin/rpcinfo", needs],
    async (newHost) => {
      const host = await newHost();
      let rpcbind = await host.startRpcbind(OUR_RPCBIND, "-w");
      const server = host.start(...command, ...(needs === MOUNTD ? [libraries()] : []));
      await eventually(`${name} is registered`, async () => {
        return (await registrations(host, program)).length === entries;
      });
      const before = await found(host, service);
      for (const signal of ["TERM", "KILL"]) {
        await rpcbind.stop(signal);
        await host.write("/run/rpcbind/rpcbind.xdr.new", "what a kill leaves");
        rpcbind = await host.startRpcbind(OUR_RPCBIND, "-w");
        assertEquals(await found(host, service), before, signal);
      }
      await server.stop();
      assertEquals(await registrations(host, program), [], "it may take back what it registered");
    },
  );
}
