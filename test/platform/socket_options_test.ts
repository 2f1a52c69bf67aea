import "../support/open_libc.ts";
import { assertEquals } from "@std/assert";
import { interfaceOfPeer } from "../../lib/platform/socket_options.ts";
import { addressBytes } from "../../lib/rpc/address.ts";

const PEER = new Uint8Array(addressBytes("fe80::52")!);
const LOOPBACK = 1;

/** struct sockaddr_in6 */
function peer(port: number, scope: number, last = 0x52): Uint8Array {
  const name = new Uint8Array(28);
  const view = new DataView(name.buffer);
  view.setUint16(2, port);
  name.set(PEER, 8);
  name[23] = last;
  view.setUint32(24, scope, true);
  return name;
}

Deno.test("trust 16: interfaceOfPeer() finds the interface of a connection", () => {
  const others = [peer(700, 7, 0x53), peer(701, 8)];
  assertEquals(interfaceOfPeer(PEER, 700, [...others, peer(700, LOOPBACK)]), "lo");
  assertEquals(interfaceOfPeer(PEER, 700, [peer(700, LOOPBACK), peer(700, LOOPBACK)]), "lo");
  assertEquals(interfaceOfPeer(PEER, 700, others), undefined);
  assertEquals(interfaceOfPeer(PEER, 700), undefined);
});

Deno.test("trust 16: interfaceOfPeer() does not choose between two links", () => {
  assertEquals(interfaceOfPeer(PEER, 700, [peer(700, LOOPBACK), peer(700, 7)]), undefined);
});
