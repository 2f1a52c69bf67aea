/**
 * What any program costs that Deno has compiled: it opens the sockets that the status monitor does, on
 * the port in its argument, and gives datagrams back to whom they came from.
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
