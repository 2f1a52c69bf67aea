import { assertEquals } from "@std/assert";
import { etcdTransport } from "../../lib/net/etcd_transport.ts";
import "../support/open_libc.ts";

// A transport keeps its connections for as long as the process lives.
const kept = { sanitizeResources: false } as const;

Deno.test("trust 20: a proxy in the environment is not used for a ledger", kept, async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("etcd"),
  );
  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const proxy = `http://127.0.0.1:${nobody.addr.port}`;
  nobody.close();
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) Deno.env.set(name, proxy);
  try {
    const url = `http://127.0.0.1:${server.addr.port}/v3/kv/range`;
    const { signal } = new AbortController();
    const answer = await etcdTransport({})({ url, body: "{}", token: undefined, signal });
    assertEquals(answer, { status: 200, text: "etcd" });
  } finally {
    for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) Deno.env.delete(name);
    await server.shutdown();
  }
});

Deno.test({
  name: "a transport still works after access to the environment was revoked",
  ...kept,
  permissions: { env: true, net: true },
  async fn() {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("etcd"),
    );
    const transport = etcdTransport({});
    Deno.permissions.revokeSync({ name: "env" });
    const url = `http://127.0.0.1:${server.addr.port}/v3/kv/range`;
    const { signal } = new AbortController();
    assertEquals((await transport({ url, body: "{}", token: undefined, signal })).text, "etcd");
    await server.shutdown();
  },
});
