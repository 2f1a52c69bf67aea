import { assertEquals } from "@std/assert";
import { requireUsable, type TlsTexts } from "../../lib/net/tls_texts.ts";

/** Certificate of X.509 version 3, made for this test, and its key. */
const CERT = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR6gAwIBAgIUYnKyHrima+v8hD4Eeb9MHRISq+UwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbGFiLWNhMB4XDTI2MTEyNzIwNDEzNloXDTI2MTIyNzIwNDEz
NlowDjEMMAoGA1UECgwDbnNtMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdK3H
P9THmTnPnLixclZyZDmfWa1JaXh3Tu5uKLtbA9d3h1/gHsS2b26SBi7iUKwmGHpi
BzebG3+3eQZqF+BICqNXMFUwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYE
FCCUfqycS5xKe9/LrWz3T5LX9AfBMB8GA1UdIwQYMBaAFLGggzwRFPdoa64txDx5
wiBzdd6HMAoGCCqGSM49BAMCA0kAMEYCIQCM6p1bCN4AeV0AJCV3x5ndJq2EqdCA
soTZRY364k6WPgIhALKU6jEDRLIQlivJAf9er+sJbVRCUmNzuDj7OxKkpg50
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/OsCLnN7dwZDYvjP
iEPn2fsDwEv6SClSxWFvvPp90JyhRANCAAR0rcc/1MeZOc+cuLFyVnJkOZ9ZrUlp
eHdO7m4ou1sD13eHX+AexLZvbpIGLuJQrCYYemIHN5sbf7d5BmoX4EgK
-----END PRIVATE KEY-----
`;
/** Certificate of version 1, as `openssl x509 -req` makes without extensions, and its key. */
const VERSION_1 = `-----BEGIN CERTIFICATE-----
MIIBGzCBwgIUYnKyHrima+v8hD4Eeb9MHRISq+MwCgYIKoZIzj0EAwIwETEPMA0G
A1UEAwwGbGFiLWNhMB4XDTI2MTEyNzIwNDEwN1oXDTI2MTIyNzIwNDEwN1owEDEO
MAwGA1UEAwwFbm9kZWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATvlYKjYfZk
Jgen+OcjSLyP//6o3iC62uy8gnEZnEaYJ4fTOiPTLGed7MzIeDBYuWkDNfMkF/Oq
GdNYuuLQgbrMMAoGCCqGSM49BAMCA0gAMEUCIQDuYbxNxaKG4jeM4xtdSTDmMd59
V2uOk17tD5WjPbUe6wIgI72Fge1ny/ybaV7zNQ+cH8Y4SBB9HvGYRCkaea65aIc=
-----END CERTIFICATE-----
`;
const VERSION_1_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0LXcBXv1bsIT+G+l
J8j9Rcbk5gq129F90UW+mTSQrkGhRANCAATvlYKjYfZkJgen+OcjSLyP//6o3iC6
2uy8gnEZnEaYJ4fTOiPTLGed7MzIeDBYuWkDNfMkF/OqGdNYuuLQgbrM
-----END PRIVATE KEY-----
`;
/** Key on secp256k1. */
const ODD_KEY = `-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIEonK76WY7L6MC/H4CfrEgCmHgvY9AeJjLJlm16RcJRQoAcGBSuBBAAK
oUQDQgAEhySHQvzBUzsYiBpbX+me6j2f927d668R32fqXhMhdjWy10SadAp1CGw6
uiyYQ1OHf+N/UEm+igi8U3mQhSRaRA==
-----END EC PRIVATE KEY-----
`;
/** Key with a passphrase in the older form, as `openssl rsa -aes256 -traditional` writes it. */
const WITH_PASSPHRASE = `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,5A3CD6E8B6E8B5E9E43B7C0E2A9B4D11

MHQCAQEEIEonK76WY7L6MC/H4CfrEgCmHgvY9AeJjLJlm16RcJRQoAcGBSuBBAAK
-----END EC PRIVATE KEY-----
`;

function faultOf(texts: TlsTexts): string | undefined {
  try {
    requireUsable(texts);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("a client certificate that would abort the process is refused with its setting", () => {
  const junk = CERT.replace(/(BEGIN CERTIFICATE-----\n)[\s\S]*(\n-----END)/, "$1AAAA$2");
  const cases: readonly (readonly [TlsTexts, string | undefined])[] = [
    [{}, undefined],
    [{ ca: CERT, cert: CERT, key: KEY }, undefined],
    [
      { cert: VERSION_1, key: VERSION_1_KEY },
      "cert-file is a certificate of X.509 version 1: sign it as version 3, with an extension such as " +
      "extendedKeyUsage=clientAuth",
    ],
    [
      { cert: CERT, key: VERSION_1_KEY },
      "key-file is not the key of the first certificate in cert-file",
    ],
    [
      { cert: CERT, key: ODD_KEY },
      "key-file has a key of an unsupported kind or length: use ECDSA with P-256, or RSA with 2048 bits",
    ],
    [{ cert: CERT, key: CERT }, "key-file has no private key without a passphrase, in PEM"],
    [
      { cert: CERT, key: WITH_PASSPHRASE },
      "key-file has no private key without a passphrase, in PEM",
    ],
    [{ cert: KEY, key: KEY }, "cert-file has no certificate in PEM"],
    [
      { cert: junk, key: KEY },
      "cert-file and key-file cannot be used: invalid peer certificate: BadEncoding",
    ],
    [{ ca: KEY }, "ca-file has no certificate in PEM"],
    [{ ca: junk }, "ca-file has a damaged certificate: invalid peer certificate: BadEncoding"],
  ];
  for (const [texts, reason] of cases) {
    assertEquals(faultOf(texts), reason && `nfs.conf [etcd]: ${reason}`);
  }
});
