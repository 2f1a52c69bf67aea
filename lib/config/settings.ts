/**
 * Settings of the daemons, in one table per program. The option parser, `--help`, the nfs.conf
 * reader, `--check-config`, the sample nfs.conf and the documents are derived from the tables.
 *
 * To add a setting, add its row; the settings object gains a property of the row's type.
 *
 * Source: statd(8), sm-notify(8), nfs.conf(5) of nfs-utils; macOS nfs.conf(5) for `nfs.statd.*`.
 */

import { addresses, boolean, choice, debug, place, text } from "./kinds.ts";
import { givenPort, port, seconds, setting, type SettingsOf, type Table } from "./setting.ts";
import { events, logFormat, sendUsingTcp, stateDirectoryPath, verbose } from "./shared_settings.ts";
import { RPCBIND } from "./rpcbind_settings.ts";
import { SM_NOTIFY } from "./sm_notify_settings.ts";

/** Strictness of the checks of a notice's source and state. */
const CHECK_MODES = ["off", "warn", "enforce"] as const;

export type { FileKey, Option, Setting, SettingsOf, Table } from "./setting.ts";
export { DEFAULT_STATE_DIRECTORY } from "./shared_settings.ts";
export { RPCBIND, SM_NOTIFY };

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
    help: "Port to listen on, for all transports; default: any free port.",
    file: { section: "statd", key: "port", flat: "nfs.statd.port" },
    option: {
      short: "p",
      long: "port",
      argument: "PORT",
      kind: givenPort("port number"),
    },
  }),
  outgoingPort: setting({
    kind: port,
    default: 0,
    help: "Source port of sm-notify when statd runs it; default: any reserved port.",
    file: { section: "statd", key: "outgoing-port" },
    option: {
      short: "o",
      long: "outgoing-port",
      argument: "PORT",
      kind: givenPort("port number"),
    },
  }),
  name: setting({
    kind: text,
    default: undefined,
    help: "Own name or address that sm-notify sends from and announces.",
    file: { section: "statd", key: "name" },
    option: { short: "n", long: "name", argument: "NAME" },
  }),
  stateDirectoryPath,
  pidFile: setting({
    kind: text,
    default: undefined,
    help: "Pid file; default: /run/rpc.statd.pid, or one named after the network namespace.",
    file: { section: "statd", key: "pid-file" },
  }),
  volatileFallback: setting({
    kind: boolean,
    default: false,
    help: "Keep lists in memory, lost at exit, if the state directory is read-only.",
    file: { section: "statd", key: "volatile-fallback" },
  }),
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
    help: "Program to run when a peer is added, is removed or has rebooted.",
    file: { section: "statd", key: "ha-callout" },
    option: { short: "H", long: "ha-callout", argument: "PROGRAM" },
  }),
  eventsProgram: setting({
    kind: text,
    default: undefined,
    help: "Program that is started once and receives events as lines of JSON.",
    file: { section: "statd", key: "events-program" },
  }),
  haCalloutTimeout: setting({
    isLive: true,
    kind: seconds,
    default: 30,
    help: "Seconds the ha-callout program may run before it is killed.",
    file: { section: "statd", key: "ha-callout-timeout" },
  }),
  nlmPort: setting({
    kind: port,
    default: 0,
    help: "TCP port to set for the kernel's lock manager; 0 leaves it unchanged.",
    file: { section: "lockd", key: "port" },
    option: { short: "T", long: "nlm-port", argument: "PORT", kind: givenPort("nlm port number") },
  }),
  nlmUdpPort: setting({
    kind: port,
    default: 0,
    help: "UDP port to set for the kernel's lock manager; default: the TCP port.",
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
  logFormat,
  sendUsingTcp,
  events,
  simuCrashAllowed: setting({
    isLive: true,
    kind: boolean,
    default: true,
    help: "Accept SM_SIMU_CRASH, only from a loopback address and a reserved port.",
    file: { section: "statd", key: "simu-crash-allowed", flat: "nfs.statd.simu_crash_allowed" },
  }),
  monReservedPort: setting({
    isLive: true,
    kind: boolean,
    default: false,
    help: "Accept SM_MON, SM_UNMON and SM_UNMON_ALL from reserved ports only.",
    file: { section: "statd", key: "mon-reserved-port" },
  }),
  notifySourceCheck: setting<typeof CHECK_MODES[number]>({
    isLive: true,
    kind: choice(CHECK_MODES),
    default: "warn",
    help: "If an SM_NOTIFY is not from an address of its peer: accept, warn or refuse.",
    file: { section: "statd", key: "notify-source-check" },
    // Different from the key's name, since --not is an abbreviation of --notify-mode in nfs-utils.
    option: { long: "check-notify-source", argument: "MODE" },
  }),
  notifyStateCheck: setting<typeof CHECK_MODES[number]>({
    isLive: true,
    kind: choice(CHECK_MODES),
    default: "warn",
    help: "If the state in an SM_NOTIFY is implausible: accept, warn or refuse.",
    file: { section: "statd", key: "notify-state-check" },
  }),
  listenAddresses: setting({
    kind: addresses,
    default: [],
    help: "Addresses to listen on besides loopback, now or once they exist; default: all.",
    file: { section: "statd", key: "listen-addresses" },
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
  rpcbindMode: setting<"no" | "auto" | "yes">({
    kind: choice(["no", "auto", "yes"]),
    default: "no",
    help: "Start an rpcbind before registering: never, if none is running, or always.",
    file: { section: "rpcbind", key: "mode" },
  }),
  statusGroup: setting({
    kind: text,
    default: undefined,
    help: "Group whose members may run nsmctl status, list and check; default: root only.",
    file: { section: "statd", key: "status-group" },
  }),
  metrics: setting({
    kind: place,
    default: undefined,
    help: "Address that Prometheus scrapes metrics from; default: no metrics.",
    file: { section: "statd", key: "metrics" },
  }),
} satisfies Table;

export type StatdSettings = SettingsOf<typeof STATD>;

export type SmNotifySettings = SettingsOf<typeof SM_NOTIFY>;

export type RpcbindSettings = SettingsOf<typeof RPCBIND>;
