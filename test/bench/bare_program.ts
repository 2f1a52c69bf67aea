/**
 * Baseline of rpc.statd's cost: a minimal program compiled by Deno. It opens the status monitor's
 * sockets, on the port in its argument, and echoes datagrams.
 */

if (import.meta.main) {
  const port = Number(Deno.args[0]);
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "::", port });
  Deno.listen({ hostname: "::", port }).accept().catch(() => {});
  const buffer = new Uint8Array(9_000);
  for (;;) {
    const [data, from] = await socket.receive(buffer);
    await socket.send(data, from);
  }
}
