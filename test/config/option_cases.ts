/**
 * What becomes of command lines on which a program ends at once, one small case each.
 *
 * `load_exit_test.ts` holds our reading to them; `test/system/options_test.ts` runs both Debian's
 * programs and ours. The expected ends were observed of nfs-utils 2.6.2; `ours` says where we differ
 * on purpose.
 */

/** End of a program: exit status and output. */
export interface End {
  readonly status: number;
  /** Standard output, with `V` for the version number. */
  readonly stdout?: string;
  /** Standard error up to the usage, or to the hint at `--help`. */
  readonly stderr?: string;
  /** Whether the usage follows. */
  readonly usage?: boolean;
  /** Whether the hint follows. */
  readonly isHint?: boolean;
}

/** Command line and its expected end. */
export interface OptionCase extends End {
  readonly program: "rpc.statd" | "sm-notify";
  readonly args: readonly string[];
  /** Text of nfs.conf. */
  readonly conf?: string;
  /** Our end, and the reason of the difference. */
  readonly ours?: End & { readonly why: string };
}

/** End in the form of the cases, without the program's path and version. */
export function toEnd(status: number, stdout: string, stderr: string): Required<End> {
  const at = stderr.search(/^(?:usage|Try): /im);
  const message = (at < 0 ? stderr : stderr.slice(0, at)).replace(/^\S*\//, "").replace(/\n$/, "");
  return {
    status,
    stdout: stdout.replace(/ version \S+/, " version V"),
    stderr: message === "" ? "" : `${message}\n`,
    usage: /^usage: /im.test(stderr),
    isHint: /^Try: \S+ --help\n$/m.test(stderr),
  };
}

/** End of the table with all members. */
export function inFull(
  { status, stdout = "", stderr = "", usage = false, isHint = false }: End,
): Required<End> {
  return { status, stdout, stderr, usage, isHint };
}

/**
 * Our end. nfs-utils prints the whole usage after a fault; we print one line that says how to see
 * it (D25).
 */
export function ourEnd({ ours, ...end }: OptionCase): Required<End> {
  if (ours !== undefined) return inFull(ours);
  const whole = inFull(end);
  const isHint = whole.usage && whole.stderr !== "";
  return { ...whole, usage: whole.usage && !isHint, isHint };
}

type Rest = End & Pick<OptionCase, "conf" | "ours">;

function statd(args: readonly string[], rest: Rest): OptionCase {
  return { program: "rpc.statd", args, ...rest };
}

function smNotify(args: readonly string[], rest: Rest): OptionCase {
  return { program: "sm-notify", args, ...rest };
}

/** Options that statd accepts: it reaches the version option after them. */
function statdTakes(...args: readonly string[]): OptionCase {
  return statd([...args, "-v"], VERSION);
}

/** Options that sm-notify accepts: it reaches the bad directory after them. */
function smNotifyTakes(...args: readonly string[]): OptionCase {
  return smNotify([...args, "-P", "/none"], NO_DIRECTORY);
}

const VERSION: End = { status: 0, stdout: "rpc.statd version V\n" };
const HELP: End = { status: 0, usage: true };
const WHICH_LINE = "the message says where the directory was given";
const AT_ONCE = "a port that cannot be is refused at once, not after the state number has advanced";
const NEW_OPTION = "the option is new";

const NO_DIRECTORY: End = {
  status: 1,
  stderr: "sm-notify: Failed to stat /none: No such file or directory\n",
};

/** Option that statd refuses, followed by the usage. */
function statdRefuses(status: number, fault: string, ...args: readonly string[]): OptionCase {
  return statd(args, { status, stderr: `rpc.statd: ${fault}\n`, usage: true });
}

/** Port that statd refuses; our message names the valid ones. */
function badPort(fault: string, ...args: readonly string[]): OptionCase {
  const ours: End = { status: 1, stderr: `rpc.statd: ${fault} (1 to 65535)\n`, isHint: true };
  return statd(args, {
    status: 1,
    stderr: `rpc.statd: ${fault}\n`,
    usage: true,
    ours: { ...ours, why: "the range is said" },
  });
}

/** Operand, which sm-notify does not take; our message names it. */
function operandRefused(operand: string, ...args: readonly string[]): OptionCase {
  const ours: End = {
    status: 1,
    stderr: `sm-notify: unexpected operand "${operand}"\n`,
    isHint: true,
  };
  return smNotify(args, { status: 1, usage: true, ours: { ...ours, why: "the fault is named" } });
}

const STATD_CASES: readonly OptionCase[] = [
  ...["-h", "-?", "--help", "--hel", "-F?"].map((arg) => statd([arg], HELP)),
  ...["-v", "-V", "--version", "--v", "-Fv", "-dV"].map((arg) => statd([arg], VERSION)),
  ...["-F", "--foreground", "--f", "-d", "--no-syslog", "--no-s"].map((arg) => statdTakes(arg)),
  ...["-L", "--no-notify", "--no-n", "-N", "--notify-mode", "--not"].map((arg) => statdTakes(arg)),
  ...["-FdLN", "-p12", "--port=12", "--p=12", "-o12", "--outgoing-port=12", "--o=12"]
    .map((arg) => statdTakes(arg)),
  ...["-nx", "--name=x", "--na=x", "-P/tmp", "--state-directory-path=/tmp", "--s=/tmp"]
    .map((arg) => statdTakes(arg)),
  ...["-Hx", "--ha-callout=x", "--ha=x", "-T5", "--nlm-port=5", "--nlm-p=5"]
    .map((arg) => statdTakes(arg)),
  ...["-U5", "--nlm-udp-port=5", "--nlm-u=5", "x", "-", "--name="].map((arg) => statdTakes(arg)),
  ...["-p", "--port", "-o", "--outgoing-port", "-T", "-U"].map((arg) => statdTakes(arg, "12")),
  ...["-n", "--name", "-H", "--ha-callout"].map((arg) => statdTakes(arg, "-v")),
  ...["-P", "--state-directory-path"].map((arg) => statdTakes(arg, "/tmp")),
  ...[" 12", "12x", "+5", "010"].map((port) => statdTakes("-p", port)),

  statdRefuses(0, "invalid option -- 'Z'", "-Z"),
  statdRefuses(0, "invalid option -- '-'", "-F-"),
  statdRefuses(0, "invalid option -- 'W'", "-W", "version"),
  statdRefuses(0, "unrecognized option '--zz=3'", "--zz=3"),
  statdRefuses(0, "option '--foreground' doesn't allow an argument", "--foreground=1"),
  statdRefuses(0, "option '--no-syslog' doesn't allow an argument", "--no-s=1"),
  statdRefuses(0, "option requires an argument -- 'p'", "-p"),
  statdRefuses(0, "option '--port' requires an argument", "--po"),
  statdRefuses(0, "option '--h' is ambiguous; possibilities: '--help' '--ha-callout'", "--h"),
  statdRefuses(
    0,
    "option '--no-' is ambiguous; possibilities: '--no-syslog' '--no-notify'",
    "--no-",
  ),
  statdRefuses(
    0,
    "option '--n=3' is ambiguous; possibilities: '--no-syslog' '--name' '--notify-mode' " +
      "'--no-notify' '--nlm-port' '--nlm-udp-port'",
    "--n=3",
  ),

  ...["0", "65536", "-1", "x", "", "0x10"].flatMap((port) => [
    badPort(`bad port number: ${port}`, "-p", port),
    badPort(`bad port number: ${port}`, "-o", port),
    badPort(`bad nlm port number: ${port}`, "-T", port),
    badPort(`bad nlm UDP port number: ${port}`, "-U", port),
  ]),
  badPort("bad port number: 0", "-p0", "-h"),
  badPort("bad port number: 0", "-p0", "-p5", "-v"),
  badPort("bad nlm port number: 0", "-T0", "-p0"),
  badPort("bad port number: 0", "-p0", "-Z"),
  statd(["-h", "-p0"], HELP),
  statd(["-v", "-Z"], VERSION),

  statd(["-P/none", "-v"], {
    status: 1,
    stderr: "rpc.statd: Failed to stat /none: No such file or directory\n",
  }),
  statd(["-P."], { status: 1, stderr: "rpc.statd: Unusable directory .\n" }),
  statd(["-v"], {
    conf: "[statd]\nstate-directory-path=/none\n",
    status: 1,
    stderr: "rpc.statd: Failed to stat /none: No such file or directory\n",
    ours: {
      status: 1,
      stderr: "rpc.statd: /etc/nfs.conf:2: state-directory-path: " +
        "Failed to stat /none: No such file or directory\n",
      why: WHICH_LINE,
    },
  }),
  ...[["-p5", "-o5"], ["--port=5", "--outgoing=5x"]].map((args) =>
    statd(args, { status: 255, stderr: "Listening and outgoing ports cannot be the same!\n" })
  ),
  statd([], {
    conf: "[statd]\nport=5\noutgoing-port=5\n",
    status: 255,
    stderr: "Listening and outgoing ports cannot be the same!\n",
  }),
  statd(["-p", "4294967297", "-v"], {
    ...VERSION,
    ours: {
      status: 1,
      stderr: "rpc.statd: bad port number: 4294967297 (1 to 65535)\n",
      isHint: true,
      why: "a number that overflows is out of range, not 1",
    },
  }),
];

const SM_NOTIFY_CASES: readonly OptionCase[] = [
  ...["-d", "-f", "-n", "-dfn", "-m5", "-m0", "-mx", "-m-1", "-p999", "-p0", "-vx"]
    .map((arg) => smNotifyTakes(arg)),
  ...["-m", "-p", "-v"].map((arg) => smNotifyTakes(arg, "5")),
  smNotifyTakes("x"),
  smNotify(["-P."], { status: 1, stderr: "sm-notify: Unusable directory .\n" }),
  operandRefused("x", "x"),
  operandRefused("x", "-d", "x"),
  operandRefused("x", "x", "-d"),
  operandRefused("-d", "--", "-d"),
  ...["h", "Z", "?", "F"].map((letter) =>
    smNotify([`-${letter}`], {
      status: 1,
      stderr: `sm-notify: invalid option -- '${letter}'\n`,
      usage: true,
    })
  ),
  ...["m", "p", "P", "v"].map((letter) =>
    smNotify([`-${letter}`], {
      status: 1,
      stderr: `sm-notify: option requires an argument -- '${letter}'\n`,
      usage: true,
    })
  ),
  smNotify(["-Z"], {
    conf: "[statd]\nstate-directory-path=/none\n",
    ...NO_DIRECTORY,
    ours: {
      status: 1,
      stderr: "sm-notify: /etc/nfs.conf:2: state-directory-path: " +
        "Failed to stat /none: No such file or directory\n",
      why: WHICH_LINE,
    },
  }),
  ...["x", "99999", "-1"].map((port) =>
    smNotify(["-p", port, "-P/none"], {
      ...NO_DIRECTORY,
      ours: {
        status: 1,
        stderr: `sm-notify: bad port number: ${port} (0 to 65535)\n`,
        isHint: true,
        why: AT_ONCE,
      },
    })
  ),
  smNotify(["--help"], {
    status: 1,
    stderr: "sm-notify: invalid option -- '-'\n",
    usage: true,
    ours: { ...HELP, why: NEW_OPTION },
  }),
  smNotify(["--version"], {
    status: 1,
    stderr: "sm-notify: invalid option -- '-'\n",
    usage: true,
    ours: { status: 0, stdout: "sm-notify version V\n", why: NEW_OPTION },
  }),
];

export const OPTION_CASES: readonly OptionCase[] = [...STATD_CASES, ...SM_NOTIFY_CASES];
