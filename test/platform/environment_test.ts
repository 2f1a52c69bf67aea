import { assertEquals } from "@std/assert";
import { isSteering } from "../../lib/platform/environment.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "trust 20: variables of the runtime, the linker and the C library are recognised",
  pure,
  () => {
    const names = [
      ...[
        "DENO_SERVE_ADDRESS",
        "DENO_LOG",
        "DENO_TOKIO_EVENT_INTERVAL",
        "SSLKEYLOGFILE",
        "SSL_CERT_FILE",
      ],
      ...[
        "NODE_OPTIONS",
        "OTEL_DENO",
        "RUST_LOG",
        "https_proxy",
        "NO_PROXY",
        "LD_PRELOAD",
        "TMPDIR",
      ],
      ...[
        "LOCALDOMAIN",
        "RES_OPTIONS",
        "RESOLV_HOST_CONF",
        "HOSTALIASES",
        "GLIBC_TUNABLES",
        "MALLOC_CHECK_",
      ],
    ];
    assertEquals(names.filter((name) => !isSteering(name)), []);
  },
);

Deno.test("our own variables, and those that nfs.conf may name, are kept", pure, () => {
  const names = [
    "PATH",
    "TZ",
    "LANG",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
    "RPC_STATD_NO_NOTIFY",
    "SSLX",
    "RESULT",
    "STATDOPTS",
  ];
  assertEquals(names.filter(isSteering), []);
});
