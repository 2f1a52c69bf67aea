import { assertEquals, assertThrows } from "@std/assert";
import { readAnswer } from "../../lib/control/answers.ts";

const pure = { permissions: "none" } as const;

const STATUS = {
  version: "1",
  pid: 1,
  uid: 0,
  startedAt: "2026-01-01T00:00:00.000Z",
  uptimeSeconds: 1,
  residentBytes: 1,
  stateNumber: 3,
  stateDirectory: "/var/lib/nfs",
  transports: [{ netid: "udp", address: "0.0.0.0", port: 4000 }],
  health: "degraded",
  faults: ["EVIL"],
  peers: 0,
  registrations: 0,
  unresolvedPeers: 0,
  keptNotices: 0,
  toBeNotified: 4,
  callbacks: { pending: 0 },
  counters: { calls_null: 1 },
  degraded: [],
  problems: [{ at: "x", level: "warning", message: "y", count: 1 }],
};
const ENTRY = ["host", "here", 100021, 3, 16, 0, 0, 0];

Deno.test("readAnswer() takes what the daemon says", pure, () => {
  const status = { ok: true, status: STATUS } as const;
  assertEquals(readAnswer(JSON.stringify(status)), status as ReturnType<typeof readAnswer>);
  for (const value of [[], [ENTRY], [[...ENTRY, "alias", "10.0.0.1"]], { ok: true }]) {
    assertEquals(readAnswer(JSON.stringify(value)), value as ReturnType<typeof readAnswer>);
  }
});

Deno.test("trust 19: texts of an answer cannot steer a terminal", pure, () => {
  const evil = "a\x1b[2J\x9b1m\x07\u202e\n\u2028b\x7f";
  const shown = "a\\x1b[2J\\x9b1m\\x07\\u{202e}\\x0a\\u{2028}b\\x7f";
  const answer = (value: unknown) => readAnswer(JSON.stringify(value)) as unknown;
  assertEquals(answer({ ok: false, reason: evil }), { ok: false, reason: shown });
  const problems = [{ at: evil, level: evil, message: evil, count: 1 }];
  const status = { ...STATUS, degraded: [evil], problems, counters: { [evil]: 1 } };
  assertEquals(
    /[^ -~]/.test(JSON.stringify(answer({ ok: true, status }))),
    false,
  );
  // A directory may have a name in any language.
  const kept = { ...STATUS, stateDirectory: "/var/lib/größe-日本" };
  assertEquals(answer({ ok: true, status: kept }), { ok: true, status: kept });
});

Deno.test("trust 19: an answer of another shape is rejected", pure, () => {
  const wrong: unknown[] = [
    null,
    1,
    "text",
    {},
    { ok: 1 },
    { ok: false },
    { ok: true, count: "3" },
    { ok: true, failed: [1] },
    { ok: true, status: {} },
    { ok: true, status: { ...STATUS, transports: [{}] } },
    { ok: true, status: { ...STATUS, counters: { a: "b" } } },
    { ok: true, status: { ...STATUS, peers: undefined } },
    [1],
    [[]],
    [ENTRY.with(0, 5)],
    [ENTRY.with(2, "5")],
    [[...ENTRY, 5]],
  ];
  for (const value of wrong) {
    assertThrows(() => readAnswer(JSON.stringify(value)), Error, "is not valid");
  }
  assertThrows(() => readAnswer("{"), Error, "is not valid");
});
