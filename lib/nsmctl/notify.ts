/** `nsmctl notify HOST...|--pending`: sends peers our state number now; moves no record. */

import { makeLog, stderrSink } from "../log.ts";
import { hostResolver } from "../net/resolver.ts";
import { nameKey } from "../nsm/host_name.ts";
import { Notifier } from "../nsm/notify/notifier.ts";
import type { NotifyReport } from "../nsm/notify/notify_outcome.ts";
import { announcementsOf } from "../nsm/notify/notify_list.ts";
import type { NotifyRecord, NotifyStore } from "../nsm/ports.ts";
import { RETRY_SCHEDULES } from "../nsm/notify/retry_schedule.ts";
import { systemClock } from "../platform/clock.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { type Command, Status } from "./command.ts";
import { choosePeers } from "./chosen_peers.ts";
import { dropToOwner, SILENT_LOG, StateReader } from "./state_directory.ts";
import { openOwnCalls } from "./own_calls.ts";
import { askersOf } from "./peers.ts";
import { readRoster, tellUnread } from "./roster.ts";
import type { Session } from "./session.ts";
import { shown } from "./text.ts";

/** Default time limit of the run, in seconds: four attempts per peer. */
const TIMEOUT_S = 15;
const TIMEOUT_MAX_S = 3_600;

export const notify: Command = {
  name: "notify",
  summary: "Tell peers our state number now, as after a reboot.",
  operands: "[HOST...]",
  operandsMin: 0,
  operandsMax: Infinity,
  options: [
    { letter: "p", long: "pending", help: "Tell all peers on the notify list." },
    { letter: "n", long: "name", argument: "NAME", help: "Announce this own name." },
    {
      letter: "t",
      long: "timeout",
      argument: "SECONDS",
      help: `Seconds to keep trying; default: ${TIMEOUT_S}.`,
    },
  ],
  details: [
    "A peer that knows the number does nothing; a peer that missed it drops or reclaims locks.",
    "The monitor list is left alone, unlike by sm-notify -f.",
    "Without --name, a peer on a list is told the names in its records, and another host the full name " +
    "of this host.",
    "Exit status: 0 if all were told; otherwise 1.",
  ],
  example: "nsmctl notify client1 client2",
  takesPeers: true,
  async run(given, session) {
    const { terminal, programName, stateDirectoryPath } = session;
    const isPending = given.has("pending");
    if (isPending === given.operands.length > 0 || (isPending && given.has("name"))) {
      terminal.complain(`${programName}: name a HOST, or say --pending alone`);
      return Status.USAGE;
    }
    const seconds = Number(given.get("timeout") ?? TIMEOUT_S);
    if (!(seconds > 0 && seconds <= TIMEOUT_MAX_S)) {
      terminal.complain(
        `${programName}: a timeout is above 0 and at most ${TIMEOUT_MAX_S} seconds`,
      );
      return Status.USAGE;
    }
    const reader = new StateReader(stateDirectoryPath);
    reader.notifyCount(); // fails for a directory that is no state directory
    if (reader.stateNumber() === undefined) {
      throw new Error("No state number exists yet: start statd first");
    }
    const asked = isPending ? [] : await recordsOf(given.operands, given.get("name"), session);
    const calls = openOwnCalls();
    dropToOwner(reader.layout);
    // Read errors of the list are reported with --pending only, where the list determines the
    // peers.
    const log = isPending ? makeLog("warning", [stderrSink("plain", programName)]) : SILENT_LOG;
    const store = openNotifyStore(stateDirectoryPath, { log });
    // What the daemon tells: odd, and not below a number that was used before.
    const stateNumber = store.stateNumber();
    const waiting = store.load();
    const records = isPending ? waiting : asked;
    if (records.length === 0) terminal.print("No peer is to be notified.\n");
    const memory = openPeerMemory(stateDirectoryPath, { log: SILENT_LOG, mayCompact: false });
    const notifier = new Notifier(
      {
        clock: systemClock,
        resolver: hostResolver({ addressesOfName, nameOfAddress }, systemClock),
        store: onTheFly(store, waiting),
        memory,
        sources: [calls],
        log: SILENT_LOG,
        random: Math.random,
        onSettled: (report) => void terminal.print(reportLine(report, session)),
      },
      {
        stateNumber,
        schedule: RETRY_SCHEDULES["linux"]!,
        totalMs: seconds * 1000,
        announcements: ({ myName }) => announcementsOf([myName]),
        preferTcp: false,
        peerPort: 0,
      },
      records,
    );
    const counts = await notifier.run();
    await calls.close();
    return counts.told === records.length && store.faults === 0 ? Status.OK : Status.PROBLEM;
  },
};

/** Records for each peer and name to announce. */
async function recordsOf(
  hosts: readonly string[],
  name: string | undefined,
  session: Session,
): Promise<NotifyRecord[]> {
  const { stateDirectoryPath, now } = session;
  const { peers: all, unread } = await readRoster(stateDirectoryPath);
  tellUnread(unread, session);
  const { peers, unknown } = choosePeers(hosts, all);
  const known = peers.map((peer) => ({ host: peer.monName, names: askersOf(peer) }));
  // Unlisted hosts are told too, under our canonical name.
  const others = unknown.map(({ operand }) => operand).filter((host) => !/[*?]/.test(host));
  const own = name === undefined && others.length > 0 ? await ownFullName() : "";
  return [...known, ...others.map((host) => ({ host, names: [own] }))].flatMap(({ host, names }) =>
    (name === undefined ? names : [name])
      .map((myName) => ({ fileName: host, monName: host, myName, modifiedAt: now() }))
  );
}

/** Name under which a peer that never heard of us may know us. */
async function ownFullName(): Promise<string> {
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, systemClock);
  const found = await resolver.addressesOf(Deno.hostname());
  return found.outcome === "found" ? found.value.canonicalName : Deno.hostname();
}

/** Store for peers without a file; peers with a record lose it once told. */
function onTheFly(
  store: Pick<NotifyStore, "remove">,
  waiting: readonly NotifyRecord[],
): Pick<NotifyStore, "has" | "remove"> {
  return {
    has: () => true,
    async remove({ monName, myName }) {
      for (const record of waiting) {
        const isTold = nameKey(record.monName) === nameKey(monName) && record.myName === myName;
        if (isTold) await store.remove(record);
      }
    },
  };
}

/** Result for one peer, as a line. */
export function reportLine(report: NotifyReport, { terminal: { colours } }: Session): string {
  const { record, outcome, address, transport, elapsedMs, fault } = report;
  const who = `${shown(record.fileName)} (as ${shown(record.myName)})`;
  if (outcome !== "told") {
    return `${who}: ${colours.bad("not told")}: ${fault ?? "no answer"}\n`;
  }
  return `${who}: ${colours.good("told")} at ${address} over ${transport} in ${
    (elapsedMs / 1000).toFixed(2)
  } s\n`;
}
