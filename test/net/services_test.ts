import { assertEquals } from "@std/assert";
import { parsePortBlacklist, parseServices, servicePort } from "../../lib/net/services.ts";

const pure = { permissions: "none" } as const;

const SERVICES = `# a comment
tcpmux\t\t1/tcp\t\t\t\t# TCP port service multiplexer
sunrpc          111/udp         portmapper rpcbind   # RPC
  status 665/udp rpc.statd
status 666/tcp

broken
broken 70000/tcp
broken 0/tcp
broken 12x/tcp
broken 12
sctp-thing 20/sctp
last 999/udp`;

Deno.test("parseServices() reads names, aliases and ports, and skips other lines", pure, () => {
  assertEquals(parseServices(SERVICES), [
    { name: "tcpmux", aliases: [], port: 1, protocol: "tcp" },
    { name: "sunrpc", aliases: ["portmapper", "rpcbind"], port: 111, protocol: "udp" },
    { name: "status", aliases: ["rpc.statd"], port: 665, protocol: "udp" },
    { name: "status", aliases: [], port: 666, protocol: "tcp" },
    { name: "sctp-thing", aliases: [], port: 20, protocol: "sctp" },
    { name: "last", aliases: [], port: 999, protocol: "udp" },
  ]);
  assertEquals(parseServices(""), []);
});

Deno.test("servicePort() finds a service by name or alias, for one protocol", pure, () => {
  const entries = parseServices(SERVICES);
  assertEquals(servicePort(entries, ["status"], "udp"), 665);
  assertEquals(servicePort(entries, ["status"], "tcp"), 666);
  assertEquals(servicePort(entries, ["nothing", "rpc.statd"], "udp"), 665);
  assertEquals(servicePort(entries, ["rpc.statd"], "tcp"), undefined);
});

Deno.test("parsePortBlacklist() reads one port of each line", pure, () => {
  const text = "# ports\n631\t# cups\n 636 # ldaps\n\nword\n774x\n0\n993\r\n";
  assertEquals(parsePortBlacklist(text), new Set([631, 636, 993]));
});
