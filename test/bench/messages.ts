/** Messages of the generator; constant parts are built once. */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { IpProtocol, PMAP_PROG, PMAP_VERS, portmapV2 } from "../../lib/protocol/portmap.ts";
import { encodeCall } from "../support/rpc_messages.ts";
import { hostName } from "./generator_orders.ts";

export type Message = Uint8Array<ArrayBuffer>;

const MY_ID = { my_name: "bench", my_prog: 100021, my_vers: 3, my_proc: 16 };
/** xid, REPLY, MSG_ACCEPTED, no verifier, SUCCESS. */
const REPLY_BYTES = 24;

let xid = 0;

/** Gives a call a new xid; returns it. */
export function renew(call: Message): number {
  xid = xid + 1 & 0x7fffffff;
  call[0] = xid >>> 24;
  call[1] = xid >>> 16;
  call[2] = xid >>> 8;
  call[3] = xid;
  return xid;
}

export function xidOf(message: Uint8Array): number {
  return message[0]! << 24 | message[1]! << 16 | message[2]! << 8 | message[3]!;
}

export function nullCall(): Message {
  return encodeCall(nsmV1, "SM_NULL", undefined, ++xid);
}

export function statCall(): Message {
  return encodeCall(nsmV1, "SM_STAT", { mon_name: hostName(1) }, ++xid);
}

/** Asks rpcbind where it listens itself. */
export function getPortCall(): Message {
  const mapping = { prog: PMAP_PROG, vers: PMAP_VERS, prot: IpProtocol.UDP, port: 0 };
  return encodeCall(portmapV2, "PMAPPROC_GETPORT", mapping, ++xid);
}

export function monCall(host: number): Message {
  const priv = new Uint8Array(16);
  new DataView(priv.buffer).setUint32(0, host);
  return encodeCall(
    nsmV1,
    "SM_MON",
    { mon_id: { mon_name: hostName(host), my_id: MY_ID }, priv },
    ++xid,
  );
}

export function unmonCall(host: number): Message {
  return encodeCall(nsmV1, "SM_UNMON", { mon_name: hostName(host), my_id: MY_ID }, ++xid);
}

export function notifyCall(host: number, state: number): Message {
  return encodeCall(nsmV1, "SM_NOTIFY", { mon_name: hostName(host), state }, ++xid);
}

/** Call that registers the lock manager of version 3 at a UDP port. */
export function registerLockManager(port: number): Message {
  const mapping = { prog: 100021, vers: 3, prot: 17, port };
  return encodeCall(portmapV2, "PMAPPROC_SET", mapping, ++xid);
}

/** Reply with SUCCESS only. */
export function successTo(call: Uint8Array): Message {
  const reply = new Uint8Array(REPLY_BYTES);
  reply.set(call.subarray(0, 4));
  reply[7] = 1;
  return reply;
}

const HEADER_BYTES = 40;

/** mon_name and state in a callback. */
export function callbackIn(message: Uint8Array): { monName: string; state: number } {
  const view = new DataView(message.buffer);
  const length = view.getUint32(HEADER_BYTES);
  const start = HEADER_BYTES + 4;
  const monName = String.fromCharCode(...message.subarray(start, start + length));
  return { monName, state: view.getInt32(start + ((length + 3) & ~3)) };
}
