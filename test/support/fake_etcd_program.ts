/**
 * An etcd on port 23791 whose conduct the last line on stdin selects, see {@link CONDUCTS}. An argument is the
 * path of a certificate and its key, without `.pem` and `.key`: it serves HTTPS then.
 */

import { failure, FakeEtcd } from "./fake_etcd.ts";

type Say = () => Response | Promise<Response>;

const { promise: never } = Promise.withResolvers<Response>();
const HEADER = '{"header":{"cluster_id":"7","revision":"9"}}';

/** Replies in place of the right one, by conduct. */
const CONDUCTS: Readonly<Record<string, Say | undefined>> = {
  well: undefined,
  "hangs": () => never,
  "empty": () => new Response(""),
  "html": () => new Response("<html><body>It works!</body></html>"),
  "other cluster": () => new Response(HEADER),
  "old token": () => said(failure(401, 16, "etcdserver: invalid auth token")),
  "full": () => said(failure(429, 8, "etcdserver: mvcc: database space exceeded")),
  "endless": () => new Response(new ReadableStream({ pull: (to) => to.enqueue(CHUNK) })),
};
const CHUNK = new Uint8Array(1 << 16);
const PORT = 23791;

function said({ status, text }: { status: number; text: string }): Response {
  return new Response(text, { status });
}

if (import.meta.main) await serve();

async function serve(): Promise<void> {
  const etcd = new FakeEtcd();
  let conduct = "well";
  let delayMs = 0;
  const [pair] = Deno.args;
  const tls = pair === undefined ? {} : {
    cert: await Deno.readTextFile(`${pair}.pem`),
    key: await Deno.readTextFile(`${pair}.key`),
  };
  Deno.serve({ port: PORT, hostname: "127.0.0.1", ...tls, onListen() {} }, async (request) => {
    const body = await request.text();
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const say = CONDUCTS[conduct];
    if (say !== undefined) return await say();
    return said(etcd.answer(new URL(request.url).pathname, body, undefined));
  });
  print("ready");
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const word = text.trim();
    delayMs = Number(/^slow (\d+)$/.exec(word)?.[1] ?? 0);
    conduct = word in CONDUCTS ? word : "well";
    print(`conduct ${word}`);
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
