import { assertEquals, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import type { Exit } from "../../lib/config/load.ts";
import { type Given, inStatd, smNotify, statd } from "./starts.ts";

/** How a program that does not run ends. */
interface ExitCase {
  readonly does: string;
  readonly given: Given;
  readonly status: number;
  readonly stdout?: string;
  /** Standard error before the usage. */
  readonly stderr?: string;
  readonly usage?: boolean;
}

const STATD_EXITS: readonly ExitCase[] = [
  { does: "shows help for -h", given: { args: ["-h"] }, status: 0, usage: true },
  { does: "shows help for -?", given: { args: ["-F?"] }, status: 0, usage: true },
  { does: "shows help for --help", given: { args: ["--hel"] }, status: 0, usage: true },
  ...["-v", "-V", "--version", "--v", "-Fv"].map((arg) => ({
    does: `shows the version for ${arg}`,
    given: { args: [arg] },
    status: 0,
    stdout: `rpc.statd version ${project.version}\n`,
  })),
  {
    does: "ends with 0 for an unknown letter",
    given: { args: ["-Z"] },
    status: 0,
    stderr: "rpc.statd: invalid option -- 'Z'\n",
    usage: true,
  },
  {
    does: "ends with 0 for an ambiguous name",
    given: { args: ["--n"] },
    status: 0,
    stderr: "rpc.statd: option '--n' is ambiguous; possibilities: '--no-syslog' '--name' " +
      "'--notify-mode' '--no-notify' '--nlm-port' '--nlm-udp-port'\n",
    usage: true,
  },
  {
    does: "ends with 0 for a missing argument",
    given: { args: ["-p"] },
    status: 0,
    stderr: "rpc.statd: option requires an argument -- 'p'\n",
    usage: true,
  },
  ...["0", "65536", "-1", "x", "", "0x10"].map((port) => ({
    does: `refuses port "${port}"`,
    given: { args: ["-p", port] },
    status: 1,
    stderr: `rpc.statd: bad port number: ${port}\n`,
    usage: true,
  })),
  {
    does: "refuses a bad outgoing port",
    given: { args: ["-o0"] },
    status: 1,
    stderr: "rpc.statd: bad port number: 0\n",
    usage: true,
  },
  {
    does: "refuses a bad port for lockd",
    given: { args: ["-T0"] },
    status: 1,
    stderr: "rpc.statd: bad nlm port number: 0\n",
    usage: true,
  },
  {
    does: "refuses a bad UDP port for lockd",
    given: { args: ["-Ux"] },
    status: 1,
    stderr: "rpc.statd: bad nlm UDP port number: x\n",
    usage: true,
  },
  {
    does: "refuses a bad port although a good one follows",
    given: { args: ["-p0", "-p5"] },
    status: 1,
    stderr: "rpc.statd: bad port number: 0\n",
    usage: true,
  },
  {
    does: "complains of a port before help",
    given: { args: ["-p0", "-h"] },
    status: 1,
    stderr: "rpc.statd: bad port number: 0\n",
    usage: true,
  },
  { does: "helps before a bad port", given: { args: ["-h", "-p0"] }, status: 0, usage: true },
  {
    does: "complains of a port before an unknown option",
    given: { args: ["-p0", "-Z"] },
    status: 1,
    stderr: "rpc.statd: bad port number: 0\n",
    usage: true,
  },
  {
    does: "complains of the first of two bad ports",
    given: { args: ["-T0", "-p0"] },
    status: 1,
    stderr: "rpc.statd: bad nlm port number: 0\n",
    usage: true,
  },
  {
    does: "refuses a state directory that does not exist",
    given: { args: ["-P", "/none"] },
    status: 1,
    stderr: "rpc.statd: Failed to stat /none: No such file or directory\n",
  },
  {
    does: "refuses nfs.conf's bad state directory even with -h",
    given: { args: ["-h"], ...inStatd("state-directory-path=/none") },
    status: 1,
    stderr: "rpc.statd: /etc/nfs.conf:2: state-directory-path: " +
      "Failed to stat /none: No such file or directory\n",
  },
  {
    does: "refuses equal ports",
    given: { args: ["-p5", "-o5"] },
    status: 255,
    stderr: "Listening and outgoing ports cannot be the same!\n",
  },
  {
    does: "refuses equal ports in nfs.conf",
    given: inStatd("port=5\noutgoing-port=5"),
    status: 255,
    stderr: "Listening and outgoing ports cannot be the same!\n",
  },
];

const SM_NOTIFY_EXITS: readonly ExitCase[] = [
  { does: "shows help for --help", given: { args: ["--help"] }, status: 0, usage: true },
  {
    does: "shows the version for --version",
    given: { args: ["--version"] },
    status: 0,
    stdout: `sm-notify version ${project.version}\n`,
  },
  {
    does: "ends with 1 for an unknown letter",
    given: { args: ["-h"] },
    status: 1,
    stderr: "sm-notify: invalid option -- 'h'\n",
    usage: true,
  },
  {
    does: "ends with 1 for a missing argument",
    given: { args: ["-p"] },
    status: 1,
    stderr: "sm-notify: option requires an argument -- 'p'\n",
    usage: true,
  },
  { does: "refuses an operand", given: { args: ["x", "-d"] }, status: 1, usage: true },
  { does: "refuses an operand after --", given: { args: ["--", "-d"] }, status: 1, usage: true },
  {
    does: "refuses a bad port",
    given: { args: ["-p", "99999"] },
    status: 1,
    stderr: "sm-notify: bad port number: 99999\n",
    usage: true,
  },
  {
    does: "refuses a bad state directory",
    given: { args: ["-P", "/none"] },
    status: 1,
    stderr: "sm-notify: Failed to stat /none: No such file or directory\n",
  },
  {
    does: "refuses nfs.conf's bad state directory",
    given: inStatd("state-directory-path=/none"),
    status: 1,
    stderr: "sm-notify: /etc/nfs.conf:2: state-directory-path: " +
      "Failed to stat /none: No such file or directory\n",
  },
];

function testExits(symbol: string, cases: readonly ExitCase[], load: (given: Given) => unknown) {
  for (const { does, given, status, stdout = "", stderr = "", usage = false } of cases) {
    Deno.test(`${symbol}() ${does}`, { permissions: "none" }, () => {
      const outcome = load(given) as Exit;
      const at = usage ? outcome.stderr.indexOf("usage: ") : outcome.stderr.length;
      assertEquals(
        { ...outcome, stderr: outcome.stderr.slice(0, at) },
        { kind: "exit", status, stdout, stderr },
      );
      assertEquals(at >= 0 && at < outcome.stderr.length, usage);
    });
  }
}

testExits("loadStatdSettings", STATD_EXITS, statd);
testExits("loadSmNotifySettings", SM_NOTIFY_EXITS, smNotify);

Deno.test("loadStatdSettings() lists every option in its usage", { permissions: "none" }, () => {
  const { stderr } = statd({ args: ["-h"] }) as Exit;
  assertStringIncludes(stderr, "usage: rpc.statd [options]\n  -h, -?, --help ");
  assertStringIncludes(stderr, "\n      --check-config ");
  assertStringIncludes(stderr, "\n  -P, --state-directory-path=DIR ");
  assertStringIncludes(stderr, "\n  -U, --nlm-udp-port=PORT ");
});
