import { assertEquals } from "@std/assert";
import { Pacer, type Place, PLACES } from "../../../lib/nsm/notify/pacer.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

Deno.test("enter() makes senders wait in FIFO order while all places are taken", pure, async () => {
  let rooms = 0;
  const pacer = new Pacer(new FakeClock(), () => rooms++);
  const taken = Array.from({ length: PLACES }, () => pacer.enter() as Place);
  assertEquals([pacer.hasRoom, pacer.isIdle], [false, false]);
  const entered: number[] = [];
  const waiting = [0, 1, 2].map((at) =>
    Promise.resolve(pacer.enter()).then((place) => {
      entered.push(at);
      return place;
    })
  );
  pacer.leave(taken[0]!);
  await waiting[0];
  assertEquals(entered, [0], "one place is for one sender");
  pacer.leave(taken[1]!);
  pacer.leave(taken[1]!);
  await waiting[1];
  assertEquals(entered, [0, 1], "a place is released once");
  pacer.leave(taken[2]!);
  const last = await waiting[2]!;
  assertEquals(rooms, 0, "no room while a sender waits");
  pacer.leave(last);
  assertEquals([rooms, pacer.hasRoom], [1, true]);
  pacer.stop();
});
