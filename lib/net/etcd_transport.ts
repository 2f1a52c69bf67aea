/**
 * HTTP transport for etcd, using Deno's fetch: only reading responses runs on the event loop. TLS
 * uses the given authorities and client certificate.
 */

import { quote } from "../quote.ts";
import { canStartThread, NO_THREAD_ADVICE } from "../platform/threads.ts";
import { messageOf } from "../reason.ts";
import { requireUsable, type TlsTexts } from "./tls_texts.ts";

/** One call; lib/cluster/etcd_client.ts defines its meaning. */
interface Request {
  readonly url: string;
  readonly body: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** Longest response read, in bytes: 500 records of the longest names and a few addresses. */
const ANSWER_MAX_BYTES = 2 << 20;
/** Idle connections kept open per endpoint. */
const IDLE_CONNECTIONS = 2;
/**
 * Keep-alive of idle connections, in ms. etcd is called for each new client, and each second during
 * a run.
 */
const IDLE_MS = 60_000;
/** Proxy variables that Deno would honour; an administrator sets them for shells, not for the ledger. */
const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/**
 * Makes the function that calls etcd; its first call opens the connections. The environment has to be
 * permitted here, and not any more when it is called.
 *
 * @throws {Error} When a certificate or key cannot be used.
 */
export function etcdTransport(tls: TlsTexts) {
  requireUsable(tls);
  for (const name of PROXY_VARIABLES) {
    Deno.env.delete(name);
    Deno.env.delete(name.toLowerCase());
  }
  let client: Deno.HttpClient | undefined;
  return async ({ url, body, token, signal }: Request) => {
    // Deno resolves names and connects on threads of its own.
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

function httpClient({ ca, cert, key }: TlsTexts): Deno.HttpClient {
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
    // also closes the stream
    if (length > ANSWER_MAX_BYTES) throw new Error("its answer is too long");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Reason of a failure, without the address, which the caller knows, and without error numbers. */
function plainReason(error: unknown): string {
  const reason = messageOf(error);
  const system =
    /(?:tcp connect error|dns error|client error \(\w+\)|error sending request): (.*)$/s;
  let text = reason;
  for (let found = system.exec(text); found?.[1] !== undefined; found = system.exec(text)) {
    text = found[1];
  }
  return quote(text.replace(/ \(os error \d+\)/g, "")).slice(1, -1);
}
