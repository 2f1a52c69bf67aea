import { assert, assertEquals, assertMatch } from "@std/assert";
import { Notifier, type NotifierSettings } from "../../../lib/nsm/notify/notifier.ts";
import type { NotifyReport } from "../../../lib/nsm/notify/notify_outcome.ts";
import { announcementsOf } from "../../../lib/nsm/notify/notify_list.ts";
import { PLACES } from "../../../lib/nsm/notify/pacer.ts";
import type { NotifyRecord } from "../../../lib/nsm/ports.ts";
import { TransportError } from "../../../lib/rpc/transport.ts";
import { readRetrySchedule, RETRY_SCHEDULES } from "../../../lib/nsm/notify/retry_schedule.ts";
import { FakePeers } from "../../support/fake_peers.ts";
import { FakeResolver } from "../../support/fake_resolver.ts";
import { MemoryNotifyStore, MemoryPeerMemory } from "../../support/memory_notify_store.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { SimulatedClock } from "../../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;
const MINUTE_MS = 60_000;
/** Times at which nfs-utils sends to a silent peer, in seconds. */
const NFS_UTILS_TIMES = [0, 2, 6, 14, 30, 62, 126, 246, 366, 486, 606, 726, 846];

class World {
  readonly clock = new SimulatedClock();
  readonly peers = new FakePeers(this.clock);
  readonly resolver = new FakeResolver();
  readonly store = new MemoryNotifyStore();
  readonly memory = new MemoryPeerMemory();
  readonly log = new RecordingLog();
  readonly reports: NotifyReport[] = [];

  notifier(
    settings: Partial<NotifierSettings> = {},
    onFailed?: (failure: unknown) => void,
  ): Notifier {
    const parts = {
      clock: this.clock,
      resolver: this.resolver,
      store: this.store,
      memory: this.memory,
      sources: [this.peers],
      log: this.log,
      random: () => 0.5,
      onSettled: (report: NotifyReport) => void this.reports.push(report),
      ...(onFailed === undefined ? {} : { onFailed }),
    };
    const schedule = RETRY_SCHEDULES["linux"]!;
    return new Notifier(parts, {
      stateNumber: 5,
      schedule,
      totalMs: schedule.totalMs,
      announcements: (record: NotifyRecord) => announcementsOf([record.myName]),
      preferTcp: false,
      isTransportSet: false,
      peerPort: 0,
      ...settings,
    }, [...this.store.records]);
  }

  run(settings: Partial<NotifierSettings> = {}) {
    return this.clock.until(this.notifier(settings).run());
  }
}

Deno.test(
  "a healthy peer gets one query and one notice for each form of the name",
  pure,
  async () => {
    const world = new World();
    const record = world.store.add("10.0.0.1", { myName: "nodeb.example.net" });
    world.peers.add("10.0.0.1");
    const counts = await world.run();
    assertEquals(world.peers.sent("10.0.0.1"), [
      "0 PMAPPROC_GETPORT",
      "1 SM_NOTIFY",
      "2 SM_NOTIFY",
    ]);
    assertEquals(world.peers.told("10.0.0.1"), ["nodeb.example.net", "nodeb"]);
    assertEquals(world.peers.calls[1]!.args, { mon_name: "nodeb.example.net", state: 5 });
    assertEquals(world.store.records.size, 0);
    assertEquals(counts, { total: 1, told: 1, forgotten: 0, gaveUp: 0, failing: 0 });
    assertEquals(world.reports, [{
      record,
      outcome: "told",
      address: "10.0.0.1",
      transport: "udp",
      attempts: 1,
      elapsedMs: 3,
      fault: undefined,
    }]);
  },
);

Deno.test(
  "a silent peer is tried at nfs-utils' times, and kept after the time limit",
  pure,
  async () => {
    const world = new World();
    world.store.add("10.0.0.1");
    const counts = await world.run();
    assertEquals(
      world.peers.sent("10.0.0.1"),
      NFS_UTILS_TIMES.map((seconds) => `${seconds * 1000} PMAPPROC_GETPORT`),
    );
    assertEquals(world.clock.now(), 15 * MINUTE_MS);
    assertEquals(world.store.records.size, 1);
    assertEquals(counts.gaveUp, 1);
    assertEquals(world.log.of("warning").length, 1);
    assertMatch(
      world.log.of("warning")[0]!,
      /^warning: Unable to notify 10\.0\.0\.1, giving up after 13 attempts: .*no answer in \d+ ms/,
    );
    assertEquals(world.reports[0]!.outcome, "gave up");
    assertEquals(world.reports[0]!.attempts, NFS_UTILS_TIMES.length);
  },
);

Deno.test("a retry time of 0 means no limit", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  const abort = new AbortController();
  const run = world.notifier({ totalMs: Infinity }).run(abort.signal);
  await world.clock.pass(100 * 60 * MINUTE_MS);
  assertEquals(world.store.records.size, 1);
  abort.abort();
  await world.clock.until(run);
  assertEquals(world.log.of("notice"), []);
});

const DAY_S = [
  ...Array.from({ length: 10 }, (_, i) => 5 * i),
  ...Array.from({ length: 10 }, (_, i) => 50 + 60 * i),
  ...Array.from({ length: 24 }, (_, i) => 650 + 3600 * i),
];
const SCHEDULES: readonly { text: string; seconds: readonly number[]; end: number }[] = [
  { text: "linux", seconds: NFS_UTILS_TIMES, end: 15 * 60 },
  { text: "bsd", seconds: DAY_S, end: 50 + 600 + 24 * 3600 },
  { text: "macos", seconds: DAY_S, end: 50 + 600 + 24 * 3600 },
  { text: "1, 2.5,10", seconds: [0, 1, 3.5], end: 13.5 },
];
for (const { text, seconds, end } of SCHEDULES) {
  Deno.test(
    `the schedule "${text}" tries a silent peer ${seconds.length} times`,
    pure,
    async () => {
      const world = new World();
      world.store.add("10.0.0.1");
      const schedule = readRetrySchedule(text)!;
      await world.run({ schedule, totalMs: schedule.totalMs });
      assertEquals(
        world.peers.sent("10.0.0.1"),
        seconds.map((second) => `${second * 1000} PMAPPROC_GETPORT`),
      );
      assertEquals(world.clock.now(), end * 1000);
    },
  );
}

Deno.test("a peer that comes up is notified at its next turn", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.add("10.0.0.1", { losses: 3, tcpPort: 0 });
  await world.run();
  assertEquals(
    world.peers.sent("10.0.0.1"),
    [
      "0 PMAPPROC_GETPORT",
      "2000 PMAPPROC_GETPORT",
      "6000 PMAPPROC_GETPORT",
      "6001 SM_NOTIFY",
    ],
  );
});

Deno.test("a lost notice is repeated to the same port after 2 s", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1", { myName: "a.b" });
  const peer = world.peers.add("10.0.0.1", { tcpPort: 0 });
  const run = world.notifier().run();
  await world.clock.pass(1.5);
  peer.losses = 1; // the answer to the first notice is in flight: this is the second one
  await world.clock.until(run);
  assertEquals(world.peers.sent("10.0.0.1"), [
    "0 PMAPPROC_GETPORT",
    "1 SM_NOTIFY",
    "2 SM_NOTIFY",
    "2002 SM_NOTIFY",
  ]);
  assertEquals(world.peers.told("10.0.0.1"), ["a.b", "a", "a"]);
});

Deno.test("a port that does not answer is asked for again", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  const peer = world.peers.add("10.0.0.1", { nsm: "silent", tcpPort: 0 });
  const run = world.notifier().run();
  await world.clock.pass(5000);
  peer.udpPort = 910; // its NSM was restarted
  peer.nsm = "up";
  await world.clock.until(run);
  assertEquals(world.peers.sent("10.0.0.1"), [
    "0 PMAPPROC_GETPORT",
    "1 SM_NOTIFY",
    "2001 SM_NOTIFY",
    "6001 PMAPPROC_GETPORT",
    "6002 SM_NOTIFY",
  ]);
});

Deno.test("a peer without an NSM is asked again until it has one", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  const peer = world.peers.add("10.0.0.1", { udpPort: 0, tcpPort: 0 });
  const run = world.notifier().run();
  await world.clock.pass(10_000);
  peer.udpPort = 900;
  await world.clock.until(run);
  assertEquals(world.peers.sent("10.0.0.1").at(-1), "14001 SM_NOTIFY");
  assertEquals(world.store.records.size, 0);
});

Deno.test("a silent address is followed by the next one", pure, async () => {
  const world = new World();
  world.store.add("peer.example");
  world.resolver.addHost("peer.example", ["10.0.0.1", "10.0.0.2", "fd00::3"]);
  world.peers.add("fd00::3");
  await world.run();
  assertEquals(world.peers.sent("10.0.0.1"), ["0 PMAPPROC_GETPORT"]);
  assertEquals(world.peers.sent("10.0.0.2"), ["2000 PMAPPROC_GETPORT"]);
  assertEquals(world.peers.sent("fd00::3"), ["6000 RPCBPROC_GETADDR", "6001 SM_NOTIFY"]);
  assertEquals(world.memory.facts.get("peer.example"), {
    addresses: ["fd00::3", "10.0.0.1", "10.0.0.2"],
    transport: "udp",
    port: 900,
    toldAt: world.clock.wallClock(),
  });
});

Deno.test("an unreachable address is followed by the next one at once", pure, async () => {
  const world = new World();
  world.store.add("peer.example");
  world.resolver.addHost("peer.example", ["fd00::1", "10.0.0.2"]);
  world.peers.add("fd00::1", { isUnreachable: true });
  world.peers.add("10.0.0.2");
  await world.run();
  assertEquals(world.clock.now(), 2);
  assertEquals(world.reports[0]!.address, "10.0.0.2");
});

Deno.test("TCP is tried beside UDP from the second turn on, and remembered", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1", { monName: "Peer" });
  world.peers.add("10.0.0.1", { isUdpFiltered: true });
  await world.run();
  assertEquals(world.peers.sent("10.0.0.1", "tcp"), ["2400 PMAPPROC_GETPORT", "2401 SM_NOTIFY"]);
  assertEquals(world.memory.facts.get("peer")!.transport, "tcp");
  world.store.add("10.0.0.1", { monName: "PEER" });
  world.peers.calls.length = 0;
  const before = world.clock.now();
  await world.run();
  assertEquals(world.peers.sent("10.0.0.1", "udp"), []);
  assertEquals(world.clock.now(), before + 2);
});

Deno.test("UDP is tried if a preferred TCP fails", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.add("10.0.0.1", { tcpPort: 0 });
  await world.run({ preferTcp: true });
  assertEquals(world.peers.sent("10.0.0.1", "tcp")[0], "0 PMAPPROC_GETPORT");
  assertEquals(world.peers.sent("10.0.0.1", "udp"), ["2001 PMAPPROC_GETPORT", "2002 SM_NOTIFY"]);
});

for (
  const [what, settings, facts] of [
    ["remembered", {}, { addresses: ["10.0.0.1"], port: 900, transport: "udp" }],
    ["given", { peerPort: 900 }, { addresses: ["10.0.0.1"] }],
  ] as const
) {
  Deno.test(`a ${what} port is tried when rpcbind is filtered`, pure, async () => {
    const world = new World();
    world.store.add("peer.example");
    world.memory.facts.set("peer.example", facts);
    world.peers.add("10.0.0.1", { rpcbind: "silent" });
    await world.run(settings);
    assertEquals(world.peers.sent("10.0.0.1"), [
      "0 PMAPPROC_GETPORT",
      "2000 PMAPPROC_GETPORT",
      "2400 SM_NOTIFY",
    ]);
  });
}

Deno.test("remembered addresses come first, the name's own if they fail", pure, async () => {
  const world = new World();
  world.store.add("peer.example");
  world.memory.facts.set("peer.example", { addresses: ["10.0.0.9"] });
  world.resolver.addHost("peer.example", ["10.0.0.1"]);
  world.peers.add("10.0.0.1");
  await world.run();
  assertEquals(world.peers.sent("10.0.0.9")[0], "0 PMAPPROC_GETPORT");
  assertEquals(world.peers.told("10.0.0.1"), ["me"]);
  assertEquals(world.clock.now(), 2002);
});

Deno.test("a silent name service delays only peers that need it", pure, async () => {
  const world = new World();
  const answer = Promise.withResolvers<void>();
  world.resolver.gate = answer.promise;
  for (let i = 0; i < 50; i++) {
    world.store.add(`dark${i}.example`, { modifiedAt: 9 });
    world.store.add(`10.0.0.${i}`);
    world.peers.add(`10.0.0.${i}`);
  }
  const notifier = world.notifier();
  const run = notifier.run();
  await world.clock.pass(3);
  assertEquals(notifier.counts.told, 50);
  answer.resolve();
  assertEquals((await world.clock.until(run)).gaveUp, 50);
  const warnings = world.log.of("warning");
  assertEquals(warnings[0], "warning: DNS resolution of dark0.example failed; retrying later");
  assertEquals(warnings.filter((line) => line.includes("DNS resolution")).length, 3);
  assertEquals(warnings.filter((line) => line.includes("giving up")).length, 50);
});

Deno.test("a peer given up in the first turn has a reason too", pure, async () => {
  const world = new World();
  world.resolver.gate = Promise.withResolvers<void>().promise;
  world.store.add("dark.example");
  world.store.add("10.0.0.1");
  await world.run({ totalMs: 1000 });
  assertEquals(world.reports.map(({ outcome, fault }) => [outcome, fault]), [
    ["gave up", "no address was found yet"],
    ["gave up", "no answer came yet from 10.0.0.1"],
  ]);
});

Deno.test("a fault of both transports is reported once", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.call = (_program, _name, _args, to) =>
    Promise.reject(new TransportError("send to", to, "there is no source address"));
  await world.run();
  const fault = "Cannot send to 10.0.0.1 port 111: there is no source address";
  assertEquals(world.reports.map((report) => report.fault), [fault]);
});

Deno.test("a name that was not known is looked up again by the schedule", pure, async () => {
  const world = new World();
  world.store.add("peer.example");
  world.peers.add("10.0.0.1");
  const run = world.notifier().run();
  await world.clock.pass(7000);
  assertEquals(world.resolver.asked.length, 3); // at 0, 2 and 6 s
  world.resolver.addHost("peer.example", ["10.0.0.1"]);
  await world.clock.until(run);
  assertEquals(world.clock.now(), 14_002);
});

Deno.test(
  "a peer removed from the list by an operator is dropped at its next turn",
  pure,
  async () => {
    const world = new World();
    const record = world.store.add("10.0.0.1");
    const run = world.notifier().run();
    await world.clock.pass(1000);
    world.store.remove(record);
    assertEquals((await world.clock.until(run)).forgotten, 1);
    assertEquals(world.peers.sent("10.0.0.1").length, 1);
  },
);

Deno.test("newer records come first, equally new ones in their order", pure, async () => {
  const world = new World();
  [1, 3, 3, 2].forEach((modifiedAt, i) => {
    world.store.add(`10.0.0.${i}`, { modifiedAt });
    world.peers.add(`10.0.0.${i}`);
  });
  await world.run();
  assertEquals(world.peers.calls.slice(0, 4).map((call) => call.address), [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.0",
  ]);
});

Deno.test("a jump of the wall clock changes nothing", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  const run = world.notifier().run();
  await world.clock.pass(10_000);
  world.clock.wallOffset -= 86_400_000;
  await world.clock.pass(10_000);
  world.clock.wallOffset += 9 * 86_400_000;
  await world.clock.until(run);
  assertEquals(world.peers.sent("10.0.0.1").length, NFS_UTILS_TIMES.length);
});

Deno.test("after a standstill overdue peers are tried once, at the usual pace", pure, async () => {
  const world = new World();
  for (let i = 0; i < 1000; i++) world.store.add(`10.0.${i >> 8}.${i & 255}`);
  const run = world.notifier({ totalMs: Infinity }).run();
  run.catch(() => {});
  await world.clock.pass(20_000);
  const before = world.peers.calls.filter((call) => call.transport === "udp").length;
  world.clock.jump(3_600_000);
  await world.clock.pass(1000);
  const after = world.peers.calls.filter((call) => call.transport === "udp");
  assertEquals(after.length - before, 1000);
  const first = after[before]!.at;
  assertEquals(after.slice(before).filter((call) => call.at === first).length, PLACES);
});

Deno.test(
  "ten thousand peers due at once keep to the limit of outstanding calls, not counting silent ones",
  pure,
  async () => {
    const world = new World();
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      const address = `10.1.${i >> 8}.${i & 255}`;
      world.store.add(address);
      if (i % 10 !== 0) world.peers.add(address);
    }
    const call = world.peers.call.bind(world.peers);
    let healthy = 0;
    world.peers.call = async (program, name, args, to, transport, timeoutMs) => {
      const isHealthy = world.peers.peers.has(to.address);
      if (isHealthy) most = Math.max(most, ++healthy);
      try {
        return await call(program, name, args, to, transport, timeoutMs);
      } finally {
        if (isHealthy) healthy--;
      }
    };
    const notifier = world.notifier();
    const run = notifier.run();
    await world.clock.pass(1500);
    assertEquals(notifier.counts.told, 9000);
    assertEquals(notifier.counts.failing, 0);
    assert(most <= PLACES, `${most} at once`);
    await world.clock.until(run);
    assertEquals(notifier.counts.gaveUp, 1000);
  },
);

Deno.test("records are removed once no answer is outstanding", pure, async () => {
  const world = new World();
  for (let i = 0; i < 2 * PLACES; i++) {
    const address = `10.0.${i >> 8}.${i & 255}`;
    world.store.add(address);
    world.peers.add(address);
  }
  const outstanding = new Set<number>();
  const remove = world.store.remove.bind(world.store);
  world.store.remove = (record) => {
    outstanding.add(world.peers.outstanding);
    return remove(record);
  };
  await world.run();
  assertEquals([...outstanding], [0]);
  assertEquals(world.store.records.size, 0);
  assertEquals(world.memory.facts.size, 2 * PLACES);
});

Deno.test("removal of records does not wait for unlikely answers", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.add("10.0.0.1");
  world.store.add("10.0.0.2");
  const run = world.notifier().run();
  await world.clock.pass(1_000);
  assertEquals([...world.store.records].map(({ fileName }) => fileName), ["10.0.0.2"]);
  await world.clock.until(run);
});

Deno.test("several own names are announced, each in both forms, none twice", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.add("10.0.0.1");
  const names = ["nodeb.example", "nodeb.other", "10.0.0.2"];
  await world.run({
    announcements: () => announcementsOf(names).map(({ name }) => ({ name, source: 0 })),
  });
  assertEquals(world.peers.told("10.0.0.1"), ["nodeb.example", "nodeb", "nodeb.other", "10.0.0.2"]);
});

Deno.test(
  "B5: a fault during a run keeps no other peer from being notified",
  pure,
  async () => {
    const world = new World();
    world.store.add("10.0.0.1");
    world.store.add("10.0.0.2");
    world.peers.add("10.0.0.2", { losses: 2, tcpPort: 0 });
    world.store.has = ({ fileName }) => {
      if (fileName === "10.0.0.1") throw new Error("Stale file handle (os error 116)");
      return true;
    };
    const counts = await world.run();
    assertEquals([counts.told, counts.gaveUp], [1, 1]);
    const [line] = world.log.of("warning");
    const why = "Stale file handle (os error 116)";
    assertEquals(line, `warning: Unable to notify 10.0.0.1, giving up after 13 attempts: ${why}`);
  },
);

Deno.test("B5: a failing name service counts as one without an answer", pure, async () => {
  const world = new World();
  world.store.add("a.example");
  world.store.add("10.0.0.2");
  world.peers.add("10.0.0.2");
  world.resolver.addressesOf = () => Promise.reject(new Error("no memory"));
  const counts = await world.run();
  assertEquals([counts.told, counts.gaveUp], [1, 1]);
});

Deno.test("issue 14: remaining records are counted, and one line says why", pure, async () => {
  const world = new World();
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
    world.store.add(address);
    world.peers.add(address);
  }
  world.store.remove = () => Promise.reject(new Error("Permission denied (os error 13)"));
  const notifier = world.notifier();
  const counts = await world.clock.until(notifier.run());
  assertEquals([counts.told, notifier.unremoved], [3, 3]);
  assertEquals(world.log.of("error"), [
    'error: Cannot take "10.0.0.1" off the notify list: Permission denied (os error 13)',
    "error: 3 told peers stay on the notify list",
  ]);
});

Deno.test("a run ends when the records of told peers are removed", pure, async () => {
  const world = new World();
  world.store.add("10.0.0.1");
  world.peers.add("10.0.0.1");
  let isRemoved = false;
  world.store.remove = () =>
    new Promise((resolve) =>
      world.clock.startTimer(MINUTE_MS, () => {
        isRemoved = true;
        resolve();
      })
    );
  assertEquals((await world.run()).told, 1);
  assertEquals(isRemoved, true);
});

Deno.test("F7: a transport that was set decides before the one remembered", pure, async () => {
  for (
    const [preferTcp, remembered, expected] of [
      [true, "udp", "tcp"],
      [false, "tcp", "udp"],
    ] as const
  ) {
    const world = new World();
    world.store.add("10.0.0.1");
    world.peers.add("10.0.0.1");
    const facts = { addresses: ["10.0.0.1"], transport: remembered, port: 900 };
    world.memory.facts.set("10.0.0.1", facts);
    await world.run({ preferTcp, isTransportSet: true });
    assertEquals(world.reports.map(({ transport }) => transport), [expected]);
  }
});

Deno.test(
  "field 12: the address in a record is used if its file's name is unknown",
  pure,
  async () => {
    const world = new World();
    world.store.add("cloverdale", { monName: "10.1.0.1" });
    world.store.add("gone.example", { monName: "alias.example" });
    world.resolver.addHost("alias.example", ["10.1.0.2"]);
    world.peers.add("10.1.0.1");
    world.peers.add("10.1.0.2");
    const counts = await world.run();
    assertEquals([counts.told, counts.gaveUp], [2, 0]);
    assertEquals(world.store.records.size, 0);
  },
);

Deno.test(
  "field 12: a known name of the file precedes the address in the record",
  pure,
  async () => {
    const world = new World();
    world.store.add("host.example", { monName: "10.1.0.1" });
    world.resolver.addHost("host.example", ["10.1.0.3"]);
    world.peers.add("10.1.0.3");
    await world.run();
    assertEquals(world.reports.map(({ address }) => address), ["10.1.0.3"]);
  },
);

Deno.test(
  "D16: 50 dead peers among 500 cause at most a line per peer and 20 more",
  pure,
  async () => {
    for (const kind of ["silent", "unreachable", "unknown"]) {
      const world = new World();
      for (let i = 0; i < 500; i++) {
        const isDead = i % 10 === 0;
        const address = `10.0.${i >> 8}.${i & 255}`;
        const name = isDead && kind === "unknown" ? `dead${i}.example` : address;
        world.store.add(name);
        if (!isDead) world.peers.add(address);
        else if (kind === "unreachable") world.peers.add(address, { isUnreachable: true });
      }
      const counts = await world.run();
      assertEquals([counts.told, counts.gaveUp], [450, 50]);
      const { lines } = world.log;
      assert(lines.length <= 520, `${kind}: ${lines.length} lines`);
      assertEquals(lines.filter((line) => line.includes("giving up")).length, 50);
      for (const line of lines) assert(!/\d\.\d+ ms/.test(line), line);
    }
  },
);

Deno.test(
  "onFailed reports each failed turn, with its reason and the next attempt",
  pure,
  async () => {
    const world = new World();
    const record = world.store.add("10.0.0.1");
    world.peers.add("10.0.0.1", { udpPort: 0, tcpPort: 0 });
    const failures: unknown[] = [];
    const notifier = world.notifier({ totalMs: 10_000 }, (failure) => failures.push(failure));
    const run = notifier.run();
    assertEquals(notifier.nextTryMs, 2_000, "the peer is busy");
    await world.clock.until(run);
    const failure = { record, address: "10.0.0.1" };
    const udp = "no NSM is registered for udp at 10.0.0.1";
    const both = `${udp}; no NSM is registered for tcp at 10.0.0.1`;
    assertEquals(failures, [
      { ...failure, attempts: 1, reason: udp, nextMs: 1_999, isNew: true },
      { ...failure, attempts: 2, reason: both, nextMs: 3_998, isNew: true },
      { ...failure, attempts: 3, reason: both, nextMs: 7_998, isNew: false },
    ]);
  },
);
