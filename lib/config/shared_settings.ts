/** Settings shared by rpc.statd and sm-notify. */

import { boolean, choice, directory, number } from "./kinds.ts";
import { setting } from "./setting.ts";

/** Default directory of the monitor list, the notify list and the state number. */
export const DEFAULT_STATE_DIRECTORY = "/var/lib/nfs";

export const stateDirectoryPath = setting({
  kind: directory,
  default: DEFAULT_STATE_DIRECTORY,
  help: "Directory of the monitor list, the notify list and the state number.",
  file: { section: "statd", key: "state-directory-path" },
  option: { short: "P", long: "state-directory-path", argument: "DIR" },
});

export const verbose = setting({
  isLive: true,
  kind: number(0, 9, "level"),
  default: 1,
  help: "Log level: 0 warnings, 1 notices, 2 information, 3 and up debug.",
  file: { section: "statd", key: "verbose", flat: "nfs.statd.verbose" },
});

export const sendUsingTcp = setting({
  kind: boolean,
  default: false,
  help: "Send SM_NOTIFY and callbacks over TCP, falling back to UDP.",
  file: { section: "statd", key: "send-using-tcp", flat: "nfs.statd.send_using_tcp" },
});

export const logFormat = setting<"text" | "json">({
  kind: choice(["text", "json"]),
  default: "text",
  help: "Format of messages on standard error: plain text, or one JSON object per line.",
  file: { section: "statd", key: "log-format" },
});

/** Largest history, in KiB: 1 GiB. */
const HISTORY_MAX_KIB = 1_048_576;

export const events = setting({
  kind: number(0, HISTORY_MAX_KIB, "number of KiB"),
  default: 4_096,
  help: "Size limit of the event history in KiB; 0: no history.",
  file: { section: "statd", key: "events" },
});
