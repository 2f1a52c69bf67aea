import { assert, assertEquals } from "@std/assert";
import type { SmNotifySettings, StatdSettings } from "../../lib/config/settings.ts";
import { type Given, inLockd, inSmNotify, inStatd, smNotify, statd } from "./starts.ts";

const STATD_DEFAULTS: StatdSettings = {
  foreground: false,
  noSyslog: false,
  port: 0,
  outgoingPort: 0,
  name: undefined,
  stateDirectoryPath: "/var/lib/nfs",
  pidFile: undefined,
  volatileFallback: false,
  notifyMode: false,
  noNotify: false,
  haCallout: undefined,
  eventsProgram: undefined,
  haCalloutTimeout: 30,
  nlmPort: 0,
  nlmUdpPort: 0,
  debug: [],
  verbose: 1,
  logFormat: "text",
  sendUsingTcp: false,
  events: 4_096,
  simuCrashAllowed: true,
  monReservedPort: false,
  notifySourceCheck: "warn",
  notifyStateCheck: "warn",
  listenAddresses: [],
  udp: true,
  tcp: true,
  rpcbindMode: "no",
  statusGroup: undefined,
  metrics: undefined,
};

const SM_NOTIFY_DEFAULTS: SmNotifySettings = {
  noSyslog: false,
  force: false,
  retryTime: 15,
  retrySchedule: "linux",
  deadline: undefined,
  only: [],
  identity: undefined,
  dryRun: false,
  json: false,
  updateState: true,
  outgoingPort: undefined,
  stateDirectoryPath: "/var/lib/nfs",
  outgoingAddr: [],
  source: "own",
  peerPort: 0,
  instanceId: "",
  liftGrace: true,
  debug: [],
  verbose: 1,
  logFormat: "text",
  sendUsingTcp: false,
  events: 4_096,
};

/** Settings that differ from the defaults. */
type Case<Settings> = readonly [does: string, given: Given, settings: Partial<Settings>];

const STATD_CASES: readonly Case<StatdSettings>[] = [
  ["has the defaults", {}, {}],
  ["takes -F", { args: ["-F"] }, { foreground: true }],
  ["takes --foreground", { args: ["--foreground"] }, { foreground: true }],
  ["takes -d without -F", { args: ["-d"] }, { noSyslog: true }],
  ["takes --no-syslog", { args: ["--no-syslog"] }, { noSyslog: true }],
  ["takes -L", { args: ["-L"] }, { noNotify: true }],
  ["takes --no-notify", { args: ["--no-notify"] }, { noNotify: true }],
  ["takes -N", { args: ["-N"] }, { notifyMode: true }],
  ["takes --notify-mode", { args: ["--notify-mode"] }, { notifyMode: true }],
  ["takes -p", { args: ["-p", "12"] }, { port: 12 }],
  ["takes -p with the port attached", { args: ["-p999"] }, { port: 999 }],
  ["takes --port", { args: ["--port=12"] }, { port: 12 }],
  ["reads a port as C does", { args: ["-p", " 12x"] }, { port: 12 }],
  ["takes -o", { args: ["-o", "12"] }, { outgoingPort: 12 }],
  ["takes --outgoing-port", { args: ["--out", "12"] }, { outgoingPort: 12 }],
  ["takes -n", { args: ["-n", "nodeb"] }, { name: "nodeb" }],
  ["takes --name", { args: ["--name", "nodeb"] }, { name: "nodeb" }],
  ["takes -P", { args: ["-P", "/srv/nsm"] }, { stateDirectoryPath: "/srv/nsm" }],
  ["takes --state-directory-path", { args: ["--st=/srv/nsm"] }, { stateDirectoryPath: "/srv/nsm" }],
  ["takes -H", { args: ["-H", "/x"] }, { haCallout: "/x" }],
  ["takes --ha-callout", { args: ["--ha", "/x"] }, { haCallout: "/x" }],
  ["takes -T for both lockd ports", { args: ["-T", "5"] }, { nlmPort: 5, nlmUdpPort: 5 }],
  ["takes --nlm-port", { args: ["--nlm-p=5"] }, { nlmPort: 5, nlmUdpPort: 5 }],
  ["takes -U alone", { args: ["-U", "5"] }, { nlmUdpPort: 5 }],
  ["takes --nlm-udp-port", { args: ["--nlm-u=5"] }, { nlmUdpPort: 5 }],
  ["takes -T and -U in any order", { args: ["-U5", "-T6"] }, { nlmPort: 6, nlmUdpPort: 5 }],
  ["takes the last of two", { args: ["-p5", "-p6"] }, { port: 6 }],
  ["ignores operands", { args: ["x", "-F", "--", "-L"] }, { foreground: true }],

  ["reads port", inStatd("port=5"), { port: 5 }],
  ["reads a port as C does from the file", inStatd("port=5x"), { port: 5 }],
  ["reads outgoing-port", inStatd("outgoing-port=5"), { outgoingPort: 5 }],
  ["reads name", inStatd("name=nodeb"), { name: "nodeb" }],
  [
    "reads state-directory-path",
    inStatd("state-directory-path=/srv/nsm"),
    { stateDirectoryPath: "/srv/nsm" },
  ],
  ["reads events-program", inStatd("events-program=/x"), { eventsProgram: "/x" }],
  ["reads ha-callout", inStatd("ha-callout=/x"), { haCallout: "/x" }],
  ["reads no-notify", inStatd("no-notify=On"), { noNotify: true }],
  ["reads debug", inStatd("debug=parse,call"), { debug: ["call", "parse"] }],
  ["reads verbose", inStatd("verbose=0"), { verbose: 0 }],
  ["reads send-using-tcp", inStatd("send-using-tcp=1"), { sendUsingTcp: true }],
  ["reads simu-crash-allowed", inStatd("simu-crash-allowed=f"), { simuCrashAllowed: false }],
  ["reads udp", inStatd("udp=no"), { udp: false }],
  ["reads tcp", inStatd("tcp=off"), { tcp: false }],
  ["reads lockd's port for both", inLockd("port=5"), { nlmPort: 5, nlmUdpPort: 5 }],
  ["reads lockd's udp-port", inLockd("udp-port=5"), { nlmUdpPort: 5 }],
  ["keeps udp-port=0 beside port", inLockd("port=5\nudp-port=0"), { nlmPort: 5 }],
  ["ignores the keys of others", { conf: "[statd]\nx=1\n[nfsd]\nport=5\n" }, {}],
  ["ignores a sub-section", { conf: '[statd "x"]\nport=5\n' }, {}],
  ["replaces $NAME", { ...inStatd("port=$P"), env: { P: "5" } }, { port: 5 }],
  ["takes an unset $NAME for the default", inStatd("port=5\nport=$P"), {}],

  ["prefers an option to the file", { ...inStatd("port=5"), args: ["-p6"] }, { port: 6 }],
  [
    "keeps the file's udp-port beside -T",
    { ...inLockd("udp-port=5"), args: ["-T6"] },
    { nlmPort: 6, nlmUdpPort: 5 },
  ],
  [
    "keeps the file's port for UDP beside -T, as nfs-utils does",
    { ...inLockd("port=5"), args: ["-T6"] },
    { nlmPort: 6, nlmUdpPort: 5 },
  ],
  [
    "takes -T for UDP where the file says 0",
    { ...inLockd("udp-port=0"), args: ["-T6"] },
    { nlmPort: 6, nlmUdpPort: 6 },
  ],
  ["takes RPC_STATD_NO_NOTIFY", { env: { RPC_STATD_NO_NOTIFY: "1" } }, { noNotify: true }],
  ["wants a positive number there", { env: { RPC_STATD_NO_NOTIFY: "0" } }, {}],
  ["wants a number there", { env: { RPC_STATD_NO_NOTIFY: "yes" } }, {}],
  [
    "does not let the file undo the environment",
    { ...inStatd("no-notify=no"), env: { RPC_STATD_NO_NOTIFY: "1" } },
    { noNotify: true },
  ],
  [
    "does not let the environment undo the file",
    { ...inStatd("no-notify=yes"), env: { RPC_STATD_NO_NOTIFY: "0" } },
    { noNotify: true },
  ],

  ["reads nfs.statd.port", { conf: "nfs.statd.port = 5\n" }, { port: 5 }],
  ["reads C notation there", { conf: "nfs.statd.port = 0x10\n" }, { port: 16 }],
  ["reads octal numbers there", { conf: "nfs.statd.port = 010\n" }, { port: 8 }],
  ["reads nfs.statd.verbose", { conf: "nfs.statd.verbose=3\n" }, { verbose: 3 }],
  ["reads nfs.statd.send_using_tcp", { conf: "nfs.statd.send_using_tcp=2\n" }, {
    sendUsingTcp: true,
  }],
  ["takes a key alone for 1", { conf: "nfs.statd.send_using_tcp\n" }, { sendUsingTcp: true }],
  [
    "reads nfs.statd.simu_crash_allowed",
    { conf: "nfs.statd.simu_crash_allowed=0\n" },
    { simuCrashAllowed: false },
  ],
  ["reads nfs.statd.udp and .tcp", { conf: "nfs.statd.udp=0\nnfs.statd.tcp=0\n" }, {
    udp: false,
    tcp: false,
  }],
  ["prefers what comes later", { conf: "nfs.statd.port=5\n[statd]\nport=6\n" }, { port: 6 }],
  ["ignores other macOS keys", { conf: "nfs.lockd.port=5\nnfs.client.x\n" }, {}],
];

for (const [does, given, settings] of STATD_CASES) {
  Deno.test(`loadStatdSettings() ${does}`, { permissions: "none" }, () => {
    const outcome = statd(given);
    assert(outcome.kind === "run");
    assertEquals(outcome.settings, { ...STATD_DEFAULTS, ...settings });
    assertEquals(outcome.warnings, []);
    assert(Object.isFrozen(outcome.settings));
  });
}

const SM_NOTIFY_CASES: readonly Case<SmNotifySettings>[] = [
  ["adds up lists", { args: ["-va", "--only", "b,c", "-v", "d", "--only=e"] }, {
    outgoingAddr: ["a", "d"],
    only: ["b", "c", "e"],
  }],
  ["takes a schedule", inSmNotify("retry-schedule = BSD"), { retrySchedule: "bsd" }],
  ["takes pauses", inSmNotify("retry-schedule = 1, 60"), { retrySchedule: "1, 60" }],
  ["takes a source", inSmNotify("source = any"), { source: "any" }],
  ["takes what the run takes (B10)", inSmNotify("retry-schedule = 1, 2.5"), {
    retrySchedule: "1, 2.5",
  }],
  ["takes --deadline", { args: ["--deadline", "90"] }, { deadline: 90 }],
  ["takes --dry-run and --json", { args: ["--dry-run", "--json"] }, { dryRun: true, json: true }],
  ["has the defaults", {}, {}],
  ["takes -d", { args: ["-d"] }, { noSyslog: true }],
  ["takes --no-syslog", { args: ["--no-syslog"] }, { noSyslog: true }],
  ["takes -f", { args: ["-f"] }, { force: true }],
  ["takes --force", { args: ["--force"] }, { force: true }],
  ["takes -m", { args: ["-m", "5"] }, { retryTime: 5 }],
  ["takes --retry-time", { args: ["--retry-time=5"] }, { retryTime: 5 }],
  ["takes -m 0 for ever", { args: ["-m0"] }, { retryTime: 0 }],
  ["takes -m without a number for ever", { args: ["-mx"] }, { retryTime: 0 }],
  ["takes a negative -m for ever", { args: ["-m", "-1"] }, { retryTime: 0 }],
  ["takes -n", { args: ["-n"] }, { updateState: false }],
  ["takes --no-update-state", { args: ["--no-update-state"] }, { updateState: false }],
  ["takes -p", { args: ["-p999"] }, { outgoingPort: 999 }],
  ["takes -p 0", { args: ["-p", "0"] }, { outgoingPort: 0 }],
  ["takes --outgoing-port", { args: ["--outgoing-p=5"] }, { outgoingPort: 5 }],
  ["takes -P", { args: ["-P", "/srv/nsm"] }, { stateDirectoryPath: "/srv/nsm" }],
  ["takes --state-directory-path", { args: ["--st=/srv/nsm"] }, { stateDirectoryPath: "/srv/nsm" }],
  ["takes -v", { args: ["-v", "nodeb"] }, { outgoingAddr: ["nodeb"] }],
  ["takes --outgoing-addr", { args: ["--outgoing-a=a,b"] }, { outgoingAddr: ["a", "b"] }],
  ["takes a cluster", { args: ["-dfnv", "x"] }, {
    noSyslog: true,
    force: true,
    updateState: false,
    outgoingAddr: ["x"],
  }],
  ["reads retry-time", inSmNotify("retry-time=900"), { retryTime: 900 }],
  ["reads outgoing-port", inSmNotify("outgoing-port=5"), { outgoingPort: 5 }],
  ["reads outgoing-addr", inSmNotify("outgoing-addr=a"), { outgoingAddr: ["a"] }],
  ["reads lift-grace", inSmNotify("lift-grace=n"), { liftGrace: false }],
  ["reads update-state", inSmNotify("update-state=n"), { updateState: false }],
  ["reads force", inSmNotify("force=y"), { force: true }],
  ["reads debug", inSmNotify("debug=1"), { debug: ["general", "call", "auth", "parse"] }],
  [
    "reads statd's state directory, verbose and send-using-tcp",
    inStatd("state-directory-path=/srv/nsm\nverbose=2\nsend-using-tcp=y"),
    { stateDirectoryPath: "/srv/nsm", verbose: 2, sendUsingTcp: true },
  ],
  ["does not read statd's ports", inStatd("outgoing-port=5\nname=x\ndebug=all"), {}],
  ["ignores the environment", { env: { RPC_STATD_NO_NOTIFY: "1" } }, {}],
];

for (const [does, given, settings] of SM_NOTIFY_CASES) {
  Deno.test(`loadSmNotifySettings() ${does}`, { permissions: "none" }, () => {
    const outcome = smNotify(given);
    assert(outcome.kind === "run");
    assertEquals(outcome.settings, { ...SM_NOTIFY_DEFAULTS, ...settings });
    assertEquals(outcome.warnings, []);
    assert(Object.isFrozen(outcome.settings));
  });
}

/** A bad value in nfs.conf: the default, and one warning. */
const BAD_VALUES: readonly (readonly [string, string])[] = [
  ["[statd]\nport=65536\n", "/etc/nfs.conf:2: port: bad port number: 65536 (0 to 65535)"],
  ["[statd]\n\nport=-1\n", "/etc/nfs.conf:3: port: bad port number: -1 (0 to 65535)"],
  ["[statd]\nport=x\n", "/etc/nfs.conf:2: port: bad port number: x (0 to 65535)"],
  ["[statd]\nport=5\nport=x\n", "/etc/nfs.conf:3: port: bad port number: x (0 to 65535)"],
  [
    "[statd]\noutgoing-port=99999\n",
    "/etc/nfs.conf:2: outgoing-port: bad port number: 99999 (0 to 65535)",
  ],
  ["[statd]\nno-notify=perhaps\n", "/etc/nfs.conf:2: no-notify: neither yes nor no: perhaps"],
  ["[statd]\ndebug=x\n", "/etc/nfs.conf:2: debug: Invalid debug facility: x"],
  ["[statd]\nverbose=10\n", "/etc/nfs.conf:2: verbose: bad level: 10 (0 to 9)"],
  ["[lockd]\nport=70000\n", "/etc/nfs.conf:2: port: bad port number: 70000 (0 to 65535)"],
  ["nfs.statd.port=x\n", "/etc/nfs.conf:1: nfs.statd.port: bad port number: x (0 to 65535)"],
];

for (const [conf, warning] of BAD_VALUES) {
  Deno.test(`loadStatdSettings() warns "${warning}"`, { permissions: "none" }, () => {
    const outcome = statd({ conf });
    assert(outcome.kind === "run");
    assertEquals(outcome.settings, STATD_DEFAULTS);
    assertEquals(outcome.warnings.map(({ message }) => message), [warning]);
  });
}

Deno.test("loadStatdSettings() keeps port for a bad udp-port", { permissions: "none" }, () => {
  const outcome = statd(inLockd("port=5\nudp-port=x"));
  assert(outcome.kind === "run");
  assertEquals(outcome.settings.nlmUdpPort, 5);
  assertEquals(outcome.warnings.length, 1);
});

Deno.test("loadSmNotifySettings() keeps 15 minutes for a bad one", { permissions: "none" }, () => {
  const outcome = smNotify(inSmNotify("retry-time=long"));
  assert(outcome.kind === "run");
  assertEquals(outcome.settings.retryTime, 15);
  assertEquals(outcome.warnings.map(({ key, reason }) => [key, reason]), [
    ["retry-time", "bad number of minutes: long (0 to 35791394)"],
  ]);
});

Deno.test("loadStatdSettings() tells where each value is from", { permissions: "none" }, () => {
  const outcome = statd({
    args: ["-p5", "--out=6"],
    conf: { "/etc/nfs.conf": "[lockd]\nport=$P\n", "/etc/nfs.conf.d/x.conf": "[statd]\nudp=n\n" },
    env: { RPC_STATD_NO_NOTIFY: "1", P: "7" },
  });
  assert(outcome.kind === "run");
  const { origins } = outcome;
  assertEquals(origins.port, "option -p");
  assertEquals(origins.outgoingPort, "option -o");
  assertEquals(origins.noNotify, "environment RPC_STATD_NO_NOTIFY");
  assertEquals(origins.nlmUdpPort, "/etc/nfs.conf:2");
  assertEquals(origins.udp, "/etc/nfs.conf.d/x.conf:2");
  assertEquals(origins.tcp, "default");
});
