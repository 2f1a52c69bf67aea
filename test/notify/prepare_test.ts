import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import "../support/open_libc.ts";
import { DEFAULT_STATE_DIRECTORY, type SmNotifySettings } from "../../lib/config/settings.ts";
import type { ServingMonitor } from "../../lib/notify/moved_files.ts";
import { type PreparationParts, prepareToNotify } from "../../lib/notify/prepare.ts";
import type { LockState } from "../../lib/platform/run_once.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { NotifyRun } from "../../lib/store/notify_run.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { makeMissingLists } from "../../lib/store/missing_lists.ts";
import { smNotify } from "../config/starts.ts";
import { diskWith } from "../support/crash_scenario.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { privOf } from "../support/priv.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const LIFE = "this-boot";

/** Host with an in-memory state directory, at the default path. */
class World {
  disk: FragileDisk;
  readonly log = new RecordingLog();
  readonly resolver = new FakeResolver();
  readonly written: string[] = [];
  readonly told: string[] = [];
  lock: LockState = { kind: "free" };
  takeFault: string | undefined;
  taken = 0;
  life: string | undefined = LIFE;
  isHeld = false;
  made: string[] = [];
  serving: ServingMonitor | undefined;
  readonly clock = new SimulatedClock();

  constructor(monitored: readonly string[], files: Readonly<Record<string, string>> = {}) {
    const sm = Object.fromEntries(monitored.map((name) => [`sm/${name}`, line(name)]));
    this.disk = diskWith({ state: "\x05\0\0\0", ...sm, ...files });
  }

  get parts(): PreparationParts {
    return {
      fileSystem: this.disk,
      openToLock: (path) =>
        path in this.disk.files
          ? { tryLock: () => !(this.isHeld && path.endsWith(".run")), [Symbol.dispose]() {} }
          : undefined,
      asOwner: (_directory, action) => action(),
      configuredIdentities: () => [],
      hostName: () => "nodea",
      makeMissingLists: () => this.made,
      resolver: this.resolver,
      lockOfLife: () => ({
        look: () => this.lock,
        take: (isFinished) => {
          if (this.takeFault !== undefined) return this.takeFault;
          this.taken++;
          this.lock = {
            kind: "taken",
            since: undefined,
            run: isFinished ? "finished" : "cutShort",
          };
          return undefined;
        },
        hold: () => undefined,
      }),
      kernel: {
        bootId: () => this.life,
        setLocalState: (number) => this.#write(`state ${number}`),
        endGrace: () => this.#write("grace over"),
      },
      requireRights() {},
      servingMonitor: () => this.serving,
      clock: this.clock,
    };
  }

  #write(what: string) {
    this.written.push(what);
    return { outcome: "written" } as const;
  }

  /** Monitors a host as statd does. */
  monitor(name: string): void {
    this.disk.append(`/nsm/sm/${name}`, line(name), 0o600);
  }

  prepare(args: readonly string[] = []) {
    const loaded = smNotify({ args });
    assert(loaded.kind !== "exit");
    const settings: SmNotifySettings = {
      ...loaded.settings,
      stateDirectoryPath: DEFAULT_STATE_DIRECTORY,
    };
    const tell = (message: string) => this.told.push(message);
    return prepareToNotify(settings, this.log, tell, { ...this.parts, directory: "/nsm" });
  }

  /** Number that a run would announce. */
  async number(args: readonly string[] = []): Promise<number> {
    const ready = await this.prepare(args);
    assert(typeof ready !== "number");
    return ready.prepared.stateNumber;
  }
}

function line(monName: string): string {
  const priv = privOf(0);
  return formatRecord({ monName, myName: "us", myProg: 100021, myVers: 3, myProc: 16, priv });
}

Deno.test("mutation 30: a cut-short run continues with its number, and new peers get a new one", async () => {
  const world = new World(["a"]);
  assertEquals(await world.number(), 7);
  assertEquals(world.lock, { kind: "taken", since: undefined, run: "cutShort" });
  assertEquals(await world.number(), 7);
  world.monitor("b");
  assertEquals(await world.number(), 9);
  assertEquals(await world.number(), 9);
});

Deno.test("a run of another or an unknown life is not continued", async () => {
  const world = new World(["a"]);
  assertEquals(await world.number(), 7);
  world.life = "next-boot";
  assertEquals(await world.number(), 9);
  world.life = undefined;
  assertEquals(await world.number(), 11);
  assertEquals(await world.number(), 13);
});

Deno.test("field 10: a number that cannot be stored is announced all the same, and no record is moved", async () => {
  const world = new World(["a"]);
  world.disk.fault = (operation) =>
    ["create", "rename", "overwrite"].includes(operation)
      ? new Error("Operation not permitted (os error 1)")
      : undefined;
  for (let start = 0; start < 2; start++) {
    const ready = await world.prepare();
    assert(typeof ready !== "number");
    assertEquals(ready.records.map(({ monName }) => monName), ["a"]);
    assertEquals(ready.prepared.stateNumber, 7);
    assert(ready.prepared.unmovedSince !== undefined, "the status has to say so");
    assertEquals(Object.keys(world.disk.files).sort(), ["/nsm/sm/a", "/nsm/state"]);
  }
  assertMatch(world.log.of("error").join("\n"), /peers are still told the number 7/);
});

Deno.test("field 10: records that cannot be moved are told where the clock is behind their times", async () => {
  const world = new World(["a"]);
  world.clock.wallOffset = -1; // before the time of every file
  world.disk.fault = (operation) => operation === "rename" ? new Error("EROFS") : undefined;
  const ready = await world.prepare();
  assert(typeof ready !== "number");
  const store = openNotifyStore("/nsm", { log: world.log, fileSystem: world.disk });
  assertEquals(store.load(ready.prepared.unmovedSince).map(({ monName }) => monName), ["a"]);
});

Deno.test("field 10: a run that cannot be recorded notifies all the same, with a number of its own", async () => {
  const world = new World(["a"]);
  assertEquals(await world.number(), 7);
  world.monitor("b");
  world.disk.fault = (operation, path) =>
    ["rename", "overwrite"].includes(operation) && path.endsWith(".run")
      ? new Error("EPERM (os error 1)")
      : undefined;
  assertEquals(await world.number(), 9);
  assertEquals("/nsm/sm.bak/.run" in world.disk.files, false);
  world.disk.fault = (operation, path) => path.endsWith(".run") ? new Error(operation) : undefined;
  world.monitor("c");
  assertEquals(await world.number(), 11);
});

Deno.test("if it is unknown whether a peer is new, the run gets a new number", async () => {
  const world = new World(["a"]);
  assertEquals(await world.number(), 7);
  world.disk.fault = (operation, path) =>
    operation === "list" && path === "/nsm/sm" ? new Error("EIO (os error 5)") : undefined;
  assertEquals(await world.number(), 9);
});

Deno.test("operator D1: a run reports the files that it moved, and whether they are written again", async () => {
  const said = async (args: readonly string[], serving?: ServingMonitor) => {
    const world = new World(["a", "b"]);
    world.serving = serving;
    await world.prepare(args);
    return world.log.lines.filter((line) => line.includes("Moved"));
  };
  const what = "Moved the files of 2 monitored peers to sm.bak, until told";
  assertEquals(await said([]), []);
  assertEquals(await said(["-f"]), [`info: ${what}`]);
  assertEquals(await said(["-f"], { pid: 7, isOurs: true }), [
    `notice: ${what}; rpc.statd (pid 7) keeps monitoring them, and writes their files again`,
  ]);
  const [other = ""] = await said([], { pid: 7, isOurs: false });
  assertMatch(other, /^warning: Moved .* another program and does not restore the records: /);
});

Deno.test("a run of this life is refused if its lock exists, and no run was cut short", async () => {
  const world = new World(["a"]);
  world.lock = { kind: "taken", since: new Date(2026, 10, 26, 12, 59, 3), run: "finished" };
  assertEquals(await world.prepare(), 0);
  assertEquals(world.log.of("notice"), [
    "notice: Already notifying clients; Exiting! Peers were told in this boot at 2026-11-26 12:59:03; " +
    "-f tells them again",
  ]);
  assertEquals(world.told, world.log.of("notice").map((line) => line.replace("notice: ", "")));
  assert("/nsm/sm/a" in world.disk.files);
  for (const option of ["-f", "-n"]) {
    const forced = new World(["a"]);
    forced.lock = world.lock;
    assert(typeof await forced.prepare([option]) !== "number", option);
  }
});

Deno.test("a second run reports that the first one is still going on", async () => {
  const world = new World(["a"]);
  await world.number();
  world.isHeld = true;
  assertEquals(await world.prepare(), 0);
  assertMatch(
    world.log.of("notice").at(-1)!,
    /Already notifying clients; Exiting! A run is in progress/,
  );
  const beside = await world.prepare(["-f"]);
  assert(typeof beside !== "number" && beside.prepared.isBeside, "P1");
});

Deno.test("portability 1: a lock that cannot be read or taken keeps no peer from being notified", async () => {
  const world = new World(["a"]);
  world.lock = { kind: "unknown", reason: "/run/sm-notify.pid: I/O error" };
  world.takeFault = "Read-only file system (os error 30): open '/run/sm-notify.pid'";
  assertEquals(await world.number(), 7);
  assertEquals(world.log.of("warning").length, 2);
  assert(world.log.of("warning")[1]!.includes(world.takeFault));

  // From now on the note in the state directory is this life's lock, once the run has ended.
  new NotifyRun("/nsm", LIFE, world.log, world.parts).finish();
  assertEquals(await world.prepare(), 0);
  assertMatch(world.log.of("notice").at(-1)!, /^notice: Already notifying clients; Exiting!/);
  world.life = "next-boot";
  assertEquals(await world.number(), 9);
});

Deno.test("a lock that only root may read is that of a finished run", async () => {
  const world = new World(["a"]);
  world.lock = { kind: "unknown", reason: "Permission denied", isHidden: true };
  assertEquals(await world.prepare(), 0);
  assertMatch(world.log.of("notice").at(-1)!, /^notice: Already notifying clients; Exiting!/);
  assertEquals(world.log.of("warning"), []);
});

Deno.test("a killed run without a note on the disk does not end the runs of this boot", async () => {
  const world = new World(["a"]);
  world.disk.fault = (operation, path) =>
    operation === "create" && path.startsWith("/nsm/sm.bak/.") ? new Error("ENOSPC") : undefined;
  assertEquals(await world.number(), 7);
  world.disk.fault = () => undefined;
  const killed = await world.prepare();
  assert(typeof killed !== "number");
  assertEquals(killed.records.map(({ monName }) => monName), ["a"]);
  assertMatch(world.log.of("notice").at(-1)!, /Continuing an interrupted run/);

  world.disk.remove("/nsm/sm.bak/.run");
  for (
    const [run, reason] of [["goingOn", /A run is in progress/], ["finished", /were told/]] as const
  ) {
    world.lock = { kind: "taken", since: undefined, run };
    assertEquals(await world.prepare(), 0);
    assertMatch(world.log.of("notice").at(-1)!, reason);
  }
});

Deno.test("a killed run without a note on the disk is noticed where /run cannot be written", async () => {
  const world = new World(["a"]);
  world.takeFault = "Read-only file system (os error 30): open '/run/sm-notify.pid'";
  assertEquals(await world.number(), 7);
  world.disk.remove("/nsm/sm.bak/.run");
  assertEquals(await world.number(), 9);
  new NotifyRun("/nsm", LIFE, world.log, world.parts).finish();
  assertEquals(await world.prepare(), 0);
});

Deno.test("a finished run stays finished behind one that keeps the number, and is none behind -f", async () => {
  for (
    const [option, run, then] of [
      ["-n", "finished", "finished"],
      ["-n", "cutShort", "cutShort"],
      ["-f", "finished", "cutShort"],
    ] as const
  ) {
    const world = new World(["a"]);
    world.lock = { kind: "taken", since: undefined, run };
    await world.number([option]);
    assertEquals(world.lock, { kind: "taken", since: undefined, run: then }, option);
  }
});

Deno.test("portability 1: without a boot id and a lock, each start notifies", async () => {
  const world = new World(["a"]);
  world.life = undefined;
  world.takeFault = "there is no /run";
  await world.number();
  new NotifyRun("/nsm", "", world.log, world.parts).finish();
  assert(typeof await world.prepare() !== "number");
  assertMatch(world.log.of("warning").at(-1)!, /another start would tell them again/);
});

Deno.test("the grace period ends if both lists were read and are empty", async () => {
  const world = new World([]);
  assertEquals(await world.prepare(), 0);
  assertEquals([world.written, world.taken], [["grace over"], 1]);
});

Deno.test("field 10: an unreadable list neither ends the grace period nor uses up the run", async () => {
  for (const what of ["sm", "sm.bak", "sm.bak/a"]) {
    const world = new World([], { "sm.bak/a": line("a") });
    world.disk.fault = (operation, path) =>
      operation === (what === "sm.bak/a" ? "read" : "list") && path === `/nsm/${what}` ||
        operation === "read" && path === "/nsm/sm.bak/a"
        ? new Error("Operation not permitted (os error 1)")
        : undefined;
    await assertRejects(() => world.prepare(), Error, "not all records could be read");
    assertEquals([world.written, world.taken], [[], 0], what);
    world.disk.fault = () => undefined;
    assertEquals(await world.number(), 7, "the next start tells");
  }
});

Deno.test("R5: the grace period is kept on a node that has or may have identities", async () => {
  for (
    const [text, isLifted] of [["{}\n", true], ['{"vip1":{}}\n', false], ["junk", false]] as const
  ) {
    const world = new World([], { "sm/.identities": text });
    assertEquals(await world.prepare(), 0);
    assertEquals(world.written, isLifted ? ["grace over"] : [], text);
  }
});

Deno.test("the grace period is kept if a list was missing", async () => {
  const world = new World([]);
  world.made = ["/nsm/sm"];
  assertEquals(await world.prepare(), 0);
  assertEquals(world.written, []);
});

Deno.test("B9: a failed start does not use up the run of a boot", async () => {
  const world = new World(["a"]);
  await assertRejects(() => world.prepare(["-v", "nowhere.example"]), Error, "nowhere.example");
  assertEquals(world.taken, 0);
  assert("/nsm/sm/a" in world.disk.files);
  assertEquals(await world.number(), 7);
});

Deno.test("a run that cannot be recorded notifies all the same", async () => {
  const world = new World(["a"]);
  world.disk.fault = (operation, path) =>
    operation === "create" && path.startsWith("/nsm/sm.bak/.")
      ? new Error("No space left on device (os error 28)")
      : undefined;
  assertEquals(await world.number(), 7);
  assertEquals(world.log.of("warning").length, 1);
});

Deno.test("makeMissingLists() makes both lists, for their owner alone", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const [monitorList, notifyList] = [`${directory}/sm`, `${directory}/sm.bak`];
    const layout = {
      directory,
      monitorList,
      notifyList,
      state: "",
      stateCopy: "",
      peers: "",
      notices: "",
      events: "",
      progress: "",
    };
    assertEquals(makeMissingLists(layout), [monitorList, notifyList]);
    assertEquals(makeMissingLists(layout), []);
    assertEquals(Deno.statSync(monitorList).mode! & 0o777, 0o700);
    if (Deno.uid() !== 0) return;
    Deno.removeSync(notifyList);
    Deno.chownSync(monitorList, 65534, 65534);
    assertEquals(makeMissingLists(layout), [notifyList]);
    assertEquals(Deno.statSync(notifyList).uid, 65534);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
