/**
 * Calls to etcd by HTTP, made by the runtime: nothing of them is done on the event loop but reading what
 * has come. TLS is that of the runtime, with the authorities and the certificate that are given.
 */

import { quote } from "../quote.ts";
import { canStartThread, NO_THREAD_ADVICE } from "../platform/threads.ts";

/** What TLS needs, as PEM. */
export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One call; `lib/cluster/etcd_client.ts` has its meaning. */
interface Request {
  readonly url: string;
  readonly body: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** Longest answer that is read, in bytes: 500 records of the longest names and a few addresses. */
const ANSWER_MAX_BYTES = 2 << 20;
/** Connections that are kept open to one endpoint while nothing is asked. */
const IDLE_CONNECTIONS = 2;
/** How long they are, in ms: etcd is asked for every new client, and every second by a run. */
const IDLE_MS = 60_000;
/** Variables by which the runtime would send calls to a proxy: who sets one for a shell means no ledger. */
const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/** How calls are made; the connections are opened by the first one. */
export function etcdTransport(tls: TlsTexts) {
  let client: Deno.HttpClient | undefined;
  return async ({ url, body, token, signal }: Request) => {
    // The runtime looks names up, and makes a connection, on threads of its own.
    if (!canStartThread()) throw new Error(NO_THREAD_ADVICE);
    client ??= httpClient(tls);
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (token !== undefined) headers["authorization"] = token;
    try {
      const init = { method: "POST", headers, body, signal, redirect: "error", client } as const;
      const response = await fetch(url, init);
      return { status: response.status, text: await bodyOf(response) };
    } catch (error) {
      throw new Error(plainReason(error), { cause: error });
    }
  };
}

/** @throws {Error} When a certificate or key cannot be used. */
function httpClient({ ca, cert, key }: TlsTexts): Deno.HttpClient {
  for (const name of PROXY_VARIABLES) {
    Deno.env.delete(name);
    Deno.env.delete(name.toLowerCase());
  }
  return Deno.createHttpClient({
    http1: true,
    http2: false,
    poolMaxIdlePerHost: IDLE_CONNECTIONS,
    poolIdleTimeout: IDLE_MS,
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
}

async function bodyOf(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > ANSWER_MAX_BYTES) throw new Error("its answer is too long"); // which ends the stream
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** What went wrong, without the address, which whoever asks knows, and the numbers of the system. */
function plainReason(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const system =
    /(?:tcp connect error|dns error|client error \(\w+\)|error sending request): (.*)$/s;
  let text = reason;
  for (let found = system.exec(text); found?.[1] !== undefined; found = system.exec(text)) {
    text = found[1];
  }
  return quote(text.replace(/ \(os error \d+\)/g, "")).slice(1, -1);
}
