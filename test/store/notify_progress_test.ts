/** Progress of sm-notify: written atomically, read only if whole, and ignored if old. */

import { assert, assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { isGoingOn, ProgressFile, readProgress } from "../../lib/store/notify_progress.ts";
import { FakeClock } from "../support/fake_clock.ts";

const COUNTS = { total: 3, told: 1, forgotten: 0, gaveUp: 0, failing: 1 };

function withProgress(
  name: string,
  body: (directory: string, file: ProgressFile, clock: FakeClock) => void,
): void {
  Deno.test(name, () => {
    const directory = Deno.makeTempDirSync();
    Deno.mkdirSync(`${directory}/sm.bak`);
    const clock = new FakeClock();
    const parts = { stateNumber: 5, counts: () => COUNTS, totalMs: 900_000, clock };
    try {
      body(directory, new ProgressFile(directory, parts), clock);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

withProgress("a run says how far it is, who fails and why", (directory, file, clock) => {
  assertEquals(readProgress(directory), undefined);
  file.start();
  file.failed("a", { peer: "a", address: "192.0.2.1", reason: "silent", attempts: 1 });
  clock.advance(2_000);
  file.failed("a", { peer: "a", reason: "no route", attempts: 2, nextAt: 7 });
  file.failed("b", { peer: "b", reason: "no such host", attempts: 1 });
  file.settled("b");
  clock.advance(2_000);
  const progress = readProgress(directory)!;
  const start = Date.UTC(2024, 0, 1);
  assertEquals(progress.peers, [
    { peer: "a", reason: "no route", attempts: 2, nextAt: 7, since: start },
  ]);
  assertEquals([progress.startedAt, progress.endsAt], [start, start + 900_000]);
  assertEquals([progress.told, progress.total, progress.pid], [1, 3, Deno.pid]);
  assert(isGoingOn(progress, clock.wallClock()));
  file.end();
  const ended = readProgress(directory)!;
  assertEquals(ended.endedAt, clock.wallClock());
  assert(!isGoingOn(ended, clock.wallClock()));
  assertEquals(clock.pending, 0);
  assertEquals([...Deno.readDirSync(`${directory}/sm.bak`)].map(({ name }) => name), [".progress"]);
});

withProgress("a run that was killed does not go on", (directory, file, clock) => {
  file.start();
  clock.advance(60_000);
  assert(isGoingOn(readProgress(directory)!, clock.wallClock()));
  assert(!isGoingOn(readProgress(directory)!, clock.wallClock() + 60_000));
});

withProgress("half a file, and one of somebody else, is none", (directory, file) => {
  file.end();
  const path = `${directory}/sm.bak/.progress`;
  const text = Deno.readTextFileSync(path);
  for (
    const other of [text.slice(0, -3), "", "5", "null", text.replace('"told":1', '"told":"1"')]
  ) {
    Deno.writeTextFileSync(path, other);
    assertEquals(readProgress(directory), undefined, other);
  }
});

withProgress("where nothing can be written the run goes on", (directory, file) => {
  Deno.removeSync(`${directory}/sm.bak`);
  file.start();
  file.end();
  assertEquals(readProgress(directory), undefined);
});
