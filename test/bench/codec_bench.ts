/**
 * Time from the bytes of a call to the bytes of its reply, and the cost of the steps. Run with
 * `deno bench test/bench`.
 */

import { dispatcher, service } from "../../lib/rpc/dispatch.ts";
import { encodeCall } from "../support/rpc_messages.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import type { Caller } from "../../lib/rpc/transport.ts";
import { mon, nsmV1, Res } from "../../lib/protocol/nsm.ts";
import { fromBytes, toBytes } from "../../lib/xdr/types.ts";

const caller: Caller = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true };
const xid = 0x12345678;

const answered = { res_stat: Res.STAT_SUCC, state: 5 };
const nsm = service(nsmV1, {
  SM_NULL() {},
  SM_STAT: () => answered,
  SM_MON: () => answered,
  SM_UNMON: () => ({ state: 5 }),
  SM_UNMON_ALL: () => ({ state: 5 }),
  SM_SIMU_CRASH() {},
  SM_NOTIFY() {},
}, {
  SM_MON: () => ({ res_stat: Res.STAT_FAIL, state: -1 }),
  SM_UNMON: () => ({ state: 5 }),
  SM_UNMON_ALL: () => ({ state: 5 }),
  SM_SIMU_CRASH() {},
});
const respond = dispatcher([nsm], {
  access: () => "accept",
  handlerFailed() {},
  garbage() {},
});

const monArgs = {
  mon_id: {
    mon_name: "client-17.storage.example.net",
    my_id: { my_name: "server.example.net", my_prog: 100021, my_vers: 3, my_proc: 16 },
  },
  priv: new Uint8Array(16),
};
const monBytes = toBytes(mon, monArgs);
const longMonBytes = toBytes(mon, {
  ...monArgs,
  mon_id: { ...monArgs.mon_id, mon_name: "a".repeat(1024) },
});
const nullCall = encodeCall(nsmV1, "SM_NULL", undefined, xid);
const statCall = encodeCall(nsmV1, "SM_STAT", { mon_name: "client-17.storage.example.net" }, xid);
const monCall = encodeCall(nsmV1, "SM_MON", monArgs, xid);
const garbageCall = monCall.slice(0, -8);
const monRecord = toRecord(monCall);

Deno.bench("dispatch SM_NULL", { group: "dispatch" }, () => {
  respond(nullCall, caller);
});
Deno.bench("dispatch SM_STAT", { group: "dispatch" }, () => {
  respond(statCall, caller);
});
Deno.bench("dispatch SM_MON", { group: "dispatch" }, () => {
  respond(monCall, caller);
});
Deno.bench("dispatch SM_MON cut short (GARBAGE_ARGS)", { group: "dispatch" }, () => {
  respond(garbageCall, caller);
});

Deno.bench("decode mon", { group: "codec" }, () => {
  fromBytes(mon, monBytes);
});
Deno.bench("decode mon, name of 1024 bytes", { group: "codec" }, () => {
  fromBytes(mon, longMonBytes);
});
Deno.bench("encode mon", { group: "codec" }, () => {
  toBytes(mon, monArgs);
});
Deno.bench("encodeCall SM_MON", { group: "codec" }, () => {
  encodeCall(nsmV1, "SM_MON", monArgs, xid);
});

const parser = new RecordParser(4096);
Deno.bench("record parser, SM_MON in one piece", { group: "record" }, () => {
  parser.push(monRecord, () => {});
});
