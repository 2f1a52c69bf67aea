import { assertEquals } from "@std/assert";
import { type Client, decideAccess, parseAccessFile } from "../../lib/nsm/hosts_access.ts";

const pure = { permissions: "none" } as const;

const FILES: Record<string, string> = {
  "/etc/clients": "192.0.2.77\n.example.org /etc/more",
  "/etc/more": "ALL",
};

function decide(allow: string, deny: string, client: Partial<Client>): string {
  const parse = (text: string, decision: "allow" | "deny") =>
    parseAccessFile(text, "statd", decision, () => {});
  const entries = [...parse(allow, "allow"), ...parse(deny, "deny")];
  const known = { address: "192.0.2.1", name: null, ...client };
  return decideAccess(entries, known, (path) => FILES[path]);
}

/** Whether a client list in hosts.deny keeps a client out. */
function denies(clients: string, client: Partial<Client>): boolean | "nameNeeded" {
  const decision = decide("", `statd: ${clients}`, client);
  return decision === "nameNeeded" ? decision : decision === "deny";
}

Deno.test(
  "decideAccess() lets in who is allowed, keeps out who is denied, lets in the rest",
  pure,
  () => {
    assertEquals(decide("", "", {}), "allow");
    assertEquals(decide("", "statd: ALL", {}), "deny");
    assertEquals(decide("statd: 192.0.2.1", "ALL: ALL", {}), "allow");
    assertEquals(decide("statd: 192.0.2.2", "ALL: ALL", {}), "deny");
    assertEquals(decide("mountd: ALL", "statd: ALL", {}), "deny");
    assertEquals(decide("", "mountd: ALL", {}), "allow");
  },
);

Deno.test("decideAccess() knows addresses, prefixes and networks", pure, () => {
  const client = { address: "192.0.2.1", name: undefined };
  const cases: [string, boolean][] = [
    ["192.0.2.1", true],
    ["192.0.2.10", false],
    ["192.0.2.", true],
    ["192.0.", true],
    ["192.0.20.", false],
    ["192.0.2.0/24", true],
    ["192.0.2.0/255.255.255.0", true],
    ["192.0.2.128/25", false],
    ["192.0.2.0/255.255.255.254", true],
    ["0.0.0.0/0", true],
    ["192.0.2.1/32", true],
    ["192.0.2.0/33x", false],
    ["192.0.2.*", true],
    ["192.0.2.?", true],
    ["192.0.3.*", false],
    ["[2001:db8::]/32", false],
    ["@netgroup", false],
    ["root@192.0.2.1", false],
    ["10.0.0.1, 192.0.2.1", true],
    ["10.0.0.1 10.0.0.2", false],
  ];
  for (const [clients, isDenied] of cases) assertEquals(denies(clients, client), isDenied, clients);
});

Deno.test("decideAccess() knows IPv6 addresses and networks in brackets", pure, () => {
  const client = { address: "2001:db8::1", name: undefined };
  assertEquals(denies("[2001:db8::]/32", client), true);
  assertEquals(denies("[2001:db8:0::1]", client), true);
  assertEquals(denies("[2001:db8:1::]/48", client), false);
  assertEquals(denies("192.0.2.0/24 [2001:db8::]/127", client), true);
});

Deno.test("decideAccess() knows names only when it has to, and says so", pure, () => {
  const named = { name: "NodeB.example.net" };
  assertEquals(denies(".example.net", named), true);
  assertEquals(denies(".ample.net", named), false);
  assertEquals(denies("nodeb.example.net", named), true);
  assertEquals(denies("node?.*", named), true);
  assertEquals([denies("LOCAL", named), denies("LOCAL", { name: "nodeb" })], [false, true]);
  assertEquals([denies("KNOWN", named), denies("UNKNOWN", named)], [true, false]);
  assertEquals([denies("KNOWN", { name: null }), denies("PARANOID", { name: null })], [
    false,
    true,
  ]);
  for (const clients of [".example.net", "nodeb", "LOCAL", "KNOWN", "ALL EXCEPT nodeb"]) {
    assertEquals(denies(clients, { name: undefined }), "nameNeeded", clients);
  }
  assertEquals(denies("192.0.2.1 .example.net", { name: undefined }), true);
});

Deno.test("decideAccess() takes EXCEPT as it nests", pure, () => {
  const list = "ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7";
  assertEquals(denies(list, { address: "192.0.2.1" }), false);
  assertEquals(denies(list, { address: "192.0.2.7" }), true);
  assertEquals(denies(list, { address: "198.51.100.1" }), true);
  assertEquals(decide("", "ALL EXCEPT statd: ALL", {}), "allow");
});

Deno.test("decideAccess() reads patterns from files, which do not lead to others", pure, () => {
  assertEquals(denies("/etc/clients", { address: "192.0.2.77" }), true);
  assertEquals(denies("/etc/clients", { name: "a.example.org" }), true);
  assertEquals(denies("/etc/clients", { address: "192.0.2.78" }), false);
  assertEquals(denies("/etc/missing", {}), false);
});

Deno.test("parseAccessFile() takes allow and deny from the options, and runs nothing", pure, () => {
  assertEquals(decide("statd: 192.0.2.1: deny", "", {}), "deny");
  assertEquals(decide("", "statd: ALL : severity notice : allow", {}), "allow");
  assertEquals(decide("", "statd: ALL: spawn (echo %h | mail root) & : deny", {}), "deny");
});

Deno.test("parseAccessFile() joins lines, skips comments and tells what is no rule", pure, () => {
  const faults: [number, string][] = [];
  const text = "# statd: ALL\n\nstatd: 10.0.0.1 \\\n 192.0.2.1\nstatd\nstatd:\nALL: 1.2.3.4";
  const entries = parseAccessFile(text, "statd", "deny", (...fault) => faults.push(fault));
  assertEquals(entries.map(({ clients }) => clients), [["10.0.0.1", "192.0.2.1"], ["1.2.3.4"]]);
  assertEquals(faults.map(([line]) => line), [5, 6]);
});
