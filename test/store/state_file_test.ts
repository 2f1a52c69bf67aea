import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { StoreError } from "../../lib/nsm/ports.ts";
import { asideName, layoutOf } from "../../lib/store/layout.ts";
import { StateFile } from "../../lib/store/state_file.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

/** Number in the processor's byte order. */
function stored(number: number): string {
  return String.fromCharCode(...new Uint8Array(Int32Array.of(number).buffer));
}

function open(text?: string): { state: StateFile; disk: FragileDisk; log: RecordingLog } {
  const disk = diskWith(text === undefined ? {} : { state: text });
  const log = new RecordingLog();
  return { state: new StateFile(disk, layoutOf(STATE_DIRECTORY), log), disk, log };
}

Deno.test("the file of a little-endian machine begins with the low byte", pure, () => {
  const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  assertEquals(stored(0x01020304), isLittleEndian ? "\x04\x03\x02\x01" : "\x01\x02\x03\x04");
});

Deno.test("read() makes the number odd and leaves the file alone", pure, () => {
  const numbers = [
    [1, 1],
    [5, 5],
    [6, 7],
    [0, 1],
    [-1, -1],
    [-2, -1],
    [0x7fffffff, 0x7fffffff],
    [-0x80000000, -0x7fffffff],
  ] as const;
  for (const [number, used] of numbers) {
    const { state, disk, log } = open(stored(number));
    assertEquals(state.read(), used, `${number}`);
    assertEquals(disk.files["/nsm/state"], stored(number));
    assertEquals(disk.files["/nsm/.state"], `${used}\n`);
    const isFar = Math.abs(number) > 2 ** 23;
    assertEquals(log.lines.length, isFar ? 1 : 0);
    disk.journal.length = 0;
    assertEquals(state.read(), used);
    assertEquals(disk.journal, []);
  }
});

Deno.test(
  "contents that are no plausible number are believed, as in nfs-utils, and said once",
  pure,
  () => {
    const bytes = "its first 4 bytes are taken for the number";
    const far = "no host has been booted so often";
    const doubtful: readonly (readonly [string, string])[] = [
      [`${stored(9)}\n and more`, `it has more than the 4 bytes of a number; ${bytes} 9`],
      ["         7\n", `it has more than the 4 bytes of a number; ${bytes} 538976288`],
      ["oops", `${far}; ${bytes} 1936748399`],
    ];
    for (const [text, doubt] of doubtful) {
      for (const what of ["read", "advance"] as const) {
        const { state, log } = open(text);
        state[what]();
        state.read();
        assertEquals(log.lines, [
          `warning: The state number in "/nsm/state" may be damaged: ${doubt}`,
        ]);
        const next = new RecordingLog();
        new StateFile(state.fs, state.layout, next).read();
        const isStill = what === "read" && text.length > 4;
        assertEquals(
          next.lines.length,
          isStill ? 1 : 0,
          "a number that was used before is plausible",
        );
      }
    }
  },
);

Deno.test("read() does not go back if the number is lost meanwhile", pure, () => {
  const { state, disk, log } = open(stored(57));
  assertEquals(state.read(), 57);
  disk.remove("/nsm/state");
  assertEquals(state.read(), 57);
  assertEquals(disk.files["/nsm/state"], stored(57));
  assertMatch(log.of("warning").join(), /Raised the state number in "\/nsm\/state"/);
});

Deno.test("read() and advance() begin with 3 without a number", pure, () => {
  for (const text of [undefined, "", "\x05\0\0"]) {
    for (const what of ["read", "advance"] as const) {
      const { state, disk, log } = open(text);
      assertEquals(state[what](), 3);
      assertEquals(disk.files, { "/nsm/state": stored(3), "/nsm/.state": "3\n" });
      assertEquals(disk.modeOf("/nsm/state"), 0o644);
      assertEquals(log.lines, ["notice: Initializing NSM state"]);
    }
  }
});

Deno.test("advance() writes the next odd number, and wraps", pure, () => {
  const numbers = [
    [5, 7],
    [6, 9],
    [0, 3],
    [0x7ffffffd, 0x7fffffff],
    [0x7fffffff, -0x7fffffff],
    [-1, 1],
    [-2, 1],
    [-3, -1],
  ] as const;
  for (const [number, next] of numbers) {
    const { state, disk } = open(stored(number));
    assertEquals(state.advance(), next, `${number}`);
    assertEquals(disk.files, { "/nsm/state": stored(next), "/nsm/.state": `${next}\n` });
    assertEquals(state.read(), next);
  }
});

Deno.test("read() notices that another process has advanced the number", pure, () => {
  const { state, disk } = open(stored(5));
  assertEquals(state.read(), 5);
  new StateFile(disk, layoutOf(STATE_DIRECTORY), new RecordingLog()).advance();
  assertEquals(state.read(), 7);
});

Deno.test(
  "advance() replaces the file atomically, and the leftovers of a killed process",
  pure,
  () => {
    const { state, disk } = open(stored(5));
    disk.append("/nsm/.1.0.new", "half", 0o600);
    disk.append("/nsm/.other.new", "not ours", 0o600);
    disk.journal.length = 0;
    state.advance();
    const aside = `/nsm/${asideName(0)}`;
    assertEquals(disk.journal.slice(0, 6), [
      "remove /nsm/.1.0.new",
      `create ${aside}`,
      `write ${aside}`,
      `sync ${aside}`,
      `rename ${aside} -> /nsm/state`,
      "syncDirectory /nsm",
    ]);
    assertEquals(Object.keys(disk.files).toSorted(), [
      "/nsm/.other.new",
      "/nsm/.state",
      "/nsm/state",
    ]);
  },
);

Deno.test("a number that cannot be read or written is a failure", pure, () => {
  const { state, disk } = open(stored(5));
  for (const failing of ["read", "create", "write", "sync", "rename"]) {
    disk.fault = (operation) =>
      [failing, "overwrite"].includes(operation) ? new Error("I/O error (os error 5)") : undefined;
    const error = assertThrows(() => state.advance(), StoreError);
    assert(error.message.endsWith('"/nsm/state": I/O error (os error 5)'), error.message);
    assertEquals(disk.files, { "/nsm/state": stored(5) });
  }
  disk.fault = () => undefined;
  assertEquals(state.advance(), 7);
});

/** Disk with a copy `copied` and the present text of `state`. */
function opened(copied: number | string, text: string | undefined) {
  const log = new RecordingLog();
  const copy = typeof copied === "number" ? `${copied}\n` : copied;
  const disk = diskWith({ ".state": copy, ...(text === undefined ? {} : { state: text }) });
  return { state: new StateFile(disk, layoutOf(STATE_DIRECTORY), log), disk, log };
}

Deno.test("portability 16: the number does not go below one that was used", pure, () => {
  const swapped = (number: number) => [...stored(number)].reverse().join("");
  const lower: readonly (readonly [string, string | undefined])[] = [
    ["missing", undefined],
    ["reset by an upgrade of nfs-common", ""],
    ["cut short", "\x39\0"],
    ["that of a new host", stored(3)],
    ["0", stored(0)],
    ["all ones", stored(-1)],
    ["negative", stored(-1000)],
    ["of the other byte order", swapped(57)],
  ];
  for (const [what, text] of lower) {
    const reading = opened(57, text);
    assertEquals(reading.state.read(), 57, what);
    assertEquals(reading.disk.files["/nsm/state"], stored(57), what);
    assertEquals(reading.state.read(), 57, what);
    assertEquals(reading.log.lines.length, 1, what);
    assertMatch(reading.log.lines[0]!, /^warning: Raised .* and 57 was used before$/);

    const advancing = opened(57, text);
    assertEquals(advancing.state.next(), 59, what);
    assertEquals(advancing.state.advance(), 59, what);
    assertEquals(advancing.disk.files, { "/nsm/state": stored(59), "/nsm/.state": "59\n" }, what);
    assertEquals(advancing.log.lines.length, 1, what);
  }
});

Deno.test("a number after our copy is believed, across the wrap too", pure, () => {
  for (const [copied, number] of [[57, 59], [57, 58], [0x7fffffff, -0x7fffffff], [3, 1 << 30]]) {
    const { state, log, disk } = opened(copied!, stored(number!));
    assertEquals(state.read(), number! | 1);
    const isFar = number! === 1 << 30;
    assertEquals(log.lines.length, isFar ? 1 : 0);
    if (isFar) assertMatch(log.lines[0]!, /1073741824, and 3 was used before$/);
    assertEquals(disk.files["/nsm/.state"], `${number! | 1}\n`);
  }
});

Deno.test("a copy without a number is ignored", pure, () => {
  for (const copied of ["", "x\n", "57", "99999999999\n"]) {
    assertEquals(opened(copied, stored(5)).state.read(), 5, copied);
  }
});

Deno.test(
  "a copy that cannot be read or written is logged once, and has no other effect",
  pure,
  () => {
    const { state, disk, log } = opened(57, stored(5));
    disk.fault = (_, path) =>
      path.endsWith("/.state") ? new Error("I/O error (os error 5)") : undefined;
    assertEquals([state.read(), state.read(), state.advance()], [5, 5, 7]);
    assertEquals(log.of("warning"), [
      'warning: Cannot read "/nsm/.state": I/O error (os error 5)',
    ]);
  },
);

Deno.test("a number that cannot be raised is used all the same", pure, () => {
  const { state, disk, log } = opened(57, "");
  disk.fault = (operation) =>
    ["create", "overwrite"].includes(operation)
      ? new Error("Read-only file system (os error 30)")
      : undefined;
  assertEquals([state.read(), state.read()], [57, 57]);
  assertEquals(log.lines.length, 1);
});

Deno.test(
  "field 10: a number is written in place if the file cannot be replaced",
  pure,
  () => {
    for (const refused of ["list", "create", "write", "rename"]) {
      const { state, disk } = open(stored(5) + " and more");
      disk.fault = (operation) =>
        operation === refused ? new Error("Operation not permitted (os error 1)") : undefined;
      assertEquals([state.advance(), state.read()], [7, 7], refused);
      disk.fault = () => undefined;
      for (const after of disk.remains()) {
        assertEquals(after.files["/nsm/state"], stored(7) + " and more", refused);
      }
    }
  },
);

Deno.test("a name that may not be durable is a failure, whatever the file's contents", pure, () => {
  const { state, disk } = open(stored(5));
  disk.fault = (operation) =>
    operation === "syncDirectory" ? new Error("I/O error (os error 5)") : undefined;
  assertThrows(() => state.advance(), StoreError);
});
