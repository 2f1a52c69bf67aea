import { assertEquals } from "@std/assert";
import { Entries, type Entry } from "../../lib/rpcbind/entries.ts";
import { ownEntries } from "../../lib/rpcbind/own_entries.ts";

const pure = { permissions: "none" } as const;
const UDP = 17;
const TCP = 6;

function entry(prog: number, vers: number, netid: string, address: string, owner = ""): Entry {
  return { r_prog: prog, r_vers: vers, r_netid: netid, r_addr: address, r_owner: owner };
}

function make(...entries: Entry[]) {
  const made = { changes: 0, entries: new Entries(entries, () => void made.changes++) };
  return made;
}

Deno.test("set() keeps the address of an entry until it is removed", pure, () => {
  const { entries } = make();
  assertEquals(entries.set(entry(1, 1, "udp", "0.0.0.0.1.1"), "superuser"), true);
  assertEquals(entries.set(entry(1, 1, "UDP", "0.0.0.0.1.1"), "1000"), true);
  assertEquals(entries.set(entry(1, 1, "udp", "0.0.0.0.1.2"), "superuser"), false);
  assertEquals(entries.all, [entry(1, 1, "udp", "0.0.0.0.1.1", "superuser")]);
});

Deno.test("set() records the caller as owner, whatever owner it names", pure, () => {
  const { entries } = make();
  entries.set(entry(1, 1, "udp", "x", "superuser"), "1000");
  assertEquals(entries.all[0]!.r_owner, "1000");
});

Deno.test(
  "unset() is permitted for the owner and root, and stops at another owner's entry",
  pure,
  () => {
    const { entries } = make(
      entry(1, 1, "udp", "a", "1000"),
      entry(1, 1, "tcp", "a", "superuser"),
      entry(1, 1, "udp6", "a", "1000"),
    );
    assertEquals(entries.unset(entry(1, 1, "tcp", ""), "1000"), false);
    assertEquals(entries.unset(entry(1, 1, "", ""), "1000"), false);
    assertEquals(entries.all.map(({ r_netid }) => r_netid), ["tcp", "udp6"]);
    assertEquals(entries.unset(entry(1, 1, "", ""), "superuser"), true);
    assertEquals(entries.all, []);
    assertEquals(entries.unset(entry(1, 1, "", ""), "1000"), true, "nothing is left of it");
  },
);

Deno.test("find() prefers the version, else takes the last of the program and netid", pure, () => {
  const { entries } = make(
    entry(1, 1, "udp", "one"),
    entry(1, 3, "udp", "three"),
    entry(1, 2, "tcp", "two"),
  );
  assertEquals(entries.find(1, 1, "udp")?.r_addr, "one");
  assertEquals(entries.find(1, 9, "udp")?.r_addr, "three");
  assertEquals(entries.find(1, 1, "udp6"), undefined);
});

Deno.test("version 2 shows entries with an IPv4 address and netid udp or tcp", pure, () => {
  const { entries } = make(
    entry(1, 1, "udp", "0.0.0.0.8.1"),
    entry(1, 3, "udp", "junk"),
    entry(1, 2, "tcp", "10.0.0.1.8.2"),
    entry(1, 1, "udp6", "::.8.3"),
  );
  assertEquals(entries.mappings(), [
    { prog: 1, vers: 1, prot: UDP, port: 2049 },
    { prog: 1, vers: 2, prot: TCP, port: 2050 },
  ]);
  assertEquals(entries.portOf(1, 3, UDP), 2049);
  assertEquals(entries.portOf(1, 1, 5), undefined);
  assertEquals(entries.portOf(2, 1, UDP), undefined);
});

/** Number of entries that an owner can make. */
function room(entries: Entries, owner: string): number {
  let made = 0;
  while (entries.set(entry(made, Number(owner) || 0, "udp", "x"), owner)) made++;
  return made;
}

Deno.test("no user fills the room of other users, nor people that of system users", pure, () => {
  const { entries } = make();
  assertEquals(["1000", "1001", "1002"].map((owner) => room(entries, owner)), [256, 256, 256]);
  entries.unset(entry(7, 1000, "udp", ""), "1000");
  assertEquals(room(entries, "unknown"), 256);
  assertEquals([room(entries, "1000"), room(entries, "1003")], [256, 0], "7 is free for its owner");
  assertEquals([room(entries, "103"), room(entries, "65534")], [256, 256]);
});

Deno.test("users cannot fill the room of root's services", pure, () => {
  const { entries } = make();
  const users = Array.from({ length: 20 }, (_, i) => room(entries, String(101 + i)));
  assertEquals(users, [...new Array(16).fill(256), 0, 0, 0, 0]);
  assertEquals(room(entries, "superuser"), 4096);
});

Deno.test("set() refuses implausible texts", pure, () => {
  const { entries } = make();
  assertEquals(entries.set(entry(1, 1, "n".repeat(400), "a".repeat(112)), "superuser"), true);
  assertEquals(entries.set(entry(2, 1, "n".repeat(400), "a".repeat(113)), "superuser"), false);
});

Deno.test("each change is reported, and nothing else", pure, () => {
  const made = make();
  made.entries.set(entry(1, 1, "udp", "x"), "1");
  made.entries.set(entry(1, 1, "udp", "x"), "1");
  made.entries.unset(entry(1, 1, "tcp", ""), "1");
  assertEquals(made.changes, 1);
  made.entries.unset(entry(1, 1, "udp", ""), "1");
  assertEquals(made.changes, 2);
});

Deno.test("restore() skips entries that are registered already", pure, () => {
  const own = ownEntries(new Set(["udp"]));
  const { entries } = make(...own);
  assertEquals(entries.restore([...own, entry(1, 1, "udp", "x", "1")]), 1);
  assertEquals(entries.find(1, 1, "udp")?.r_owner, "1");
});
