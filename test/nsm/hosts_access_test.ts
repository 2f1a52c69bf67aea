import { assertEquals } from "@std/assert";
import { type Client, decideAccess, PARANOID } from "../../lib/nsm/hosts_access.ts";
import { UNKNOWN } from "../../lib/nsm/hosts_patterns.ts";
import { parseAccessFile } from "../../lib/nsm/hosts_rules.ts";

const pure = { permissions: "none" } as const;

const FILES: Record<string, string> = {
  "/etc/clients": "192.0.2.77\n.example.org /etc/more",
  "/etc/more": "ALL",
  "/etc/circle": "/etc/circle ".repeat(50) + "/etc/round /etc/round 192.0.2.9",
  "/etc/round": "/etc/circle ".repeat(50),
};

function decide(allow: string, deny: string, client: Partial<Client>): string {
  const parse = (text: string, decision: "allow" | "deny") =>
    parseAccessFile(text, "statd", decision, () => {});
  const entries = [...parse(allow, "allow"), ...parse(deny, "deny")];
  const known = { address: "192.0.2.1", name: UNKNOWN, ...client };
  const decision = decideAccess(
    entries,
    known,
    (path) => path === "/unreadable" ? undefined : FILES[path] ?? "",
  );
  return typeof decision === "object" ? `${decision.need}Needed` : decision;
}

/** Whether a client list in hosts.deny keeps a client out. */
function denies(clients: string, client: Partial<Client>): boolean | string {
  const decision = decide("", `statd: ${clients}\n`, client);
  return decision === "nameNeeded" || decision === "netgroupNeeded"
    ? decision
    : decision === "deny";
}

Deno.test(
  "decideAccess() admits allowed hosts, refuses denied ones, and admits the rest",
  pure,
  () => {
    assertEquals(decide("", "", {}), "allow");
    assertEquals(decide("", "statd: ALL\n", {}), "deny");
    assertEquals(decide("statd: 192.0.2.1\n", "ALL: ALL\n", {}), "allow");
    assertEquals(decide("statd: 192.0.2.2\n", "ALL: ALL\n", {}), "deny");
    assertEquals(decide("mountd: ALL\n", "statd: ALL\n", {}), "deny");
    assertEquals(decide("", "mountd: ALL\n", {}), "allow");
  },
);

Deno.test("decideAccess() matches addresses, prefixes and networks", pure, () => {
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
    ["0.0.0.0/0", false],
    ["192.0.2.1/32", true],
    ["192.0.2.0/33", false],
    ["192.0.2.*", true],
    ["192.0.2.?", true],
    ["[2001:db8::]/32", false],
    ["root@192.0.2.1", true],
    ["10.0.0.1, 192.0.2.1", true],
    ["10.0.0.1 10.0.0.2", false],
  ];
  for (const [clients, isDenied] of cases) assertEquals(denies(clients, client), isDenied, clients);
});

Deno.test("decideAccess() matches IPv6 addresses and networks in brackets", pure, () => {
  const client = { address: "2001:db8::1", name: undefined };
  assertEquals(denies("[2001:db8::]/32", client), true);
  assertEquals(denies("[2001:db8:0::1]", client), true);
  assertEquals(denies("[2001:db8:1::]/48", client), false);
  assertEquals(denies("192.0.2.0/24 [2001:db8::]/127", client), true);
});

Deno.test("decideAccess() asks for a name only if a rule needs it", pure, () => {
  const named = { name: "NodeB.example.net" };
  assertEquals(denies(".example.net", named), true);
  assertEquals(denies(".ample.net", named), false);
  assertEquals(denies("nodeb.example.net", named), true);
  assertEquals(denies("node?.*", named), true);
  assertEquals([denies("LOCAL", named), denies("LOCAL", { name: "nodeb" })], [false, true]);
  assertEquals([denies("KNOWN", named), denies("UNKNOWN", named)], [true, false]);
  assertEquals([denies("KNOWN", {}), denies("UNKNOWN", {}), denies("PARANOID", {})], [
    false,
    true,
    false,
  ]);
  const liar = { name: PARANOID };
  assertEquals(["KNOWN", "UNKNOWN", "PARANOID"].map((list) => denies(list, liar)), [
    false,
    false,
    true,
  ]);
  for (const clients of [".example.net", "nodeb", "LOCAL", "KNOWN", "ALL EXCEPT nodeb"]) {
    assertEquals(denies(clients, { name: undefined }), "nameNeeded", clients);
  }
  assertEquals(denies("192.0.2.1 .example.net", { name: undefined }), true);
});

Deno.test("decideAccess() nests EXCEPT", pure, () => {
  const list = "ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7";
  assertEquals(denies(list, { address: "192.0.2.1" }), false);
  assertEquals(denies(list, { address: "192.0.2.7" }), true);
  assertEquals(denies(list, { address: "198.51.100.1" }), true);
  assertEquals(decide("", "ALL EXCEPT statd: ALL\n", {}), "allow");
});

Deno.test("decideAccess() reads patterns from files, which may name further files", pure, () => {
  assertEquals(denies("/etc/clients", { address: "192.0.2.77" }), true);
  assertEquals(denies("/etc/clients", { name: "a.example.org" }), true);
  assertEquals(denies("/etc/clients", { address: "192.0.2.78" }), true);
  assertEquals(denies("/etc/missing", {}), false);
});

Deno.test("parseAccessFile() obeys the options allow and deny, and runs no command", pure, () => {
  assertEquals(decide("statd: 192.0.2.1: deny\n", "", {}), "deny");
  assertEquals(decide("", "statd: ALL : severity notice : allow\n", {}), "allow");
  assertEquals(decide("", "statd: ALL: spawn (echo %h | mail root) & : deny\n", {}), "deny");
});

Deno.test(
  "parseAccessFile() joins lines, skips comments and reports lines that are no rules",
  pure,
  () => {
    const faults: [number, string][] = [];
    const text = "# statd: ALL\n\nstatd: 10.0.0.1 \\\n 192.0.2.1\nstatd\nstatd:\nALL: 1.2.3.4";
    const entries = parseAccessFile(text, "statd", "deny", (...fault) => faults.push(fault));
    assertEquals(entries.map(({ clients }) => clients.included.length), [2, 0, 1]);
    assertEquals(faults.map(([line]) => line), [5, 6, 7]);
  },
);

Deno.test(
  "trust 4: a pattern that cannot be judged denies, after EXCEPT too (field 5)",
  pure,
  () => {
    const here = { address: "192.0.2.1" };
    for (
      const list of ["root@192.0.2.1", "ALL EXCEPT ALL EXCEPT root@ALL", "ALL EXCEPT root@10.0.0.1"]
    ) {
      assertEquals(decide("", `statd: ${list}\n`, here), "deny", list);
    }
    for (const list of ["root@192.0.2.1", "ALL@ALL", "ALL EXCEPT root@192.0.2.1"]) {
      assertEquals(decide(`statd: ${list}\n`, "ALL: ALL\n", here), "deny", list);
    }
    assertEquals(decide("", "statd@10.0.0.1: ALL\n", here), "deny");
    assertEquals(decide("statd@10.0.0.1: ALL\n", "ALL: ALL\n", here), "deny");
    assertEquals(decide("statd: /unreadable\n", "ALL: ALL\n", here), "deny");
    for (const option of ["dney", "aclexec true", "twist x", "user nobody", "allow: deny", ""]) {
      assertEquals(decide(`statd: ALL: ${option}\n`, "ALL: ALL\n", here), "deny", option);
    }
  },
);

Deno.test("field 6: a netgroup is asked about the client's name", pure, () => {
  assertEquals(denies("@group", { name: undefined }), "nameNeeded");
  const named = { name: "nodeb.example.net" };
  assertEquals(denies("@group", named), "netgroupNeeded");
  assertEquals(denies("@group", { ...named, netgroups: new Map([["group", true]]) }), true);
  assertEquals(denies("@group", { ...named, netgroups: new Map([["group", false]]) }), false);
});

Deno.test("trust 4: each line that cannot be obeyed literally causes one warning", pure, () => {
  const told = (text: string) => {
    const faults: string[] = [];
    parseAccessFile(text, "statd", "deny", (line, reason) => faults.push(`${line} ${reason}`));
    return faults;
  };
  const lines = [
    "root@ALL",
    "10.0.0.1/8",
    "0.0.0.0/0",
    "ALL: spawn x",
    "ALL: foo",
    "ALL: aclexec x",
  ];
  assertEquals(told(lines.map((line) => `statd: ${line}\n`).join("")).length, lines.length);
  assertEquals(told("statd: ALL\nstatd: 10.0.0.0/8: severity info\n# x\n\nx: root@ALL\n"), []);
  assertEquals(told("statd: ALL").length, 1);
});

Deno.test("files of patterns that name each other are read once", pure, () => {
  assertEquals(denies("/etc/circle", { address: "192.0.2.9" }), true);
  assertEquals(denies("/etc/circle", { address: "192.0.2.1" }), false);
  assertEquals(denies("ALL EXCEPT /etc/circle", { address: "192.0.2.9" }), false);
});

Deno.test(
  "an option with a value that it does not take denies its clients, with a message",
  pure,
  () => {
    const setenv = ["setenv A=B", "setenv == x"]; // setenv(3) takes no such names
    for (const option of ["keepalive 5", "umask 999", "linger x", "nice much", ...setenv]) {
      const faults: string[] = [];
      const entries = parseAccessFile(
        `statd: ALL: ${option}\n`,
        "statd",
        "allow",
        (_line, reason) => void faults.push(reason),
      );
      const client = { address: "192.0.2.1", name: UNKNOWN };
      assertEquals(decideAccess(entries, client, () => undefined), "deny", option);
      const [name] = option.split(" ");
      assertEquals(faults, [
        `the option "${name}" does not take this value; the clients it names are denied`,
      ]);
    }
  },
);
