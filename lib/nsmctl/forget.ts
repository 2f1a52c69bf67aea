/** `nsmctl forget`: removes peers from both lists manually. */

import { plural } from "../quote.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { makeLog, stderrSink } from "../log.ts";
import { nameKey } from "../nsm/host_name.ts";
import { hostResolver } from "../net/resolver.ts";
import { systemClock } from "../platform/clock.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import { openMonitorStore } from "../store/file_store.ts";
import { layoutOf } from "../store/layout.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { reachDaemon } from "../control/client.ts";
import { type Command, type Given, Status, TIMEOUT_OPTION } from "./command.ts";
import { choosePeers } from "./chosen_peers.ts";
import { dropToOwner, unreachable } from "./state_directory.ts";
import { listText } from "./list.ts";
import type { Peer } from "./peers.ts";
import { readRoster, tellUnread } from "./roster.ts";
import { ownUser, type Session } from "./session.ts";
import { isPlausible, parseAge, shown } from "./text.ts";

/** Names per request to the daemon; the longest ones still fit. */
const NAMES_PER_REQUEST = 100;

export const forget: Command = {
  name: "forget",
  summary: "Remove peers from both lists without telling them.",
  operands: "[HOST...]",
  operandsMin: 0,
  operandsMax: Infinity,
  options: [
    {
      long: "older-than",
      argument: "AGE",
      help: "Peers on the notify list for this long that are not monitored: 30d, 12h, 90min.",
    },
    { long: "unresolvable", help: "Peers whose name no longer exists." },
    { letter: "y", long: "yes", help: "Do not ask." },
    TIMEOUT_OPTION,
  ],
  details: [
    "With both options, a peer has to match both. --older-than alone keeps monitored peers, which may " +
    "hold locks: name a HOST, or add --unresolvable.",
    "If none of several names exists, the name service is taken to be faulty, and no peer is removed.",
    "--older-than keeps a record dated before 2000 or in the future, with a message.",
    "The lock manager keeps the locks of a forgotten host: run declare-rebooted first to drop them.",
    "HOST is a name or an address; * and ? are wildcards.",
    "Exit status: 0; 1 if no peer matches, a HOST matches none, or you answered no.",
  ],
  example: "nsmctl forget --older-than 30d --unresolvable",
  takesPeers: true,
  async run(given, session) {
    const { terminal, programName } = session;
    const age = given.get("older-than");
    const ageMs = age === undefined ? undefined : parseAge(age);
    const fault = usageFault(given, age !== undefined && ageMs === undefined);
    if (fault !== undefined) {
      terminal.complain(`${programName}: ${fault}`);
      return Status.USAGE;
    }
    const { chosen, isWhole } = await choose(given, ageMs, session);
    if (chosen.length === 0) {
      if (isWhole) terminal.complain(`${programName}: no such peer`);
      return Status.PROBLEM;
    }
    if (!given.has("yes")) {
      terminal.print(listText(chosen, session));
      const answer = terminal.confirm(`Forget ${plural(chosen.length, "peer")}?`);
      if (answer === undefined) terminal.complain(`${programName}: say --yes to forget them`);
      if (answer !== true) return Status.PROBLEM;
    }
    const names = chosen.map(({ monName }) => monName);
    await forgetPeers(names, session);
    terminal.print(`Forgot ${plural(chosen.length, "peer")}.\n`);
    return isWhole ? Status.OK : Status.PROBLEM;
  },
};

function usageFault(given: Given, isBadAge: boolean): string | undefined {
  if (isBadAge) return "an age is a number and s, min, h, d or w, such as 30d";
  const isChosen = given.has("older-than") || given.has("unresolvable");
  if (given.operands.length === 0 && !isChosen) {
    return "name a HOST, or say --older-than or --unresolvable";
  }
  if (given.operands.length > 0 && isChosen) return "give either hosts or options that choose them";
  return undefined;
}

async function choose(
  given: Given,
  ageMs: number | undefined,
  session: Session,
): Promise<{ readonly chosen: readonly Peer[]; readonly isWhole: boolean }> {
  const { stateDirectoryPath, now, timeoutMs, terminal, programName } = session;
  const options = { allDetails: true, timeoutMs };
  const { peers: all, unread } = await readRoster(stateDirectoryPath, undefined, options);
  const isAllRead = tellUnread(unread, session);
  const isNamed = given.operands.length > 0;
  const { peers, unknown } = isNamed
    ? choosePeers(given.operands, all, isAllRead)
    : { peers: all, unknown: [] };
  for (const { complaint } of unknown) terminal.complain(`${programName}: ${complaint}`);
  const latest = ageMs === undefined ? Infinity : now() - ageMs;
  const old = peers.filter(({ monName, since }) => {
    if (ageMs === undefined) return true;
    if (since === undefined || isPlausible(since, now())) return (since ?? Infinity) <= latest;
    const time = new Date(since).toISOString();
    terminal.complain(
      `${programName}: skipping ${shown(monName)}: its record has an implausible time, ${time}`,
    );
    return false;
  });
  const isWhole = isAllRead && unknown.length === 0;
  if (given.has("unresolvable")) return { chosen: await unresolvable(old, all), isWhole };
  if (ageMs === undefined) return { chosen: old, isWhole };
  const chosen = old.filter(({ isMonitored }) => !isMonitored);
  const kept = old.length - chosen.length;
  if (kept > 0) {
    terminal.complain(
      `${programName}: keeping ${
        plural(kept, "monitored peer")
      }, which may hold locks: name a HOST ` +
        "to forget it, or add --unresolvable",
    );
  }
  return { chosen, isWhole };
}

/**
 * Those of the peers whose names do not exist; a name without an answer counts as existing.
 *
 * @throws {Error} When none of several names exists: a name service without its zones says so of all.
 */
async function unresolvable(peers: readonly Peer[], all: readonly Peer[]): Promise<Peer[]> {
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, systemClock);
  const isNamed = ({ monName }: Peer) => normaliseAddress(monName) === undefined;
  const isGone = async ({ monName }: Peer) =>
    (await resolver.addressesOf(monName)).outcome === "notFound";
  const named = peers.filter(isNamed);
  const gone = await Promise.all(named.map(isGone));
  const lost = named.filter((_, at) => gone[at]);
  if (lost.length === 0) return lost;
  const others = all.filter((peer) => isNamed(peer) && !named.includes(peer));
  const isTrusted = gone.includes(false) || (await Promise.all(others.map(isGone))).includes(false);
  const asked = named.length + others.length;
  if (isTrusted || asked === 1) return lost;
  throw new Error(
    `None of ${plural(asked, "name")} has an address, as if the name service did not work: ` +
      "getent hosts NAME asks it. Name a HOST to forget it all the same",
  );
}

/** Removes peers from both lists; through the daemon if one runs, so that it forgets them too. */
async function forgetPeers(
  names: readonly string[],
  { stateDirectoryPath: directory, programName, timeoutMs }: Session,
) {
  const log = makeLog("warning", [stderrSink("plain", programName)]);
  const keys = new Set(names.map(nameKey));
  const isChosen = ({ monName }: { monName: string }) => keys.has(nameKey(monName));
  const reached = await reachDaemon(directory, timeoutMs);
  if (reached.outcome === "failed") throw unreachable(directory, reached.reason);
  if (reached.outcome === "reached") {
    using daemon = reached.daemon;
    const by = ownUser();
    for (let at = 0; at < names.length; at += NAMES_PER_REQUEST) {
      const peers = names.slice(at, at + NAMES_PER_REQUEST);
      await daemon.ask({ command: "forget", peers, by });
    }
  }
  dropToOwner(layoutOf(directory));
  if (reached.outcome === "absent") {
    using _lock = lockDirectory(directory);
    const store = openMonitorStore(directory, { log });
    await store.remove([...store.load()].filter(isChosen));
  }
  const notifyStore = openNotifyStore(directory, { log });
  await Promise.all(
    notifyStore.load().filter(isChosen).map((record) => notifyStore.remove(record)),
  );
}
