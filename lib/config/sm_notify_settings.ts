/**
 * Settings of sm-notify, in one table; see settings.ts.
 *
 * Source: sm-notify(8), nfs.conf(5) of nfs-utils.
 */

import { boolean, choice, debug, list, number, retrySchedule, text } from "./kinds.ts";
import {
  DEADLINE_MAX_SECONDS,
  givenMinutes,
  minutes,
  port,
  setting,
  type Table,
} from "./setting.ts";
import { events, logFormat, sendUsingTcp, stateDirectoryPath, verbose } from "./shared_settings.ts";

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
    help: "Notify even if peers were already notified since boot.",
    file: { section: "sm-notify", key: "force" },
    option: { short: "f", long: "force", sets: true },
  }),
  retryTime: setting({
    kind: minutes,
    default: 15,
    help: "Minutes to keep trying; 0: without limit.",
    file: { section: "sm-notify", key: "retry-time" },
    option: { short: "m", long: "retry-time", argument: "MINUTES", kind: givenMinutes },
  }),
  retrySchedule: setting({
    kind: retrySchedule,
    default: "linux",
    help:
      "Pauses between attempts; linux: 2 s doubling to 120 s; bsd, macos: 5 s to 1 h, for a day.",
    file: { section: "sm-notify", key: "retry-schedule" },
    option: { long: "retry-schedule", argument: "SCHEDULE" },
  }),
  deadline: setting({
    kind: number(1, DEADLINE_MAX_SECONDS, "number of seconds"),
    default: undefined,
    help: "Seconds after which to give up, regardless of the retry time.",
    file: { section: "sm-notify", key: "deadline" },
    option: { long: "deadline", argument: "SECONDS" },
  }),
  only: setting({
    kind: list,
    default: [],
    help: "Notify only these peers; other peers stay on the list. May be repeated.",
    option: { long: "only", argument: "PEER", isRepeatable: true },
  }),
  identity: setting({
    kind: text,
    default: undefined,
    help: "Notify the peers of this identity, as nsmctl identity notify does.",
    option: { long: "identity", argument: "ID" },
  }),
  dryRun: setting({
    kind: boolean,
    default: false,
    help: "Print the notices that would be sent, and change nothing.",
    option: { long: "dry-run", sets: true },
  }),
  json: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground and print the outcome for each peer as a line of JSON.",
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
    help: "Port to send from; 0: any; default: any reserved port.",
    file: { section: "sm-notify", key: "outgoing-port" },
    option: { short: "p", long: "outgoing-port", argument: "PORT" },
  }),
  stateDirectoryPath,
  outgoingAddr: setting({
    kind: list,
    default: [],
    help: "Own names or addresses, to send from and to announce.",
    file: { section: "sm-notify", key: "outgoing-addr" },
    option: { short: "v", long: "outgoing-addr", argument: "NAME", isRepeatable: true },
  }),
  source: setting({
    kind: choice(["own", "any"]),
    default: "own",
    help: "Send from the addresses of -v, or, behind NAT, from any address.",
    file: { section: "sm-notify", key: "source" },
    option: { long: "source", argument: "SOURCE" },
  }),
  peerPort: setting({
    kind: port,
    default: 0,
    help: "Port of a peer's status monitor, tried if its rpcbind is silent; 0: none.",
    file: { section: "sm-notify", key: "peer-port" },
    option: { long: "peer-port", argument: "PORT" },
  }),
  instanceId: setting({
    kind: text,
    default: "",
    help: "Identifies one life of this host within a boot, such as a start of a container.",
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
  logFormat,
  sendUsingTcp,
  events,
} satisfies Table;
