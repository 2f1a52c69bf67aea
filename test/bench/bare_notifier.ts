/**
 * What sm-notify costs of what any program costs that Deno has compiled: it opens one UDP socket, tells
 * one peer of many_peers.ts, and ends when that has answered.
 */

/** SM_NOTIFY of "nodeb", state 3, without authentication. */
const NOTICE = "000000010000000000000002000186b800000001000000060000000000000000" +
  "0000000000000000000000056e6f64656200000000000003";

if (import.meta.main) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "::", port: 0 });
  const peer = { transport: "udp", hostname: "127.1.0.1", port: 900 } as const;
  await socket.send(Uint8Array.fromHex(NOTICE), peer);
  await socket.receive();
}
