import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { OutstandingCalls } from "../../lib/rpc/client.ts";
import { decodeReply, encodeCall, replyXid } from "../support/rpc_messages.ts";
import { RpcError, type RpcFailure } from "../../lib/rpc/errors.ts";
import { program } from "../../lib/rpc/program.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { struct } from "../../lib/xdr/struct.ts";
import { int, nothing, string } from "../../lib/xdr/types.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;

const table = program("test", 200_000, 3, {
  NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  LENGTH: { number: 5, args: string(8), result: int, from: "any" },
});
const { LENGTH, NULL } = table.procedures;

Deno.test("encodeCall() writes header and arguments, without authentication", pure, () => {
  assertEquals(
    toHex(encodeCall(table, "LENGTH", "abcde", 0xfedcba98)),
    "fedcba98 00000000 00000002 00030d40 00000003 00000005" +
      " 00000000 00000000 00000000 00000000 00000005 61626364 65000000",
  );
});

Deno.test("a repeated call has its own version of the program", pure, async () => {
  const mark = struct("mark", { value: int });
  const procedures = { MARK: { number: 1, args: mark, result: nothing, from: "any" } } as const;
  const [three, four] = [program("test", 9, 3, procedures), program("test", 9, 4, procedures)];
  const sent: number[] = [];
  const parts = { startTimer: () => () => {}, randomXid: () => sent.length };
  const calls = new OutstandingCalls(parts, (message) => {
    sent.push(new DataView(message.buffer, message.byteOffset).getUint32(16));
    return undefined;
  });
  const args = Object.freeze({ value: 1 });
  const to = { address: "192.0.2.1", port: 9 };
  const all = [three, four, three].map((one) => calls.call(one, "MARK", args, to, 1));
  assertEquals(sent, [3, 4, 3]);
  calls.failAll(() => new Error("ended"));
  await Promise.allSettled(all);
});

Deno.test("encodeCall() refuses arguments that have no encoding", pure, () => {
  assertThrows(() => encodeCall(table, "LENGTH", "a".repeat(9), 1), XdrError, "string<8>");
});

Deno.test("replyXid() returns the xid of a reply, including zero", pure, () => {
  assertEquals(replyXid(hex("00000000 00000001")), 0);
  assertEquals(replyXid(hex("ffffffff 00000001 00000000")), 0xffffffff);
});

Deno.test("replyXid() ignores other messages", pure, () => {
  for (const digits of ["", "00000001", "00000001 000000", "00000001 00000000", "01 00000002"]) {
    assertEquals(replyXid(hex(digits)), undefined, digits);
  }
});

Deno.test("decodeReply() returns the result, with any verifier and trailing bytes", pure, () => {
  const accepted = "00000001 00000001 00000000";
  const verifier = "00000006 00000005 01020304 05000000";
  const cases = [
    `${accepted} 00000000 00000000 00000000 fffffffe`,
    `${accepted} ${verifier} 00000000 fffffffe`,
    `${accepted} 00000000 00000000 00000000 fffffffe 00112233`,
  ];
  for (const digits of cases) {
    assertEquals(decodeReply(LENGTH, hex(digits)), { ok: true, result: -2 });
  }
  const empty = hex(accepted, "00000000 00000000 00000000");
  assertEquals(decodeReply(NULL, empty), { ok: true, result: undefined });
});

const failures: [string, string, RpcFailure, string][] = [
  ["PROG_UNAVAIL", "00000000 00000000 00000000 00000001", { kind: "accepted", stat: 1 }, ""],
  [
    "PROG_MISMATCH",
    "00000000 00000000 00000000 00000002 00000001 00000004",
    { kind: "accepted", stat: 2, low: 1, high: 4 },
    " (versions 1 to 4)",
  ],
  ["PROC_UNAVAIL", "00000000 00000000 00000000 00000003", { kind: "accepted", stat: 3 }, ""],
  ["GARBAGE_ARGS", "00000000 00000000 00000000 00000004", { kind: "accepted", stat: 4 }, ""],
  ["SYSTEM_ERR", "00000000 00000000 00000000 00000005", { kind: "accepted", stat: 5 }, ""],
];

for (const [name, digits, failure, suffix] of failures) {
  Deno.test(`decodeReply() reports ${name}`, pure, () => {
    const reply = decodeReply(LENGTH, hex("00000001 00000001", digits));
    assertEquals(reply, { ok: false, failure });
    assertEquals(
      new RpcError("LENGTH", { address: "192.0.2.1", port: 111 }, failure).message,
      `Cannot call LENGTH at 192.0.2.1 port 111: the answer is ${name}${suffix}`,
    );
  });
}

Deno.test("decodeReply() reports why a call was denied", pure, () => {
  const denied = "00000001 00000001 00000001";
  assertEquals(decodeReply(LENGTH, hex(denied, "00000000 00000002 00000003")), {
    ok: false,
    failure: { kind: "denied", stat: 0, detail: "it speaks RPC versions 2 to 3" },
  });
  assertEquals(decodeReply(LENGTH, hex(denied, "00000001 00000007")), {
    ok: false,
    failure: { kind: "denied", stat: 1, detail: "authentication status 7" },
  });
});

Deno.test("decodeReply() reports a truncated reply as malformed", pure, () => {
  const whole = hex("00000001 00000001 00000000 00000000 00000000 00000000 fffffffe");
  for (let length = 0; length < whole.length; length++) {
    const reply = decodeReply(LENGTH, whole.subarray(0, length));
    assertEquals(reply.ok ? "ok" : reply.failure.kind, "protocol", `${length} bytes`);
  }
  assertEquals(decodeReply(LENGTH, whole).ok, true);
});

Deno.test("decodeReply() passes on other errors than XDR's", pure, () => {
  const bug = new TypeError("a bug");
  const broken = {
    label: "broken",
    decode(): void {
      throw bug;
    },
    encode() {},
  };
  const reply = hex("00000001 00000001 00000000 00000000 00000000 00000000");
  const error = assertThrows(() => decodeReply({ ...NULL, result: broken }, reply));
  assertStrictEquals(error, bug);
});

Deno.test("RpcError describes each kind of failure", pure, () => {
  const to = { address: "fd77::1", port: 700 };
  const message = (failure: RpcFailure) => new RpcError("SM_MON", to, failure).message;
  const start = "Cannot call SM_MON at fd77::1 port 700: ";
  assertEquals(message({ kind: "timeout", elapsedMs: 5000 }), `${start}no answer in 5000 ms`);
  assertEquals(message({ kind: "accepted", stat: 99 }), `${start}the answer is 99`);
  assertEquals(
    message({ kind: "denied", stat: 1, detail: "authentication status 1" }),
    `${start}the call was denied, authentication status 1`,
  );
  assertEquals(
    message({ kind: "protocol", reason: "Cannot decode int" }),
    `${start}the answer is malformed, Cannot decode int`,
  );
});
