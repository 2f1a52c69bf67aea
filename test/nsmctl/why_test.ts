/** Operator D17 and D18: the reason why a peer was not told is where operators look. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Peer } from "../../lib/nsmctl/peers.ts";
import { progressText, whyJudge } from "../../lib/nsmctl/why.ts";
import type { NotifyProgress } from "../../lib/store/notify_progress.ts";

const NOW = new Date(2026, 10, 26, 13, 30).getTime();
const PEER: Peer = {
  monName: "Dead1",
  isMonitored: false,
  isToBeNotified: true,
  requests: [],
  addresses: ["10.77.1.9"],
};
const PROGRESS: NotifyProgress = {
  pid: 237,
  stateNumber: 5,
  startedAt: NOW - 180_000,
  at: NOW - 1_000,
  endsAt: NOW + 720_000,
  total: 30,
  told: 24,
  forgotten: 0,
  gaveUp: 0,
  failing: 1,
  peers: [{
    peer: "dead1",
    reason: "no answer\x1b[2J",
    attempts: 9,
    since: NOW - 180_000,
    nextAt: NOW + 60_000,
  }],
};

Deno.test("operator D17: a failing peer has a reason, a begin, and the time of the next try", () => {
  assertEquals(
    whyJudge(PROGRESS, NOW)(PEER),
    "no answer\\x1b[2J, since 13:27:00, 9 tries, next 13:31:00",
  );
});

Deno.test("a peer is shown as not being notified, waiting during a run, or given up after it", () => {
  const other = { ...PEER, monName: "other" };
  assertEquals(whyJudge(undefined, NOW)(PEER), "no sm-notify is running");
  assertEquals(whyJudge(PROGRESS, NOW)(other), "being told");
  assertMatch(whyJudge({ ...PROGRESS, endedAt: NOW }, NOW)(PEER)!, /, 9 tries, given up$/);
  assertEquals(whyJudge(PROGRESS, NOW + 3_600_000)(other), "no sm-notify is running");
});

Deno.test("operator D18: a monitored peer without an address is marked, a healthy one is not", () => {
  const monitored = { ...PEER, isMonitored: true, isToBeNotified: false };
  assertEquals(whyJudge(undefined, NOW)(monitored), undefined);
  assertEquals(whyJudge(undefined, NOW)({ ...monitored, addresses: [] }), "no address known");
  const absent = { ...monitored, addresses: [], isAbsent: true } as const;
  assertEquals(whyJudge(undefined, NOW)(absent), "no such host");
});

Deno.test("the state of a run is one line: in progress, ended, cut short", () => {
  assertEquals(
    progressText(PROGRESS, NOW),
    "running (pid 237), 24 of 30 told, 1 failing, until 13:42:00 at most",
  );
  const ended = { ...PROGRESS, gaveUp: 6, endedAt: NOW };
  assertEquals(progressText(ended, NOW), "24 of 30 told, 6 given up, ended 13:30:00");
  assertMatch(progressText(PROGRESS, NOW + 60_000)!, /cut short after 13:29:59$/);
  assertEquals(progressText(undefined, NOW), undefined);
});
