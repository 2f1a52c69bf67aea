/**
 * Flood of SM_NULL or GETPORT from another host, in a host of its own: a rate of datagrams to one
 * address, until ended. The argument is a {@link FloodOrder} as JSON; `ready` is printed at the start.
 */

import { MSG_DONTWAIT, SOCK_DGRAM, SOL_SOCKET } from "../../lib/platform/c_numbers.ts";
import { checked, libc, numericAddress } from "../../lib/platform/libc.ts";
import { message, nullCall } from "../support/nsm_calls.ts";
import { getPortCall } from "./messages.ts";

/** Target and rate of a flood. */
export interface FloodOrder {
  /** Numeric address; with scope if link-local. */
  readonly address: string;
  readonly port: number;
  readonly perSecond: number;
  /** Procedure called; default SM_NULL. */
  readonly procedure?: "PMAPPROC_GETPORT";
}

/** Length of a burst, in ms of the flood's rate. */
const BURST_MS = 2;
/** Maximum number of datagrams per burst, so that lost CPU time is not made up for. */
const BURST_MAX = 2_000;

const SO_BROADCAST = 6;

const { address, port, perSecond, procedure } = JSON.parse(Deno.args[0]!) as FloodOrder;
const name = numericAddress(address)!;
name[2] = port >> 8;
name[3] = port & 0xff;
const fd = checked("socket", libc().socket(name[0]!, SOCK_DGRAM, 0));
const yes = new Int32Array([1]);
checked("setsockopt", libc().setsockopt(fd, SOL_SOCKET, SO_BROADCAST, yes, yes.byteLength));
const call = procedure === undefined ? message(nullCall) : getPortCall();
const length = BigInt(call.length);
Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
let sent = 0;
const since = performance.now();
for (;;) {
  const due = (performance.now() - since) / 1_000 * perSecond;
  sent = Math.max(sent, due - BURST_MAX);
  for (; sent < due; sent++) libc().sendto(fd, call, length, MSG_DONTWAIT, name, name.length);
  await new Promise((resolve) => setTimeout(resolve, BURST_MS));
}
