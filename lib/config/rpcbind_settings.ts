/**
 * Settings of rpcbind, in one table; see settings.ts.
 *
 * Source: rpcbind(8) of rpcbind 1.2.6.
 */

import { addresses, boolean, choice, number } from "./kinds.ts";
import { setting, type Table } from "./setting.ts";

export const RPCBIND = {
  foreground: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground.",
    option: { short: "f", long: "foreground", sets: true },
  }),
  debug: setting({
    kind: boolean,
    default: false,
    help: "Stay in the foreground and log everything, to stderr.",
    option: { short: "d", long: "debug", sets: true },
  }),
  endOnError: setting({
    kind: boolean,
    default: false,
    help: "Exit at the first internal error instead of answering SYSTEM_ERR.",
    option: { short: "a", long: "abort", sets: true },
  }),
  warmStart: setting({
    kind: boolean,
    default: false,
    help: "Save registrations in /run/rpcbind, and start with those saved since boot.",
    option: { short: "w", long: "warm-start", sets: true },
  }),
  addresses: setting({
    kind: addresses,
    default: [],
    help: "Addresses to listen on besides loopback; default: all.",
    file: { section: "rpcbind", key: "addresses" },
    option: { short: "h", long: "address", argument: "ADDRESS", isRepeatable: true },
  }),
  insecure: setting({
    kind: boolean,
    default: false,
    help: "Let other hosts register and remove services as well.",
    option: { short: "i", long: "insecure", sets: true },
  }),
  logCalls: setting({
    kind: boolean,
    default: false,
    help: "Log each call: caller, procedure, and whether it was refused.",
    file: { section: "rpcbind", key: "log-calls" },
    option: { short: "l", long: "log-calls", sets: true },
  }),
  remoteCalls: setting({
    kind: boolean,
    default: false,
    help: "Accepted for compatibility: calls are never forwarded, and a warning says so.",
    option: { short: "r", long: "remote-calls", sets: true },
  }),
  dropPrivileges: setting({
    kind: boolean,
    default: true,
    help: "Accepted for compatibility: privileges are always dropped.",
    option: { short: "s", long: "drop-privileges", sets: true },
  }),
  standIn: setting({
    kind: boolean,
    default: false,
    help: "Exit with status 0 as soon as another rpcbind is started.",
    option: { long: "stand-in", sets: true },
  }),
  dump: setting<"local" | "all">({
    kind: choice(["local", "all"]),
    default: "local",
    help: "Who may list registrations: programs on this host, or anyone over TCP.",
    file: { section: "rpcbind", key: "dump" },
    option: { long: "dump", argument: "WHO" },
  }),
  verbose: setting({
    kind: number(0, 9, "level"),
    default: 1,
    help: "Log level: 0 warnings, 1 notices, 2 information, 3 and up debug.",
    file: { section: "rpcbind", key: "verbose" },
  }),
  logFormat: setting<"text" | "json">({
    kind: choice(["text", "json"]),
    default: "text",
    help: "Format of messages on standard error: plain text, or one JSON object per line.",
    file: { section: "rpcbind", key: "log-format" },
  }),
} satisfies Table;
