/** `nsmctl watch`: the list, then every change as the kernel reports it. */

import { reasonOf } from "../reason.ts";
import { type NotifyProgress, readProgress } from "../store/notify_progress.ts";
import type { Session } from "./session.ts";
import { progressJson, progressText } from "./why.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { listJson, listText } from "./list.ts";
import { type ReadFile, StateReader, waitForChange } from "./state_directory.ts";
import { readRoster, tellUnread } from "./roster.ts";
import { isoText, jsonLine, localText } from "./text.ts";
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
    "added: it is on a list now. gone: it is on no list now. changed: it joined or left one of two " +
    "lists. told: it was told of our reboot. heard: it announced a reboot. sm-notify: progress of " +
    "the run.",
    "Times are local; a line before them has the date and the offset from UTC.",
  ],
  example: "nsmctl watch --json | jq .peer",
  takesPeers: false,
  async run(given, session) {
    const { stateDirectoryPath, terminal, programName } = session;
    const isJson = given.has("json");
    const reader = new StateReader(stateDirectoryPath);
    const { layout } = reader;
    // Watching starts before the list is read, so that no change is lost.
    const changes = waitForChange(layout);
    let next = changes.next();
    const roster = await readRoster(stateDirectoryPath, undefined, session);
    if (isJson) terminal.print(jsonLine(listJson(roster, session)));
    else {
      if (roster.note !== undefined) terminal.complain(`${programName}: ${roster.note}`);
      const isBare = roster.unread.length > 0 && roster.peers.length === 0;
      terminal.print(listText(roster.peers, session, { isBare }));
    }
    const unread = new UnreadFiles(session);
    const watched = new WatchedPeers(...unread.listsOf(reader), reader.facts());
    const printer = new WatchPrinter(session, isJson);
    for (;;) {
      const event = await next;
      if (event.done) return Status.OK;
      next = changes.next();
      const { paths } = event.value;
      for (const change of lookAgain(paths, reader, watched, unread)) {
        if (!printer.change(change)) return Status.OK;
      }
      const isProgress = paths.length === 0 || paths.includes(layout.progress);
      if (isProgress && !printer.progress(readProgress(stateDirectoryPath))) return Status.OK;
    }
  },
};

/** Printer of changes, with dates; its methods return false when the reader has closed the output. */
export class WatchPrinter {
  #day = "";
  #progress: string | undefined;

  constructor(readonly session: Session, readonly isJson: boolean) {}

  change(change: PeerChange): boolean {
    const text = () => changeText(change, this.session.terminal.colours);
    return this.#print({ ...change }, text);
  }

  /** Prints the progress of sm-notify if it has changed. */
  progress(progress: NotifyProgress | undefined): boolean {
    const text = progressText(progress, this.session.now());
    if (text === undefined || text === this.#progress) return true;
    this.#progress = text;
    return this.#print(progressJson(progress), () => `sm-notify ${text}`);
  }

  #print(value: object, text: () => string): boolean {
    const { terminal, now } = this.session;
    const at = now();
    if (this.isJson) return terminal.print(jsonLine({ time: isoText(at), ...value }));
    const local = localText(at);
    const day = `${local.slice(0, 10)} UTC${local.slice(19)}`;
    const isNew = day !== this.#day;
    this.#day = day;
    return (!isNew || terminal.print(`${terminal.colours.faint(day)}\n`)) &&
      terminal.print(`${local.slice(11, 19)} ${text()}\n`);
  }
}

/** Reports each unreadable file once during a watch. */
class UnreadFiles {
  readonly #told = new Set<string>();

  constructor(readonly session: Session) {}

  /** Both lists, without unreadable files. */
  listsOf(reader: StateReader): [monitored: ReadFile[], toBeNotified: ReadFile[]] {
    const unread: string[] = [];
    const lists: [ReadFile[], ReadFile[]] = [reader.monitorList(unread), reader.notifyList(unread)];
    this.tell(unread);
    return lists;
  }

  tell(faults: readonly string[]): void {
    const news = faults.filter((fault) => !this.#told.has(fault));
    for (const fault of news) this.#told.add(fault);
    tellUnread(news, this.session);
  }
}

/** Changes in the files of these paths; an empty `paths` stands for all files. */
function* lookAgain(
  paths: readonly string[],
  reader: StateReader,
  watched: WatchedPeers,
  unread: UnreadFiles,
): Iterable<PeerChange> {
  const { layout } = reader;
  if (paths.length === 0) {
    yield* watched.replaceAll(...unread.listsOf(reader));
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
    if (list === undefined) continue;
    try {
      yield* watched.replace(list, name, reader.readFile(folder, name));
    } catch (error) {
      unread.tell([reasonOf(error)]);
    }
  }
}
