/**
 * Prometheus endpoint: an HTTP/1.1 server that answers one request per connection and closes it.
 * Whoever reaches the address may connect, so connections are few and short. The oldest one is
 * closed when a new one needs its place.
 *
 * Source: RFC 9112 (message syntax), RFC 9110 section 7.2 (Host).
 */

import { type ClientServer, closeQuietly, serveClients, writeAll } from "./clients.ts";
import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { Clock } from "../time/clock.ts";
import { METRICS_TYPE } from "./metrics.ts";
import { removeIfThere, unlessMissing } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";

/** Time limit of a connection, in ms: Prometheus itself gives up after 10 s. */
const CLIENT_MS = 5_000;
/** Longest request, in bytes, with all header fields. */
const REQUEST_MAX_BYTES = 8_192;

const REASONS = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  505: "HTTP Version Not Supported",
} as const;
type Status = keyof typeof REASONS;

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP\/(\d)\.\d$/;
/** Header field. Trimming the value in the expression would take quadratic time. */
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/;
/** End of the request header. */
const HEAD_END = /\r?\n\r?\n/;
const HEAD_END_BYTES = 4;
/** Name or address, with an optional port. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])?(?::\d{0,5})?$/i;
const PATHS = new Set(["/", "/metrics"]);

/** Dependencies of the endpoint. */
export interface MetricsParts {
  /** Makes the metrics text. */
  readonly text: () => string;
  readonly clock: Pick<Clock, "startTimer">;
  readonly log: Log;
  readonly tell: LimitedLog;
}

/**
 * Opens the endpoint at `ADDRESS:PORT`, or at the path of a Unix socket.
 *
 * @throws {Error} When the socket cannot be opened.
 */
export function serveMetrics(address: string, parts: MetricsParts): ClientServer {
  const listener = listen(address);
  const { clock: { startTimer }, log, tell } = parts;
  log.info(`Metrics at ${address}`);
  return serveClients(listener, {
    async serve(client) {
      const cancel = startTimer(CLIENT_MS, () => closeQuietly(client));
      try {
        await answer(client, parts);
      } finally {
        cancel();
      }
    },
    closed: "oldest",
    ended: (error) => log.debug(() => `Connection for metrics ended: ${reasonOf(error)}`),
    failed(error) {
      const what = "Cannot take a connection for metrics";
      tell("warning", what, () => `${what}: ${reasonOf(error)}`);
    },
    startTimer,
  });
}

function listen(address: string): Deno.Listener<Deno.Conn> {
  if (address.startsWith("/")) {
    removeSocket(address);
    return Deno.listen({ transport: "unix", path: address });
  }
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return Deno.listen({ hostname, port: Number(address.slice(colon + 1)) });
}

/** Removes the socket of an earlier daemon; a file of another type stays, and makes listen() fail. */
function removeSocket(path: string): void {
  if (unlessMissing(() => Deno.lstatSync(path).isSocket)) removeIfThere(path);
}

/** Reads a request and writes its reply; no reply if the client closed first. */
async function answer(client: Deno.Conn, { text, tell }: MetricsParts): Promise<void> {
  const head = await readHead(client);
  if (head === undefined) return;
  let [status, isHead]: [Status, boolean] = head === "long" ? [431, false] : judge(head);
  let body = "";
  if (status === 200) {
    try {
      body = text();
    } catch (error) {
      const what = "Cannot answer a request for metrics";
      tell("error", what, () => `${what}: ${reasonOf(error)}`);
      status = 500;
    }
  }
  const bytes = new TextEncoder().encode(body);
  const fields = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    ...(status === 200 ? [`Content-Type: ${METRICS_TYPE}`] : []),
    ...(status === 405 ? ["Allow: GET, HEAD"] : []),
    `Content-Length: ${bytes.length}`,
    "Connection: close",
  ];
  await writeAll(client, new TextEncoder().encode(`${fields.join("\r\n")}\r\n\r\n`));
  if (!isHead) await writeAll(client, bytes);
}

/** Reads the request line and header fields; `long` if they exceed the limit. */
async function readHead(client: Deno.Conn): Promise<string | undefined> {
  const bytes = new Uint8Array(REQUEST_MAX_BYTES);
  const decoder = new TextDecoder("latin1");
  for (let length = 0; length < bytes.length;) {
    const read = await client.read(bytes.subarray(length));
    if (read === null) return undefined;
    // The end may straddle two reads: only the new bytes and the few before them are searched.
    const from = Math.max(0, length - HEAD_END_BYTES);
    length += read;
    if (!HEAD_END.test(decoder.decode(bytes.subarray(from, length)))) continue;
    return decoder.decode(bytes.subarray(0, length)).split(HEAD_END, 1)[0];
  }
  return "long";
}

/** Status of a request, and whether its reply has no body. */
export function judge(head: string): [status: Status, isHead: boolean] {
  const [line = "", ...fields] = head.split(/\r?\n/);
  const [, method, target, major] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined) return [400, false];
  const isHead = method === "HEAD";
  if (major !== "1") return [505, isHead];
  const values = fields.map((field) => FIELD.exec(field));
  const hosts = values.filter((field) => field?.[1]?.toLowerCase() === "host");
  const hasBody = values.some((field) =>
    /^(?:content-length|transfer-encoding)$/i.test(field?.[1] ?? "")
  );
  const isHttp10 = line.endsWith("HTTP/1.0");
  const isHostRight = hosts.length === 1
    ? HOST.test(hosts[0]![2]!.trim())
    : hosts.length === 0 && isHttp10;
  if (values.includes(null) || !isHostRight || hasBody) return [400, isHead];
  if (method !== "GET" && !isHead) return [405, isHead];
  const path = target!.replace(/^http:\/\/[^/?#]*/i, "").replace(/[?#].*$/, "");
  return [PATHS.has(path === "" ? "/" : path) ? 200 : 404, isHead];
}
