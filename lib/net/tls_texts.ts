/**
 * TLS credentials of a client: checked before Deno gets them. Deno.createHttpClient aborts the
 * process for a client certificate or key that its TLS library refuses (Deno 2.7), as one of X.509
 * version 1. A TLS server with the certificate is refused for equal reasons, by an exception.
 */

import { quote } from "../quote.ts";
import { messageOf } from "../reason.ts";

/** TLS credentials, in PEM. */
export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Refusals of the TLS library, and what they mean for the files. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/KeyMismatch/, "key-file is not the key of the first certificate in cert-file"],
  [
    /UnsupportedCertVersion/,
    "cert-file is a certificate of X.509 version 1: sign it as version 3, with an extension such as " +
    "extendedKeyUsage=clientAuth",
  ],
  [
    /failed to parse private key/,
    "key-file has a key of an unsupported kind or length: use ECDSA with P-256, or RSA with 2048 bits",
  ],
  [
    /No keys found|Unable to decode key/,
    "key-file has no private key without a passphrase, in PEM",
  ],
  [/No certificates found/, "cert-file has no certificate in PEM"],
];

/** @throws {Error} When a certificate or key cannot be used: one line that names its setting. */
export function requireUsable({ ca, cert, key }: TlsTexts): void {
  if (ca !== undefined) requireAuthorities(ca);
  if (cert === undefined || key === undefined) return;
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
  } catch (error) {
    const reason = messageOf(error);
    const meaning = MEANINGS.find(([pattern]) => pattern.test(reason))?.[1] ??
      `cert-file and key-file cannot be used: ${quote(reason).slice(1, -1)}`;
    throw faultOf(meaning, error);
  }
}

/** Without a certificate Deno would trust the authorities of the system alone. */
function requireAuthorities(ca: string): void {
  if (!ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw faultOf("ca-file has no certificate in PEM");
  }
  try {
    Deno.createHttpClient({ caCerts: [ca] }).close();
  } catch (error) {
    const reason = quote(messageOf(error)).slice(1, -1);
    throw faultOf(`ca-file has a damaged certificate: ${reason}`, error);
  }
}

function faultOf(reason: string, cause?: unknown): Error {
  return new Error(`nfs.conf [etcd]: ${reason}`, { cause });
}
