import { assertEquals, assertThrows } from "@std/assert";
import { isSelected, lifeOf, requireOnly, totalMsOf } from "../../lib/notify/plan.ts";
import type { SmNotifySettings } from "../../lib/config/settings.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;
const defaults = { retryTime: 15, retrySchedule: "linux", only: [], instanceId: "" };
const MINUTE_MS = 60_000;

function settings(changes: Partial<SmNotifySettings>): SmNotifySettings {
  return { ...defaults, ...changes } as unknown as SmNotifySettings;
}

Deno.test(
  "totalMsOf(): the schedule's own end, the retry time if given, the deadline always",
  pure,
  () => {
    const cases: [Partial<SmNotifySettings>, boolean, number][] = [
      [{}, false, 15 * MINUTE_MS],
      [{ retryTime: 0 }, true, Infinity],
      [{ retryTime: 2 }, true, 2 * MINUTE_MS],
      [{ retrySchedule: "bsd" }, false, (50 + 600 + 24 * 3600) * 1000],
      [{ retrySchedule: "bsd", retryTime: 60 }, true, 60 * MINUTE_MS],
      [{ retrySchedule: "1, 5" }, false, 6000],
      [{ retryTime: 0, deadline: 30 }, true, 30_000],
      [{ deadline: 3600 }, false, 15 * MINUTE_MS],
    ];
    for (const [changes, isRetryTimeSet, expected] of cases) {
      assertEquals(totalMsOf(settings(changes), isRetryTimeSet), expected);
    }
  },
);

Deno.test("isSelected() knows a peer by its file or its name, in any letter case", pure, () => {
  const record = { fileName: "Peer.example", monName: "10.0.0.1", myName: "", modifiedAt: 0 };
  assertEquals(isSelected(settings({}), record), true);
  assertEquals(isSelected(settings({ only: ["other", "peer.EXAMPLE"] }), record), true);
  assertEquals(isSelected(settings({ only: ["10.0.0.1"] }), record), true);
  assertEquals(isSelected(settings({ only: ["peer"] }), record), false);
});

Deno.test("requireOnly() names unknown peers, and throws if none is known", pure, () => {
  const records = [{ fileName: "peer.example", monName: "10.0.0.1", myName: "", modifiedAt: 0 }];
  const log = new RecordingLog();
  requireOnly(settings({}), [], log);
  requireOnly(settings({ only: ["10.0.0.1", "PEER.example"] }), records, log);
  assertEquals(log.lines, []);
  requireOnly(settings({ only: ["peer", "10.0.0.1", "other"] }), records, log);
  assertEquals(log.lines, [
    'warning: No peer to notify is named "peer", "other"; --dry-run lists all',
  ]);
  assertThrows(() => requireOnly(settings({ only: ["peer"] }), records, log), Error, '"peer"');
});

Deno.test("lifeOf() is one line", pure, () => {
  assertEquals(lifeOf(settings({}), "boot"), "boot");
  assertEquals(lifeOf(settings({ instanceId: "a\nb" }), "boot"), "boot a_b");
  assertEquals(lifeOf(settings({}), undefined), "");
});
