import { assertEquals } from "@std/assert";
import { listJson, listText } from "../../lib/nsmctl/list.ts";
import { addFacts, peerMatcher, PeerTable } from "../../lib/nsmctl/peers.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";

const pure = { permissions: "none" } as const;
const NOW = Date.UTC(2026, 10, 26);

function record(monName: string, myName = "me") {
  return { monName, myName, myProg: 100021, myVers: 3, myProc: 16 };
}

function table() {
  const table = new PeerTable();
  table.addMonitored({ record: record("b.example"), since: NOW - 5_000 });
  table.addMonitored({ record: record("B.Example", "other"), since: NOW - 65_000 });
  table.addToBeNotified({ record: record("b.example"), since: NOW - 10_000 });
  table.addToBeNotified({ record: record("a"), since: NOW });
  table.addEntry([
    "c",
    "me",
    100021,
    4,
    16,
    0,
    7,
    NOW - 1_000,
    "c.example",
    "10.0.0.3",
    "10.0.0.3",
    "fd00::3",
  ]);
  return table;
}

Deno.test("PeerTable merges facts about one name, in any letter case", pure, () => {
  const peers = table().sorted();
  assertEquals(peers.map(({ monName }) => monName), ["a", "b.example", "c"]);
  const [, b, c] = peers;
  assertEquals([b!.isMonitored, b!.isToBeNotified, b!.since], [true, true, NOW - 65_000]);
  assertEquals(b!.requests.length, 2, "D22: a request is shown once, whatever lists it is on");
  assertEquals([c!.canonicalName, c!.addresses], ["c.example", ["10.0.0.3", "fd00::3"]]);
  assertEquals([c!.lastState, c!.heardAt, c!.since], [7, NOW - 1_000, undefined]);
});

Deno.test("a peer named by address has that address, whatever the name service says", pure, () => {
  const table = new PeerTable();
  for (const name of ["10.0.0.4", "fd00::4"]) table.addEntry([name, "me", 100021, 4, 16, 0, 0, 0]);
  const [v4, v6] = table.sorted();
  assertEquals([v4!.addresses, v6!.addresses], [["10.0.0.4"], ["fd00::4"]]);
  addFacts(v4!, { addresses: ["10.0.0.4", "fd00::4"] });
  assertEquals(v4!.addresses, ["10.0.0.4", "fd00::4"]);
});

Deno.test("addFacts() keeps facts of the daemon", pure, () => {
  const [, , c] = table().sorted();
  addFacts(c!, { addresses: ["1.1.1.1"], lastState: 3, toldAt: 5 });
  assertEquals([c!.addresses[0], c!.lastState, c!.toldAt], ["10.0.0.3", 7, 5]);
});

Deno.test("peerMatcher() matches * and ?, names and addresses", pure, () => {
  const matching = (pattern: string) =>
    table().sorted().filter(peerMatcher(pattern)).map(({ monName }) => monName);
  assertEquals(matching("*"), ["a", "b.example", "c"]);
  assertEquals(matching("?"), ["a", "c"]);
  assertEquals(matching("*.EXAMPLE"), ["b.example", "c"]);
  assertEquals(matching("10.0.0.*"), ["c"]);
  assertEquals(matching("10x0.0.3"), []);
  assertEquals(matching("(a|b)+"), []);
});

Deno.test("peerMatcher() matches an address in any spelling", pure, () => {
  const named = new PeerTable();
  for (const monName of ["2001:db8::5", "fe80::1%eth0", "192.0.2.1"]) {
    named.addMonitored({ record: record(monName), since: 0 });
  }
  const matching = (pattern: string) =>
    named.sorted().filter(peerMatcher(pattern)).map(({ monName }) => monName);
  for (const spelling of ["2001:DB8:0:0::5", "[2001:db8::5]", "2001:db8:0:0:0:0:0:5"]) {
    assertEquals(matching(spelling), ["2001:db8::5"], spelling);
  }
  assertEquals(matching("FE80:0::1%eth0"), ["fe80::1%eth0"]);
  assertEquals(matching("fe80::1%eth1"), []);
  assertEquals(matching("::ffff:192.0.2.1"), ["192.0.2.1"]);
  assertEquals(matching("2001:*"), ["2001:db8::5"]);
});

Deno.test("listText() is a table, or a word for an empty list", pure, () => {
  const terminal = new FakeTerminal();
  const session = { terminal, now: () => NOW };
  assertEquals(
    listText(table().sorted(), session),
    `M  N  PEER       ASKED BY  AGE    ADDRESSES                   HEARD
   N  a          me        0 s
M  N  b.example  me other  1 min
M     c          me               c.example 10.0.0.3 fd00::3  1 s
`,
  );
  const narrow = { ...session, terminal: new FakeTerminal(30) };
  assertEquals(
    listText(table().sorted().slice(2), narrow),
    `M  c
  ASKED BY   me
  ADDRESSES  c.example 10.0.0.3
             fd00::3
  HEARD      1 s
`,
  );
  assertEquals(listText([], session), "No peers.\n");
  assertEquals(
    listText(table().sorted(), session, { isBare: true, columns: ["peer", "n"] }),
    "a          N\nb.example  N\nc\n",
    "D22: columns are chosen, in any order",
  );
  assertEquals(listText([], session, { isBare: true }), "");
});

Deno.test("listJson() leaves out unknown values", pure, () => {
  const peers = table().sorted().slice(0, 1);
  assertEquals(listJson({ peers, isLive: true, unread: [] }, { stateDirectoryPath: "/s" }), {
    stateDirectory: "/s",
    daemon: true,
    peers: [{
      monName: "a",
      monitored: false,
      toBeNotified: true,
      addresses: [],
      since: new Date(NOW).toISOString(),
      requests: [{ myName: "me", program: 100021, version: 3, procedure: 16 }],
    }],
  });
});
