/** `nsmctl watch`: the list, then every change as the kernel reports it. */

import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { listJson, listText } from "./list.ts";
import { StateReader } from "./read_state.ts";
import { readRoster } from "./roster.ts";
import { waitForChange } from "./state_changes.ts";
import { isoText, jsonLine } from "./text.ts";
import { changeText, type PeerChange, WatchedPeers } from "./watched_peers.ts";

export const watch: Command = {
  name: "watch",
  summary: "Show the list, then every change as it happens.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    { letter: "j", long: "json", help: "Print one JSON object in each line." },
    TIMEOUT_OPTION,
  ],
  details: [
    "added, gone: of the list altogether. changed: other flags than before.",
    "told: it was told of our reboot. heard: it said that it rebooted.",
  ],
  example: "nsmctl watch --json | jq .peer",
  takesPeers: false,
  async run(given, session) {
    const { stateDirectoryPath, terminal, programName, now } = session;
    const isJson = given.has("json");
    const reader = new StateReader(stateDirectoryPath);
    const { layout } = reader;
    // First the kernel begins to collect changes, then the list is read: nothing is lost between.
    const changes = waitForChange(layout);
    let next = changes.next();
    const roster = await readRoster(stateDirectoryPath, undefined, session);
    if (isJson) terminal.print(jsonLine(listJson(roster, session)));
    else {
      if (roster.note !== undefined) terminal.complain(`${programName}: ${roster.note}`);
      terminal.print(listText(roster.peers, session));
    }
    const watched = new WatchedPeers(reader.monitorList(), reader.notifyList(), reader.facts());
    const report = (change: PeerChange): boolean => {
      const time = isoText(now());
      return terminal.print(
        isJson
          ? jsonLine({ time, ...change })
          : `${time.slice(11, 19)} ${changeText(change, terminal.colours)}\n`,
      );
    };
    for (;;) {
      const event = await next;
      if (event.done) return Status.OK;
      next = changes.next();
      for (const change of lookAgain(event.value.paths, reader, watched)) {
        if (!report(change)) return Status.OK;
      }
    }
  },
};

/** What is different in the files of these paths; in all of them where there is none. */
function* lookAgain(
  paths: readonly string[],
  reader: StateReader,
  watched: WatchedPeers,
): Iterable<PeerChange> {
  const { layout } = reader;
  if (paths.length === 0) {
    yield* watched.replaceAll(reader.monitorList(), reader.notifyList());
    yield* watched.learn(reader.facts());
    return;
  }
  for (const path of new Set(paths)) {
    const slash = path.lastIndexOf("/");
    const [folder, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (path === layout.peers) yield* watched.learn(reader.facts());
    if (name.startsWith(".")) continue;
    const list = folder === layout.monitorList
      ? "monitored"
      : folder === layout.notifyList
      ? "toBeNotified"
      : undefined;
    if (list !== undefined) yield* watched.replace(list, name, reader.readFile(folder, name));
  }
}
