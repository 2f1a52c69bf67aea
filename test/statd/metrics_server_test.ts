import { assertEquals, assertMatch } from "@std/assert";
import { judge, serveMetrics } from "../../lib/statd/metrics_server.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

const GET = "GET /metrics HTTP/1.1\r\nHost: server1:9100\r\n\r\n";

/** Endpoint on a UNIX socket of its own. */
function setUp(text = () => "nsm_peers 1\n") {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/metrics`;
  const [clock, log] = [new FakeClock(), new RecordingLog()];
  const tell = (
    level: "error" | "warning" | "notice" | "info",
    _key: string,
    message: () => string,
  ) => log[level](message());
  const server = serveMetrics(path, { text, clock, log, tell });
  return {
    clock,
    log,
    server,
    connect: () => Deno.connect({ transport: "unix", path }),
    [Symbol.dispose]() {
      server.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

async function send(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

/** All bytes until the connection is closed. */
async function received(connection: Deno.Conn): Promise<string> {
  let text = "";
  const chunk = new Uint8Array(4096);
  try {
    for (;;) {
      const length = await connection.read(chunk);
      if (length === null) break;
      text += new TextDecoder().decode(chunk.subarray(0, length));
    }
  } catch {
    // reset
  }
  connection.close();
  return text;
}

Deno.test("a request is answered, and the connection closed", async () => {
  using it = setUp();
  const connection = await it.connect();
  await send(connection, GET.slice(0, 20));
  await send(connection, GET.slice(20));
  const reply = await received(connection);
  assertMatch(reply, /^HTTP\/1\.1 200 OK\r\n/);
  assertMatch(reply, /\r\nContent-Length: 12\r\nConnection: close\r\n\r\nnsm_peers 1\n$/);
  assertEquals(it.clock.pending, 0);
});

Deno.test("trust 2: a partial request times out after 5 s, and its place is given to the next one", async () => {
  using it = setUp();
  const halves: Deno.Conn[] = [];
  for (let i = 0; i < 20; i++) {
    const half = await it.connect();
    halves.push(half);
    await send(half, "GET /metrics HTTP/1.1\r\nHost: x\r\n").catch(() => {});
  }
  const whole = await it.connect();
  await send(whole, GET);
  assertMatch(await received(whole), /200 OK/);
  const replies = Promise.all(halves.map(received));
  it.clock.advance(5_000);
  assertEquals(await replies, new Array(20).fill(""));
});

Deno.test("B7: close() does not wait for clients", async () => {
  using it = setUp();
  const half = await it.connect();
  await send(half, GET);
  assertMatch(await received(half), /200/);
  const other = await it.connect();
  await send(other, "GET");
  it.server.close();
  assertEquals(await received(other), "");
});

Deno.test("trust 2: a metrics text that cannot be built is logged as an error, and the endpoint continues", async () => {
  let isBroken = true;
  using it = setUp(() => {
    if (isBroken) throw new Error("no such counter");
    return "x 1\n";
  });
  const first = await it.connect();
  await send(first, GET);
  assertMatch(await received(first), /^HTTP\/1\.1 500 /);
  assertMatch(it.log.of("error").join(), /Cannot answer a request for metrics: no such counter/);
  isBroken = false;
  const second = await it.connect();
  await send(second, GET);
  assertMatch(await received(second), /x 1\n$/);
});

Deno.test("a request that is too long is refused", async () => {
  using it = setUp();
  const connection = await it.connect();
  await send(connection, `GET / HTTP/1.1\r\nHost: ${"x".repeat(9_000)}`).catch(() => {});
  assertMatch(await received(connection), /^(HTTP\/1\.1 431 |$)/);
});

Deno.test("judge() accepts GET and HEAD of the two paths, with one valid Host", pure, () => {
  const status = (line: string, ...fields: string[]) => judge([line, ...fields].join("\r\n"))[0];
  const host = "Host: [::1]:9100";
  for (const path of ["/", "/metrics", "/metrics?a=b", "http://server1/metrics"]) {
    assertEquals(status(`GET ${path} HTTP/1.1`, host, "Accept: */*"), 200, path);
  }
  assertEquals(status("HEAD / HTTP/1.1", host), 200);
  assertEquals(status("GET / HTTP/1.0"), 200);
  assertEquals(status("GET /other HTTP/1.1", host), 404);
  assertEquals(status("POST / HTTP/1.1", host), 405);
  assertEquals(status("GET / HTTP/2.0", host), 505);
  for (
    const fields of [[], [host, host], ["Host: a b"], ["Host: a/b"], [host, "no colon"], [
      "X : y",
      host,
    ]]
  ) {
    assertEquals(status("GET / HTTP/1.1", ...fields), 400, fields.join());
  }
  for (const line of ["", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 x", "\x16\x03\x01"]) {
    assertEquals(status(line, host), 400, line);
  }
  assertEquals(status("GET / HTTP/1.1", host, "Content-Length: 5"), 400);
  assertEquals(status("GET / HTTP/1.1", host, "Transfer-Encoding: chunked"), 400);
});

Deno.test("trust 7: a field of blanks takes no longer to parse than another field", pure, () => {
  // Each of them took 0.3 s, in which no caller was answered.
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: a${" ".repeat(8_000)}b`;
  for (let i = 0; i < 1_000; i++) assertEquals(judge(head), [200, false]);
});

Deno.test("a request that comes a byte at a time is answered", async () => {
  using it = setUp();
  const connection = await it.connect();
  for (const byte of GET) await send(connection, byte);
  assertMatch(await received(connection), /^HTTP\/1\.1 200 OK\r\n/);
});
