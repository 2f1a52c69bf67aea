/**
 * trust 20: environment variables of another user, passed on to root as by `sudo -E`, have no
 * effect. Every file named by a variable is a FIFO, so that a program which opens it hangs.
 *
 * LD_* and TZ are left out: the dynamic linker and the C library read them before a program's first
 * instruction, and sudo drops LD_*, as it is set-user-id.
 */

import { assertEquals } from "@std/assert";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { READY } from "../support/statd.ts";
import { OUR_RPCBIND, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
const LURES = "/run/lures";
const FILE = `${LURES}/fifo`;
const NSMCTL = OUR_STATD.replace(/[^/]*$/, "nsmctl");
const START_STATD = OUR_STATD.replace(/[^/]*$/, "start-statd");

const NAMING_FILES = [
  ...["SSLKEYLOGFILE", "SSL_CERT_FILE", "DENO_CERT", "DENO_AUDIT_PERMISSIONS", "DENO_REPL_HISTORY"],
  ...["DENO_KV_DEFAULT_PATH", "DENO_WEBGPU_TRACE", "DENO_PERMISSION_BROKER_PATH"],
  ...["NODE_EXTRA_CA_CERTS", "NODE_REPL_HISTORY", "NPM_CONFIG_USERCONFIG", "BASH_ENV", "ENV"],
  ...["MALLOC_TRACE", "NLSPATH", "HOSTALIASES", "RESOLV_HOST_CONF", "TERMINFO", "EDITOR", "PAGER"],
];
const NAMING_FOLDERS = [
  ...["DENO_DIR", "DENO_INSTALL_ROOT", "DENO_COVERAGE_DIR", "NODE_V8_COVERAGE", "NODE_PATH"],
  ...["SSL_CERT_DIR", "TMPDIR", "TMP", "TEMP", "HOME", "PWD", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"],
  ...["XDG_RUNTIME_DIR", "GCONV_PATH", "LOCPATH", "GETCONF_DIR", "NIS_PATH", "TZDIR"],
  ...["CREDENTIALS_DIRECTORY", "PYTHONPATH", "PERL5LIB", "TERMINFO_DIRS"],
];
const STEERING = {
  DENO_SERVE_ADDRESS: "tcp:0.0.0.0:7777",
  DENO_AUTO_SERVE: "1",
  DENO_LOG: "trace",
  DENO_V8_FLAGS: `--trace-gc,--logfile=${LURES}/v8.log,--log`,
  DENO_TLS_CA_STORE: "system",
  DENO_INSPECT: "0.0.0.0:7777",
  DENO_TRACE_PERMISSIONS: "1",
  DENO_UNSTABLE_KV: "1",
  DENO_JOBS: "1",
  DENO_TOKIO_EVENT_INTERVAL: "x",
  DENO_TOKIO_GLOBAL_QUEUE_INTERVAL: "x",
  DENO_TOKIO_MAX_IO_EVENTS_PER_TICK: "x",
  NODE_OPTIONS: `--require=${FILE}`,
  NODE_DEBUG: "net",
  NODE_CHANNEL_FD: "1",
  OTEL_DENO: "true",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:7778",
  OTEL_DENO_CONSOLE: "replace",
  RUST_LOG: "trace",
  RUST_BACKTRACE: "full",
  RUST_MIN_STACK: "x",
  TOKIO_WORKER_THREADS: "x",
  HTTPS_PROXY: "http://127.0.0.1:7778",
  NO_COLOR: "1",
  FORCE_COLOR: "3",
  CLICOLOR_FORCE: "1",
  TERM: "\x1b[31m",
  COLUMNS: "3",
  LINES: "2",
  GLIBC_TUNABLES: "glibc.malloc.check=3",
  MALLOC_PERTURB_: "1",
  RES_OPTIONS: "debug",
  LOCALDOMAIN: "lure.example",
  LANG: "lure",
  LC_ALL: "lure",
  IFS: "x",
  POSIXLY_CORRECT: "1",
  CI: "1",
  WATCHDOG_USEC: "1",
  LISTEN_FDS: "3",
  LISTEN_PID: "1",
};

const HOSTILE = [
  ...NAMING_FILES.map((name) => `${name}=${FILE}`),
  ...NAMING_FOLDERS.map((name) => `${name}=${LURES}`),
  ...Object.entries(STEERING).map(([name, value]) => `${name}=${value}`),
];

async function layLures(host: TestHost): Promise<void> {
  const commands = `mkdir -m 1777 ${LURES}; mkfifo -m 666 ${FILE}; ls -A ${LURES}`;
  assertEquals(await host.output("sh", "-ec", commands), "fifo\n");
}

/** Output and exit status of a program. */
function run(host: TestHost, variables: readonly string[], command: readonly string[]) {
  const script = 'timeout 20 env -i "$@" </dev/null 2>&1; echo "status $?"';
  return host.output("sh", "-c", script, "sh", PATH, ...variables, ...command);
}

/** Listening TCP sockets, with addresses as in /proc/net. */
async function listeners(host: TestHost): Promise<string[]> {
  const tables = await host.output("cat", "/proc/net/tcp", "/proc/net/tcp6");
  return tables.split("\n").map((line) => line.trim().split(/\s+/)).filter((words) =>
    words[3] === "0A"
  ).map((words) => words[1]!).sort();
}

const COMMANDS = [
  [NSMCTL, "--version"],
  [NSMCTL, "status"],
  [OUR_SM_NOTIFY, "--check-config"],
  [OUR_SM_NOTIFY, "--dry-run"],
  [OUR_STATD, "--check-config"],
  [OUR_RPCBIND, "--help"],
  [START_STATD, "--help"],
];

systemTest(
  "trust 20: the environment changes no output, and no file named in it is opened",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    await layLures(host);
    for (const command of COMMANDS) {
      assertEquals(
        await run(host, HOSTILE, command),
        await run(host, [], command),
        command.join(" "),
      );
    }
    assertEquals(await host.output("ls", "-A", LURES), "fifo\n");
  },
);

systemTest(
  "trust 20: the environment moves neither the daemon's sockets nor its files",
  [OUR_STATD],
  async (newHost) => {
    const etc = { "nfs.conf": "[statd]\nmetrics = 127.0.0.1:9999\n" };
    const host = await newHost({ etc });
    await layLures(host);
    await host.startRpcbind();
    const found: string[][] = [];
    for (const variables of [[], HOSTILE]) {
      const statd = host.start(
        "env",
        "-i",
        PATH,
        ...variables,
        OUR_STATD,
        "-F",
        "-d",
        "-p",
        "4050",
      );
      await statd.line(READY);
      await statd.line(/metrics/i);
      found.push(
        await listeners(host),
        [...Deno.readDirSync(host.path(STATE_DIRECTORY))].map((it) => it.name).sort(),
      );
      assertEquals(await statd.stop(), 0);
    }
    assertEquals(found.slice(2), found.slice(0, 2));
    assertEquals(await host.output("ls", "-A", LURES), "fifo\n");
  },
);
