import { assertEquals } from "@std/assert";
import { StopList } from "../../lib/statd/stop_list.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "B7: stops run in reverse order, each within its time limit, despite failures",
  pure,
  async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const stopped: string[] = [];
    const stops = new StopList(clock, log);
    stops.add("the first", () => stopped.push("first"));
    stops.add("the second", () => {
      stopped.push("second");
      throw new Error("no disk");
    });
    stops.add("the third", () => {
      stopped.push("third");
      return new Promise(() => {});
    });
    let isOver = false;
    const over = stops[Symbol.asyncDispose]().then(() => isOver = true);
    await clock.run(2_999);
    assertEquals([stopped, isOver], [["third"], false]);
    await clock.run(1);
    await over;
    assertEquals(stopped, ["third", "second", "first"]);
    assertEquals(log.lines, [
      "warning: Not waiting any longer for the end of the third",
      "warning: Cannot stop the second: no disk",
    ]);
    assertEquals(clock.pending, 0);
  },
);
