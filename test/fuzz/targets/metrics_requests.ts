/** Requests to the metrics endpoint: any request gets one of a few statuses. */

import { assert } from "@std/assert";
import { judge } from "../../../lib/statd/metrics_server.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";

const LINES = [
  "GET /metrics HTTP/1.1",
  "GET / HTTP/1.0",
  "HEAD /metrics?x=1 HTTP/1.1",
  "GET http://server1:9100/metrics HTTP/1.1",
  "POST / HTTP/1.1",
  "GET  / HTTP/1.1",
  "PRI * HTTP/2.0",
  "OPTIONS * HTTP/1.1",
  "GET /metrics/../etc HTTP/1.1",
  "\x16\x03\x01\x02",
];
const FIELDS = [
  "Host: server1:9100",
  "Host: [::1]:9100",
  "Host:",
  "host: a b",
  "Accept: */*",
  "Content-Length: 4",
  "Transfer-Encoding: chunked",
  " folded",
  "No colon",
  "X:\t\x00",
];
const STATUSES = [200, 400, 404, 405, 505];

function request(random: Random): string {
  const fields = Array.from({ length: random(4) }, () => pick(random, FIELDS));
  return [pick(random, LINES), ...fields].join(onceIn(random, 5) ? "\n" : "\r\n");
}

function run(input: Uint8Array): void {
  const head = toText(input);
  const [status, isHead] = judge(head);
  assert(STATUSES.includes(status), `status ${status}`);
  assert(isHead === head.startsWith("HEAD ") || status === 400, "a body for HEAD");
  if (status !== 200) return;
  assert(
    /^(GET|HEAD) (http:\/\/[^/?# ]*)?(\/|\/metrics)?([?#]\S*)? HTTP\/1\.\d\r?(\n|$)/i.test(head),
  );
  assert((head.match(/\nhost:/gi)?.length ?? 0) <= 1, "two hosts");
}

export const metricsRequests: Target = {
  name: "requests for metrics",
  inputs: 5_000,
  generate(random) {
    const bytes = toBytes(mutateText(request(random), random, [...LINES, ...FIELDS]));
    return onceIn(random, 3) ? mutateBytes(bytes, random) : bytes;
  },
  open: () => ({ run }),
};
