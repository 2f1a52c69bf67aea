import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { StoreError } from "../../lib/nsm/ports.ts";
import { asideName, layoutOf } from "../../lib/store/layout.ts";
import { StateFile } from "../../lib/store/state_file.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

/** The number as the processor has it in memory. */
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
    assertEquals(disk.journal, []);
    assertEquals(log.lines, []);
  }
});

Deno.test("read() ignores what follows the number", pure, () => {
  assertEquals(open(`${stored(9)}\n and more`).state.read(), 9);
});

Deno.test("read() does not go back where the number is lost in the meantime", pure, () => {
  const { state, disk, log } = open(stored(57));
  assertEquals(state.read(), 57);
  disk.remove("/nsm/state");
  assertEquals(state.read(), 57);
  assertEquals(disk.files, { "/nsm/state": stored(57) });
  assertMatch(log.of("warning").join(), /Wrote "\/nsm\/state" again/);
});

Deno.test("read() and advance() begin with 3 where there is no number", pure, () => {
  for (const text of [undefined, "", "\x05\0\0"]) {
    for (const what of ["read", "advance"] as const) {
      const { state, disk, log } = open(text);
      assertEquals(state[what](), 3);
      assertEquals(disk.files, { "/nsm/state": stored(3) });
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
    assertEquals(disk.files, { "/nsm/state": stored(next) });
    assertEquals(state.read(), next);
  }
});

Deno.test("read() sees that another process has advanced the number", pure, () => {
  const { state, disk } = open(stored(5));
  assertEquals(state.read(), 5);
  new StateFile(disk, layoutOf(STATE_DIRECTORY), new RecordingLog()).advance();
  assertEquals(state.read(), 7);
});

Deno.test("advance() replaces the file in one step, and what a killed process left", pure, () => {
  const { state, disk } = open(stored(5));
  disk.append("/nsm/.1.0.new", "half", 0o600);
  disk.append("/nsm/.other.new", "not ours", 0o600);
  disk.journal.length = 0;
  state.advance();
  const aside = `/nsm/${asideName(0)}`;
  assertEquals(disk.journal, [
    "remove /nsm/.1.0.new",
    `create ${aside}`,
    `write ${aside}`,
    `sync ${aside}`,
    `rename ${aside} -> /nsm/state`,
    "syncDirectory /nsm",
  ]);
  assertEquals(Object.keys(disk.files).toSorted(), ["/nsm/.other.new", "/nsm/state"]);
});

Deno.test("a number that cannot be read or written is a failure", pure, () => {
  const { state, disk } = open(stored(5));
  for (const failing of ["read", "create", "write", "sync", "rename"]) {
    disk.fault = (operation) =>
      operation === failing ? new Error("I/O error (os error 5)") : undefined;
    const error = assertThrows(() => state.advance(), StoreError);
    assert(error.message.endsWith('"/nsm/state": I/O error (os error 5)'), error.message);
    assertEquals(disk.files, { "/nsm/state": stored(5) });
  }
  disk.fault = () => undefined;
  assertEquals(state.advance(), 7);
});
