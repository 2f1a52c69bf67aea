import { assertEquals, assertThrows } from "@std/assert";
import { authNone } from "../../lib/rpc/auth.ts";
import { call_header, reply_body, reply_header, type ReplyBody } from "../../lib/rpc/message.ts";
import { fromBytes, toBytes } from "../../lib/xdr/types.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;

Deno.test("call_header is the ten words of RFC 5531 where nothing is authenticated", pure, () => {
  const header = {
    xid: 0x80000001,
    mtype: 0,
    rpcvers: 2,
    body: { prog: 100024, vers: 1, proc: 6, cred: authNone, verf: authNone },
  };
  const digits = "80000001 00000000 00000002 000186b8 00000001 00000006" +
    " 00000000 00000000 00000000 00000000";
  assertEquals(toHex(toBytes(call_header, header)), digits);
  assertEquals(fromBytes(call_header, hex(digits)), header);
});

const accepted = (
  reply_data: Extract<ReplyBody, { stat: 0 }>["body"]["reply_data"],
): ReplyBody => ({
  stat: 0,
  body: { verf: authNone, reply_data },
});

const replies: [string, ReplyBody, string][] = [
  ["SUCCESS", accepted({ stat: 0, body: undefined }), "00000000 00000000 00000000 00000000"],
  ["PROG_UNAVAIL", accepted({ stat: 1, body: undefined }), "00000000 00000000 00000000 00000001"],
  [
    "PROG_MISMATCH",
    accepted({ stat: 2, body: { low: 2, high: 4 } }),
    "00000000 00000000 00000000 00000002 00000002 00000004",
  ],
  ["PROC_UNAVAIL", accepted({ stat: 3, body: undefined }), "00000000 00000000 00000000 00000003"],
  ["GARBAGE_ARGS", accepted({ stat: 4, body: undefined }), "00000000 00000000 00000000 00000004"],
  ["SYSTEM_ERR", accepted({ stat: 5, body: undefined }), "00000000 00000000 00000000 00000005"],
  [
    "RPC_MISMATCH",
    { stat: 1, body: { stat: 0, body: { low: 2, high: 2 } } },
    "00000001 00000000 00000002 00000002",
  ],
  ["AUTH_ERROR", { stat: 1, body: { stat: 1, body: 7 } }, "00000001 00000001 00000007"],
];

for (const [name, body, digits] of replies) {
  Deno.test(`reply_header has ${name} both ways`, pure, () => {
    const header = { xid: 7, mtype: 1, body };
    assertEquals(toHex(toBytes(reply_header, header)), `00000007 00000001 ${digits}`);
    assertEquals(fromBytes(reply_header, hex("00000007 00000001", digits)), header);
  });
}

Deno.test("reply_body refuses a status that RFC 5531 does not list", pure, () => {
  const unknown = [
    ["00000002", "union reply_body at offset 0: there is no arm for stat 2"],
    ["00000001 00000002", "union rejected_reply) at offset 4: there is no arm for stat 2"],
    ["00000000 00000000 00000000 00000006", "offset 12: there is no arm for stat 6"],
  ] as const;
  for (const [digits, message] of unknown) {
    assertThrows(() => fromBytes(reply_body, hex(digits)), XdrError, message);
  }
});
