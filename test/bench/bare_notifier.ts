/**
 * Baseline of sm-notify's cost: a minimal program compiled by Deno. It opens one UDP socket,
 * notifies one peer of many_peers.ts, and ends after the reply.
 */

/** SM_NOTIFY of "nodeb", state 3, with AUTH_NONE. */
const NOTICE = "000000010000000000000002000186b800000001000000060000000000000000" +
  "0000000000000000000000056e6f64656200000000000003";

if (import.meta.main) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "::", port: 0 });
  const peer = { transport: "udp", hostname: "127.1.0.1", port: 4_900 } as const;
  await socket.send(Uint8Array.fromHex(NOTICE), peer);
  await socket.receive();
}
