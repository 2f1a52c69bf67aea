/**
 * Every setting of both programs, in one table: the option parser, `--help`, the reading of
 * nfs.conf, `--check-config`, the sample nfs.conf and the documents all follow from it.
 *
 * To add a setting, add its row here; the settings object gains a property of the row's type.
 *
 * Source: statd(8), sm-notify(8), nfs.conf(5) of nfs-utils; macOS nfs.conf(5) for `nfs.statd.*`.
 */

import { boolean, debug, directory, list, number, place, retrySchedule, text } from "./kinds.ts";
import {
  DEADLINE_MAX_SECONDS,
  givenMinutes,
  givenPort,
  minutes,
  port,
  seconds,
  setting,
  type SettingsOf,
  type Table,
} from "./setting.ts";

export type { FileKey, Option, Setting, SettingsOf, Table } from "./setting.ts";

/** Where the monitor list, the notify list and the state number live unless told otherwise. */
export const DEFAULT_STATE_DIRECTORY = "/var/lib/nfs";

const stateDirectoryPath = setting({
  kind: directory,
  default: DEFAULT_STATE_DIRECTORY,
  help: "Folder of the monitor list, the notify list and the state number.",
  file: { section: "statd", key: "state-directory-path" },
  option: { short: "P", long: "state-directory-path", argument: "DIR" },
});

const verbose = setting({
  isLive: true,
  kind: number(0, 9, "level"),
  default: 1,
  help: "Least important messages to log: 0 warnings, 1 notices, 2 information, 3 and up debug.",
  file: { section: "statd", key: "verbose", flat: "nfs.statd.verbose" },
});

const sendUsingTcp = setting({
  kind: boolean,
  default: false,
  help: "Send SM_NOTIFY and callbacks over TCP, and over UDP where that fails.",
  file: { section: "statd", key: "send-using-tcp", flat: "nfs.statd.send_using_tcp" },
});

/** Settings of rpc.statd. */
export const STATD = {
  foreground: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground.",
    option: { short: "F", long: "foreground", sets: true },
  }),
  noSyslog: setting({
    kind: boolean,
    default: false,
    help: "Log everything, to stderr; only with --foreground.",
    option: { short: "d", long: "no-syslog", sets: true },
  }),
  port: setting({
    kind: port,
    default: 0,
    help: "Port to listen on, for all transports; 0 is any.",
    file: { section: "statd", key: "port", flat: "nfs.statd.port" },
    option: { short: "p", long: "port", argument: "PORT", kind: givenPort("port number") },
  }),
  outgoingPort: setting({
    kind: port,
    default: 0,
    help: "Source port of sm-notify when statd runs it; 0 is any reserved port.",
    file: { section: "statd", key: "outgoing-port" },
    option: { short: "o", long: "outgoing-port", argument: "PORT", kind: givenPort("port number") },
  }),
  name: setting({
    kind: text,
    default: undefined,
    help: "Own name or address for sm-notify to send from and to announce.",
    file: { section: "statd", key: "name" },
    option: { short: "n", long: "name", argument: "NAME" },
  }),
  stateDirectoryPath,
  notifyMode: setting({
    kind: boolean,
    default: false,
    help: "Run sm-notify in place of statd; deprecated.",
    option: { short: "N", long: "notify-mode", sets: true },
  }),
  noNotify: setting({
    kind: boolean,
    default: false,
    help: "Do not run sm-notify at start.",
    file: { section: "statd", key: "no-notify" },
    option: { short: "L", long: "no-notify", sets: true },
    environment: "RPC_STATD_NO_NOTIFY",
  }),
  haCallout: setting({
    isLive: true,
    kind: text,
    default: undefined,
    help: "Program to run when a peer is added, removed or has restarted.",
    file: { section: "statd", key: "ha-callout" },
    option: { short: "H", long: "ha-callout", argument: "PROGRAM" },
  }),
  haCalloutTimeout: setting({
    isLive: true,
    kind: seconds,
    default: 30,
    help: "Seconds that the ha-callout program may take before it is killed.",
    file: { section: "statd", key: "ha-callout-timeout" },
  }),
  nlmPort: setting({
    kind: port,
    default: 0,
    help: "TCP port to set for the kernel's lock manager; 0 leaves it alone.",
    file: { section: "lockd", key: "port" },
    option: { short: "T", long: "nlm-port", argument: "PORT", kind: givenPort("nlm port number") },
  }),
  nlmUdpPort: setting({
    kind: port,
    default: 0,
    help: "UDP port to set for the kernel's lock manager; the TCP port if not given.",
    file: { section: "lockd", key: "udp-port" },
    option: {
      short: "U",
      long: "nlm-udp-port",
      argument: "PORT",
      kind: givenPort("nlm UDP port number"),
    },
    follows: "nlmPort",
  }),
  debug: setting({
    isLive: true,
    kind: debug,
    default: [],
    help: "Debug messages to log.",
    file: { section: "statd", key: "debug" },
  }),
  verbose,
  sendUsingTcp,
  simuCrashAllowed: setting({
    isLive: true,
    kind: boolean,
    default: true,
    help: "Accept SM_SIMU_CRASH, from 127.0.0.1 and a reserved port only.",
    file: { section: "statd", key: "simu-crash-allowed", flat: "nfs.statd.simu_crash_allowed" },
  }),
  udp: setting({
    kind: boolean,
    default: true,
    help: "Listen on UDP.",
    file: { section: "statd", key: "udp", flat: "nfs.statd.udp" },
  }),
  tcp: setting({
    kind: boolean,
    default: true,
    help: "Listen on TCP.",
    file: { section: "statd", key: "tcp", flat: "nfs.statd.tcp" },
  }),
  metrics: setting({
    kind: place,
    default: undefined,
    help: "Where Prometheus can read metrics; nowhere without it.",
    file: { section: "statd", key: "metrics" },
  }),
} satisfies Table;

/** Settings of sm-notify. */
export const SM_NOTIFY = {
  noSyslog: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground and log everything, to stderr.",
    option: { short: "d", long: "no-syslog", sets: true },
  }),
  force: setting({
    kind: boolean,
    default: false,
    help: "Notify even if it was done since the system started.",
    file: { section: "sm-notify", key: "force" },
    option: { short: "f", long: "force", sets: true },
  }),
  retryTime: setting({
    kind: minutes,
    default: 15,
    help: "Minutes to go on trying; 0 is for ever.",
    file: { section: "sm-notify", key: "retry-time" },
    option: { short: "m", long: "retry-time", argument: "MINUTES", kind: givenMinutes },
  }),
  retrySchedule: setting({
    kind: retrySchedule,
    default: "linux",
    help: "When to try again: 2 s doubling to 120 s; or as BSD and macOS do, for a day; or pauses.",
    file: { section: "sm-notify", key: "retry-schedule" },
    option: { long: "retry-schedule", argument: "SCHEDULE" },
  }),
  deadline: setting({
    kind: number(1, DEADLINE_MAX_SECONDS, "number of seconds"),
    default: undefined,
    help: "Seconds after which to give up, whatever the retry time.",
    file: { section: "sm-notify", key: "deadline" },
    option: { long: "deadline", argument: "SECONDS" },
  }),
  only: setting({
    kind: list,
    default: [],
    help: "Notify these peers only; the others stay on the list. May be given several times.",
    option: { long: "only", argument: "PEER", isRepeatable: true },
  }),
  dryRun: setting({
    kind: boolean,
    default: false,
    help: "Print what would be announced to whom, and change nothing.",
    option: { long: "dry-run", sets: true },
  }),
  json: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground and print what became of each peer, a line of JSON for each.",
    option: { long: "json", sets: true },
  }),
  updateState: setting({
    kind: boolean,
    default: true,
    help: "Advance the state number before notifying.",
    file: { section: "sm-notify", key: "update-state" },
    option: {
      short: "n",
      long: "no-update-state",
      sets: false,
      help: "Do not advance the state number.",
    },
  }),
  outgoingPort: setting({
    kind: port,
    default: undefined,
    help: "Port to send from; 0 is any, and without it any reserved port.",
    file: { section: "sm-notify", key: "outgoing-port" },
    option: { short: "p", long: "outgoing-port", argument: "PORT" },
  }),
  stateDirectoryPath,
  outgoingAddr: setting({
    kind: list,
    default: [],
    help: "Own names or addresses to send from and to announce.",
    file: { section: "sm-notify", key: "outgoing-addr" },
    option: { short: "v", long: "outgoing-addr", argument: "NAME", isRepeatable: true },
  }),
  peerPort: setting({
    kind: port,
    default: 0,
    help: "Port of peers' status monitors, tried where their rpcbind is silent; 0 is none.",
    file: { section: "sm-notify", key: "peer-port" },
    option: { long: "peer-port", argument: "PORT" },
  }),
  instanceId: setting({
    kind: text,
    default: "",
    help: "What tells lives of this host apart that share a boot, as of a restarted container.",
    file: { section: "sm-notify", key: "instance-id" },
    option: { long: "instance-id", argument: "TEXT" },
  }),
  liftGrace: setting({
    kind: boolean,
    default: true,
    help: "End the lock manager's grace period if there is nobody to notify.",
    file: { section: "sm-notify", key: "lift-grace" },
  }),
  debug: setting({
    kind: debug,
    default: [],
    help: "Debug messages to log.",
    file: { section: "sm-notify", key: "debug" },
  }),
  verbose,
  sendUsingTcp,
} satisfies Table;

/** What rpc.statd runs with. */
export type StatdSettings = SettingsOf<typeof STATD>;

/** What sm-notify runs with. */
export type SmNotifySettings = SettingsOf<typeof SM_NOTIFY>;
