import { assert, assertEquals, assertMatch } from "@std/assert";
import { HostsFiles } from "../../lib/hosts/hosts_files.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { RecordingLog } from "../support/recording_log.ts";

/** hosts.allow and hosts.deny in a folder of their own. */
function setUp(allow: string, deny: string) {
  const directory = Deno.makeTempDirSync();
  const [clock, resolver, log] = [new FakeClock(), new FakeResolver(), new RecordingLog()];
  let written = 0;
  const write = (name: string, text: string) => {
    // Another length, since the time may be equal.
    Deno.writeTextFileSync(`${directory}/${name}`, `${"#".repeat(++written)}\n${text}`);
    clock.advance(1_000);
  };
  write("hosts.allow", allow);
  write("hosts.deny", deny);
  const members = new Set<string>();
  const isInNetgroup = (group: string, host: string) =>
    Promise.resolve(members.has(`${group} ${host}`));
  const hosts = new HostsFiles({ daemon: "statd", resolver, isInNetgroup, clock, log, directory });
  return {
    directory,
    clock,
    resolver,
    log,
    write,
    members,
    hosts,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

const BY_NAME = ["statd: .example.net\n", "ALL: ALL\n"] as const;
const ADDRESS = "203.0.113.1";

Deno.test("trust 13, B2: no decision caused by a silent name service is cached", async () => {
  using it = setUp(...BY_NAME);
  it.resolver.addHost("nodeb.example.net", [ADDRESS]);
  it.resolver.outage = "silent";
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "tryLater");
  it.resolver.outage = undefined;
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "admitted");
  assertEquals(it.hosts.admits({ address: ADDRESS }), "admitted");
});

Deno.test("trust 13: a decision by name expires after a minute, one by address does not", async () => {
  using it = setUp(...BY_NAME);
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "denied");
  it.resolver.addHost("nodeb.example.net", [ADDRESS]);
  assertEquals(it.hosts.admits({ address: ADDRESS }), "denied");
  it.clock.advance(60_000);
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "admitted");
  it.write("hosts.allow", "statd: 203.0.113.\n");
  assertEquals(it.hosts.admits({ address: ADDRESS }), "admitted");
  it.clock.advance(600_000);
  assertEquals(it.hosts.admits({ address: ADDRESS }), "admitted");
});

Deno.test("field 4: a name without matching forward look-up is PARANOID, a missing name is UNKNOWN", async () => {
  for (const [rule, expected] of [["PARANOID", "denied"], ["UNKNOWN", "admitted"]] as const) {
    using it = setUp("", `ALL: ${rule}\n`);
    it.resolver.names.set(ADDRESS, "liar.example.net");
    it.resolver.addHost("liar.example.net", ["203.0.113.9"]);
    it.resolver.names.set(ADDRESS, "liar.example.net");
    assertEquals(await it.hosts.admits({ address: ADDRESS }), expected, rule);
    const other = expected === "denied" ? "admitted" : "denied";
    assertEquals(await it.hosts.admits({ address: "203.0.113.200" }), other, rule);
  }
});

Deno.test("mutation 18: if rules change during a look-up, the new rules decide", async () => {
  using it = setUp(...BY_NAME);
  it.resolver.addHost("nodeb.example.net", [ADDRESS]);
  const { promise, resolve } = Promise.withResolvers<void>();
  it.resolver.gate = promise;
  const admission = it.hosts.admits({ address: ADDRESS });
  it.write("hosts.allow", "");
  it.hosts.recheck();
  resolve();
  assertEquals(await admission, "denied");
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "denied");
});

Deno.test("trust 13: outsiders with silent name servers leave room for other callers", async () => {
  using it = setUp(...BY_NAME);
  it.resolver.addHost("nodeb.example.net", [ADDRESS]);
  const nameOf = it.resolver.nameOf.bind(it.resolver);
  it.resolver.nameOf = (address) =>
    address.startsWith("198.51.") ? new Promise(() => {}) : nameOf(address);
  for (let i = 0; i < 1_000; i++) void it.hosts.admits({ address: `198.51.100.${i % 250}` });
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "admitted");
});

Deno.test("only a few calls of one address wait for its name", async () => {
  using it = setUp(...BY_NAME);
  const { promise, resolve } = Promise.withResolvers<void>();
  it.resolver.gate = promise;
  const admissions = Array.from({ length: 20 }, () => it.hosts.admits({ address: ADDRESS }));
  assertEquals(admissions.filter((one) => one === "tryLater").length, 12);
  resolve();
  await Promise.all(admissions);
  assertEquals(it.resolver.asked, [ADDRESS]);
});

Deno.test("B2: a file of patterns is reread on changes, and keeps its patterns while unreadable", async () => {
  using it = setUp("", "");
  const patterns = `${it.directory}/patterns`;
  it.write("patterns", "203.0.113.1\n");
  it.write("hosts.deny", `statd: ${patterns}\n`);
  const now = () =>
    Promise.all([ADDRESS, "203.0.113.2"].map((address) => it.hosts.admits({ address })));
  // The names of addresses matter where the patterns may be names.
  assertEquals(await now(), ["denied", "admitted"]);
  it.write("patterns", "203.0.113.2\n");
  assertEquals(await now(), ["admitted", "denied"]);
  Deno.removeSync(patterns);
  Deno.mkdirSync(patterns);
  it.clock.advance(1_000);
  assertEquals(await now(), ["admitted", "denied"]);
  assertMatch(it.hosts.checked().join(), /patterns.*it is not a regular file/);
});

Deno.test("trust 4: a hosts.deny that was never readable denies, such a hosts.allow admits no caller", () => {
  using it = setUp("", "");
  for (const name of ["hosts.allow", "hosts.deny"]) {
    Deno.removeSync(`${it.directory}/${name}`);
    Deno.mkdirSync(`${it.directory}/${name}`);
  }
  const { clock, resolver, log, directory } = it;
  const hosts = new HostsFiles({ daemon: "statd", resolver, clock, log, directory });
  assertEquals([hosts.admits({ address: ADDRESS }), hosts.admits({ address: "127.0.0.1" })], [
    "denied",
    "admitted",
  ]);
  assertEquals(log.of("warning").length, 2);
});

Deno.test("field 6: netgroups admit and refuse by the confirmed name", async () => {
  using it = setUp("statd: @clients\n", "ALL: ALL\n");
  it.resolver.addHost("nodeb.example.net", [ADDRESS]);
  it.members.add("clients nodeb.example.net");
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "admitted");
  assertEquals(await it.hosts.admits({ address: "203.0.113.2" }), "denied");
});

Deno.test("a file with many faulty lines causes few warnings, and none again while it is unchanged", () => {
  using it = setUp("", "statd: ALL: foo\n".repeat(100));
  assertEquals(it.log.of("warning").length, 6);
  it.write("hosts.allow", "");
  it.hosts.recheck();
  assertEquals(it.log.of("warning").length, 6);
});

Deno.test("a long file is read in slices, and the old rules apply until then", async () => {
  using it = setUp("", "");
  assertEquals(it.hosts.admits({ address: ADDRESS }), "admitted");
  const names = Array.from({ length: 10_000 }, (_, i) => `statd: host${i}.example.net\n`);
  // Each reading of the clock takes a millisecond.
  const { now } = it.clock;
  let looks = 0;
  it.clock.now = () => now.call(it.clock) + looks++;
  it.write("hosts.deny", `${names.join("")}ALL: ALL\n`);
  it.clock.advance(1_000);
  it.hosts.recheck();
  assert(looks < 20, `${looks} steps without a turn`);
  assertEquals(it.hosts.admits({ address: ADDRESS }), "admitted");
  await it.clock.run(3_000);
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "denied");
});

Deno.test("trust 1: an own address is admitted over loopback and connections, not in a datagram from elsewhere", () => {
  using it = setUp("", "ALL: ALL\n");
  const { address } = Deno.networkInterfaces()[0]!;
  const over = (interfaceIndex?: number) =>
    it.hosts.admits({ address, ...(interfaceIndex !== undefined && { interfaceIndex }) });
  assertEquals([over(1), over(2), over(), over(1)], ["admitted", "denied", "admitted", "admitted"]);
});

Deno.test("a file that is a link to /dev/null has no rules, as for the TCP wrappers library", async () => {
  using it = setUp("", "ALL: ALL\n");
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "denied");
  Deno.removeSync(`${it.directory}/hosts.deny`);
  Deno.symlinkSync("/dev/null", `${it.directory}/hosts.deny`);
  it.clock.advance(1_000);
  it.hosts.recheck();
  assertEquals(await it.hosts.admits({ address: ADDRESS }), "admitted");
  Deno.removeSync(`${it.directory}/hosts.deny`);
  Deno.symlinkSync("/dev/zero", `${it.directory}/hosts.deny`);
  it.clock.advance(1_000);
  it.hosts.recheck();
  assertMatch(it.log.lines.at(-1)!, /it is not a regular file; the rules that were read .* stay/);
});
