/** Calls to etcd over HTTP, with servers that answer rightly or wrongly. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { EtcdClient } from "../../lib/cluster/etcd_client.ts";
import { LedgerError } from "../../lib/cluster/ledger.ts";
import { etcdTransport } from "../../lib/net/etcd_transport.ts";
import { systemClock as clock } from "../../lib/platform/clock.ts";
import { failure, FakeEtcd } from "../support/fake_etcd.ts";

const PATH = "/v3/kv/range";
const BODY = '{"key":"YQ=="}';

/** Server with its answers; undefined: those of etcd. */
class Server implements AsyncDisposable {
  readonly etcd = new FakeEtcd();
  lie: (() => Response | Promise<Response>) | undefined;
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        this.requests++;
        const body = await request.text();
        if (this.lie !== undefined) return await this.lie();
        const token = request.headers.get("authorization") ?? undefined;
        const { status, text } = this.etcd.answer(new URL(request.url).pathname, body, token);
        return new Response(text, { status });
      },
    );
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

interface Options {
  readonly user?: string;
  readonly password?: () => string;
  readonly timeoutMs?: number;
}

function client(endpoints: readonly string[], options: Options = {}): EtcdClient {
  const { user, password = () => undefined, timeoutMs = 20_000 } = options;
  return new EtcdClient({
    settings: { endpoints, timeoutMs, ...(user === undefined ? {} : { user }) },
    password,
    transport: etcdTransport({}),
    clock,
  });
}

/** Endpoint without a listener. */
function nowhere(): string {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

const net = { permissions: "inherit", sanitizeResources: false, sanitizeOps: false } as const;

Deno.test(
  "an answer of etcd is read, and the next endpoint is asked if one is gone",
  net,
  async () => {
    await using server = new Server();
    server.etcd.keys.set("a", { value: btoa("value"), modRevision: 7 });
    const { reply } = await client([nowhere(), server.endpoint]).call(PATH, BODY);
    assertEquals(reply.found, [{ key: "a", value: "value", modRevision: 7 }]);
  },
);

Deno.test(
  "a hung endpoint is overtaken by the next one, and the call is known to be duplicated",
  net,
  async () => {
    await using slow = new Server();
    const hung = Promise.withResolvers<Response>();
    slow.lie = () => hung.promise;
    await using server = new Server();
    const etcd = client([slow.endpoint, server.endpoint]);
    assertEquals((await etcd.call(PATH, BODY)).isSingle, false);
    assertEquals(
      (await etcd.call(PATH, BODY)).isSingle,
      true,
      "the one that answers is asked first",
    );
    hung.resolve(new Response(""));
  },
);

const LIES: Readonly<Record<string, readonly [() => Response, RegExp]>> = {
  "an empty answer": [() => new Response(""), /its answer is empty/],
  "a page of HTML": [() => new Response("<html>ok</html>"), /its answer is not etcd's/],
  "JSON without a header": [() => new Response('{"kvs":[]}'), /its answer is not etcd's/],
  "a header without a cluster": [
    () => new Response('{"header":{"revision":"1"}}'),
    /its answer is not etcd's/,
  ],
  "a revision that is no number": [
    () => new Response('{"header":{"cluster_id":"1","revision":"x"}}'),
    /its answer is not etcd's/,
  ],
  "keys that are no base64": [
    () =>
      new Response(
        '{"header":{"cluster_id":"1","revision":"1"},"kvs":[{"key":"%","mod_revision":"1"}]}',
      ),
    /its answer is not etcd's/,
  ],
  "no gateway": [
    () => new Response("404 page not found\n", { status: 404 }),
    /enable-grpc-gateway/,
  ],
  "a proxy's error": [() => new Response("<html>", { status: 502 }), /status 502/],
  "a redirection": [
    () => new Response("", { status: 307, headers: { location: "/elsewhere" } }),
    /redirect/,
  ],
  "an answer without end": [
    () => new Response(new Uint8Array(3 << 20)),
    /its answer is too long/,
  ],
  "a user without rights": [
    () => answer(failure(403, 7, "etcdserver: permission denied")),
    /permission denied: the user needs the right/,
  ],
  "a full store": [
    () => answer(failure(429, 8, "etcdserver: mvcc: database space exceeded")),
    /compact and defragment/,
  ],
};

for (const [lie, [says, reason]] of Object.entries(LIES)) {
  Deno.test(`acceptance 12: ${lie} is reported as a fault`, net, async () => {
    await using server = new Server();
    server.lie = says;
    const error = await assertRejects(
      () => client([server.endpoint]).call(PATH, BODY),
      LedgerError,
    );
    assertMatch(error.message, reason);
  });
}

Deno.test("acceptance 12: an endpoint of another cluster is rejected", net, async () => {
  await using server = new Server();
  const etcd = client([server.endpoint]);
  await etcd.call(PATH, BODY);
  server.etcd.clusterId = "2";
  await assertRejects(() => etcd.call(PATH, BODY), LedgerError, "belongs to another cluster");
  await using other = new Server();
  const both = client([server.endpoint, other.endpoint]);
  await assertRejects(() => both.requireOneCluster(PATH, BODY), LedgerError, "different clusters");
});

Deno.test("a cluster without a leader is asked again until it has one", net, async () => {
  await using server = new Server();
  server.lie = () => {
    if (server.requests > 2) server.lie = undefined;
    return answer(failure(503, 14, "etcdserver: no leader"));
  };
  await client([server.endpoint]).call(PATH, BODY);
  assert(server.requests > 2);
});

Deno.test("acceptance 12: the time budget ends an unanswered call", net, async () => {
  await using server = new Server();
  const hung = Promise.withResolvers<Response>();
  server.lie = () => hung.promise;
  const etcd = client([server.endpoint], { timeoutMs: 100 });
  await assertRejects(() => etcd.call(PATH, BODY), LedgerError, "no answer for 100 ms");
  hung.resolve(new Response(""));
});

Deno.test(
  "acceptance 12: an expired or empty token is replaced",
  net,
  async () => {
    await using server = new Server();
    server.etcd.users = new Map([["nsm", "secret"]]);
    const etcd = client([server.endpoint], { user: "nsm", password: () => "secret" });
    await etcd.call(PATH, BODY);
    server.etcd.tokens.clear();
    await etcd.call(PATH, BODY);
    assertEquals(server.etcd.calls.filter((path) => path.endsWith("authenticate")).length, 2);
    let isFirst = true;
    server.lie = () => {
      server.lie = undefined;
      assert(isFirst);
      isFirst = false;
      return new Response("");
    };
    await etcd.call(PATH, BODY);
    assertEquals(server.etcd.calls.filter((path) => path.endsWith("authenticate")).length, 3);
  },
);

Deno.test(
  "acceptance 12: a refused password is not retried; a new one is",
  net,
  async () => {
    await using server = new Server();
    server.etcd.users = new Map([["nsm", "new"]]);
    let password = "old";
    const etcd = client([server.endpoint], { user: "nsm", password: () => password });
    for (let i = 0; i < 3; i++) {
      await assertRejects(() => etcd.call(PATH, BODY), LedgerError, "was given no token");
    }
    assertEquals(server.etcd.calls.length, 1);
    password = "new";
    await etcd.call(PATH, BODY);
  },
);

Deno.test(
  "acceptance 12: no user is needed until authentication is enabled",
  net,
  async () => {
    await using server = new Server();
    const etcd = client([server.endpoint], { user: "nsm", password: () => "secret" });
    await etcd.call(PATH, BODY);
    await etcd.call(PATH, BODY);
    server.etcd.users = new Map([["nsm", "secret"]]);
    await etcd.call(PATH, BODY);
    assertEquals(server.etcd.calls.filter((path) => path.endsWith("authenticate")).length, 2);
  },
);

Deno.test("an etcd with users says so to a client without one", net, async () => {
  await using server = new Server();
  server.etcd.users = new Map([["nsm", "secret"]]);
  const etcd = client([server.endpoint]);
  await assertRejects(
    () => etcd.call(PATH, BODY),
    LedgerError,
    "it requires a user and a password",
  );
});

Deno.test("a token is not used again after a call that failed", net, async () => {
  await using server = new Server();
  server.etcd.users = new Map([["nsm", "secret"]]);
  const send = etcdTransport({});
  let isClosed = false;
  const etcd = new EtcdClient({
    settings: { endpoints: [server.endpoint], timeoutMs: 1_000, user: "nsm" },
    password: () => "secret",
    transport: (request) => isClosed ? Promise.reject(new Error("closed")) : send(request),
    clock,
  });
  await etcd.call(PATH, BODY);
  isClosed = true;
  await assertRejects(() => etcd.call(PATH, BODY), LedgerError, "closed");
  isClosed = false;
  await etcd.call(PATH, BODY);
  assertEquals(server.etcd.calls.filter((path) => path.endsWith("authenticate")).length, 2);
});

function answer({ status, text }: { status: number; text: string }): Response {
  return new Response(text, { status });
}
