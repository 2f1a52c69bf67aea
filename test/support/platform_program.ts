/**
 * Program for tests of lib/platform that need a process of their own. The first argument selects an
 * action; results go to standard output as JSON.
 */

import { makeLog, stderrSink } from "../../lib/log.ts";
import {
  forkToBackground,
  isInBackground,
  leaveTerminal,
  startInBackground,
  tellReady,
} from "../../lib/platform/daemonize.ts";
import { runCallout } from "../../lib/platform/callout.ts";
import {
  closeInheritedDescriptors,
  connectUnixDatagram,
  openDescriptors,
} from "../../lib/platform/descriptors.ts";
import { endOnUncaughtErrors, tellFatalErrorsTo } from "../../lib/platform/fatal.ts";
import { addressesOfName } from "../../lib/platform/libc.ts";
import { revokePermissions } from "../../lib/platform/permissions.ts";
import { dropPrivileges } from "../../lib/platform/privileges.ts";
import { readThreads } from "../../lib/platform/proc.ts";
import { readInvocation } from "../../lib/platform/role.ts";
import { selfCommand } from "../../lib/platform/self_command.ts";
import { holdSignals, onSignals } from "../../lib/platform/signals.ts";

const CANNOT_FORK = 99;

function print(value: unknown): void {
  const text = JSON.stringify(
    value,
    (_, part) => typeof part === "bigint" ? `0x${part.toString(16)}` : part,
  );
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Drops privileges to the owner of `directory`; starts threads and a program afterwards. */
async function drop(directory: string): Promise<void> {
  const outcome = dropPrivileges(directory);
  const threads = readThreads();
  const until = new AbortController();
  onSignals({ stop() {} }, until.signal);
  await Deno.readTextFile("/proc/self/stat");
  const laterThreads = readThreads();
  until.abort();
  const child = new Deno.Command("/bin/cat", { args: ["/proc/self/status"] }).outputSync();
  print({ outcome, threads, laterThreads, childStatus: new TextDecoder().decode(child.stdout) });
}

/** "done", or the name of the error. */
function attempt(action: () => { close(): void } | void): string {
  try {
    action()?.close();
    return "done";
  } catch (error) {
    return (error as Error).name;
  }
}

/** Revokes permissions; tries operations that need them, and operations that must still work. */
async function revoke(mayRunPrograms: boolean): Promise<void> {
  await addressesOfName("localhost"); // opens the C library
  const revoked = revokePermissions({ mayRunPrograms });
  const open = openDescriptors().filter(({ target }) => target !== "").length;
  print({
    revoked,
    library: attempt(() => void Deno.dlopen("libm.so.6", {})),
    pointer: attempt(() => void Deno.UnsafePointer.create(1n)),
    environment: attempt(() => void Deno.env.toObject()),
    process: attempt(() => void Deno.readTextFileSync("/proc/self/maps")),
    again: (await Deno.permissions.request({ name: "ffi" })).state,
    program: (await runCallout("/bin/true", [], 10_000)).outcome,
    names: (await addressesOfName("localhost")).code,
    errors: attempt(() => void connectUnixDatagram("/nonexistent", 1)),
    descriptors: open > 3,
    socket: attempt(() =>
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 })
    ),
    interfaces: Deno.networkInterfaces().length > 0,
  });
}

/** Binds a reserved port after the drop, and tries operations reserved for root. */
function bind(directory: string): void {
  dropPrivileges(directory);
  print({
    reservedPort: attempt(() => Deno.listen({ hostname: "127.0.0.1", port: 871 })),
    rootFile: attempt(() => Deno.writeTextFileSync(`${directory}/../by-root`, "")),
    ownFile: attempt(() => Deno.writeTextFileSync(`${directory}/own`, "")),
    lookAtItself: attempt(() => void Deno.statSync("/proc/self/fd/0")),
  });
}

/** Daemon with the given behaviour; a report about its process goes to a file. */
async function daemon(behaviour: string, report: string): Promise<number> {
  closeInheritedDescriptors();
  if (!isInBackground()) {
    if (behaviour === "replaced") Deno.removeSync(Deno.execPath());
    const { role, args, calledAs } = readInvocation();
    return await startInBackground(selfCommand(role, args, calledAs));
  }
  Deno.stderr.writeSync(new TextEncoder().encode("starting\n"));
  switch (behaviour) {
    case "fail":
      return 7;
    case "crash":
      throw new Error("crashed");
    case "hold": // ends, but leaves a child that holds its standard output
      new Deno.Command("/bin/sh", { args: ["-c", `read _ <"${report}"`], stdin: "null" }).spawn();
      return 3;
    case "reject": // B6: unhandled rejection
      endOnUncaughtErrors("daemon");
      tellFatalErrorsTo({ error: (line) => Deno.writeTextFileSync(report, line) }, false);
      void Promise.reject(new Error("unheld"));
      return await new Promise(() => setInterval(() => {}, 1000));
    case "hang":
      return await new Promise(() => setInterval(() => {}, 1000));
  }
  leaveTerminal();
  tellReady();
  const descriptors = openDescriptors().map(({ target }) => target);
  const stat = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]!.split(" ");
  const life = {
    pid: Deno.pid,
    parent: Deno.ppid,
    session: Number(stat[3]),
    cwd: Deno.cwd(),
    descriptors,
    environment: Deno.env.toObject(),
    commandLine: Deno.readTextFileSync("/proc/self/cmdline").split("\0"),
  };
  Deno.writeTextFileSync(`${report}.new`, JSON.stringify(life));
  Deno.renameSync(`${report}.new`, report);
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => {}, 1000);
    onSignals({ stop: () => (clearInterval(keepAlive), resolve()) }, new AbortController().signal);
  });
  return 0;
}

/** {@link daemon} in a forked process; exits with a distinct status if a fork is impossible. */
async function forkedDaemon(behaviour: string, report: string): Promise<number> {
  const forked = forkToBackground();
  if (forked === "background") return await daemon(behaviour, report);
  return forked?.status ?? CANNOT_FORK;
}

/** Receives signals while they are held, then installs handlers; prints the signals delivered. */
async function heldSignals(): Promise<void> {
  holdSignals();
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTERM"] as const) {
    Deno.kill(Deno.pid, signal);
  }
  const seen: string[] = [];
  const until = new AbortController();
  const keepAlive = setInterval(() => {}, 1000);
  await new Promise<void>((resolve) => {
    const note = (what: string) => () => seen.push(what) === 4 && resolve();
    const [hangUp, user1, user2] = ["hangUp", "user1", "user2"].map(note);
    onSignals({ stop: note("stop"), hangUp: hangUp!, user1: user1!, user2: user2! }, until.signal);
  });
  const { stdout } = new Deno.Command("/bin/grep", { args: ["SigBlk", "/proc/self/status"] })
    .outputSync();
  until.abort();
  Deno.kill(Deno.pid, "SIGTERM"); // must not interrupt the exit
  clearInterval(keepAlive);
  print({ seen: seen.sort(), child: new TextDecoder().decode(stdout).trim() });
}

/** Never ends its start; a signal to stop is pending meanwhile. */
async function stopsWhileStarting(): Promise<void> {
  holdSignals();
  Deno.kill(Deno.pid, "SIGTERM");
  await new Promise(() => setInterval(() => {}, 1000));
}

/** Logs to a standard error without a reader; waits for the reader's end by standard input. */
function logToNobody(): void {
  Deno.stdin.readSync(new Uint8Array(1));
  const log = makeLog("notice", [stderrSink("plain", "test")]);
  for (let i = 0; i < 3; i++) log.error("x".repeat(100_000));
  print("alive");
}

const [what, ...rest] = readInvocation().args;
/** Names for several look-ups at once. */
const HOSTS = Array.from({ length: 8 }, () => "localhost");

/** Makes the kernel refuse all further threads of this user. */
function forbidThreads(): void {
  new Deno.Command("prlimit", { args: ["--pid", String(Deno.pid), "--nproc=1"] }).outputSync();
}

switch (what) {
  case "drop":
    await drop(rest[0]!);
    break;
  case "revoke":
    await revoke(rest[0] === "keep run");
    break;
  case "bind":
    bind(rest[0]!);
    break;
  case "daemon":
    Deno.exit(await daemon(rest[0]!, rest[1]!));
    break;
  case "forked daemon":
    Deno.exit(await forkedDaemon(rest[0]!, rest[1]!));
    break;
  case "invocation":
    print(readInvocation());
    break;
  case "held signals":
    await heldSignals();
    break;
  case "stopped":
    await stopsWhileStarting();
    break;
  case "look up":
    print(await addressesOfName("localhost"));
    break;
  case "look up again":
    await addressesOfName("localhost");
    forbidThreads();
    print((await Promise.all(HOSTS.map(addressesOfName))).map(({ code }) => code));
    break;
  case "log":
    logToNobody();
    break;
}
