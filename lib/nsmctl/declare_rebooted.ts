/** `nsmctl declare-rebooted`: drops the locks of a host that will never come back. */

import { plural } from "../quote.ts";
import { reachDaemon } from "../control/client.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { choosePeers } from "./chosen_peers.ts";
import type { Peer } from "./peers.ts";
import { unreachable } from "./state_directory.ts";
import { signOfLife } from "./reach_host.ts";
import { readRoster } from "./roster.ts";
import { shown } from "./text.ts";
import { ownUser } from "./session.ts";

/** Timeout of each call of the probe, in ms. */
const PROBE_TIMEOUT_MS = 1_000;

const isMonitored = ({ isMonitored }: Peer) => isMonitored;

export const declareRebooted: Command = {
  name: "declare-rebooted",
  summary: "Drop the locks of a host that will never come back.",
  operands: "HOST",
  operandsMin: 1,
  operandsMax: 1,
  options: [
    { letter: "y", long: "yes", help: "Do not ask." },
    { long: "even-if-alive", help: "Proceed even if HOST answers." },
    TIMEOUT_OPTION,
  ],
  details: [
    "The lock manager is told that HOST has rebooted. If HOST still runs, it loses its locks without " +
    "noticing, and files may be damaged.",
    "HOST is probed first, at every known address. Nothing is done if its rpcbind or its status " +
    "monitor answers, or if no address is known and the name service fails.",
    "Exit status: 0; 1 if HOST is not monitored, HOST answers, the lock manager was not told, or you " +
    "answered no; 3 if no daemon runs.",
  ],
  example: "nsmctl declare-rebooted old-client.example.net",
  takesPeers: true,
  async run(given, { terminal, programName, stateDirectoryPath, timeoutMs }) {
    const complain = (text: string, status: number) => {
      terminal.complain(`${programName}: ${text}`);
      return status;
    };
    const connect = async () => {
      const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
      if (reached.outcome === "failed") throw unreachable(stateDirectoryPath, reached.reason);
      return reached.outcome === "reached" ? reached.daemon : undefined;
    };
    const notRunning = () =>
      complain("no daemon runs that could tell the lock manager", Status.NOT_RUNNING);
    // Reconnected below: a person may take longer to answer than the daemon's idle timeout.
    const found = await connect();
    if (found === undefined) return notRunning();
    found[Symbol.dispose]();
    const { peers: known } = await readRoster(stateDirectoryPath, undefined, { timeoutMs });
    const { peers, unknown } = choosePeers(given.operands, known.filter(isMonitored));
    if (unknown.length > 0) return complain(unknown[0]!.complaint, Status.PROBLEM);
    if (peers.length > 1) {
      const names = peers.map(({ monName }) => shown(monName)).join(", ");
      return complain(
        `${shown(given.operands[0]!)} matches several hosts; name one: ${names}`,
        Status.PROBLEM,
      );
    }
    const chosen = peers[0]!;
    const peer = chosen.monName;
    const objection = given.has("even-if-alive") ? undefined : await objectionTo(chosen);
    if (objection !== undefined) return complain(objection, Status.PROBLEM);
    if (!given.has("yes")) {
      const question = `Have all locks of ${shown(peer)} dropped, as if it had rebooted?`;
      const answer = terminal.confirm(question);
      if (answer === undefined) return complain("say --yes to do this", Status.PROBLEM);
      if (!answer) return Status.PROBLEM;
    }
    using daemon = await connect();
    if (daemon === undefined) return notRunning();
    const { count = 0, told = 0, failed = [] } = await daemon.ask({
      command: "declareRebooted",
      peer,
      by: ownUser(),
    });
    if (count === 0) return complain(`${shown(peer)} is not monitored`, Status.PROBLEM);
    for (const reason of failed) {
      complain(`the lock manager was not told yet, and is tried again: ${reason}`, Status.PROBLEM);
    }
    terminal.print(`Told the lock manager for ${told} of ${plural(count, "request")}.\n`);
    terminal.print(`It is monitored still; nsmctl forget ${shown(peer)} ends that.\n`);
    return told === count ? Status.OK : Status.PROBLEM;
  },
};

/** Why nothing is done: the peer is alive, or it cannot be told whether it is. */
async function objectionTo(peer: Peer): Promise<string | undefined> {
  const alive = await signOfLife(peer, PROBE_TIMEOUT_MS);
  if (alive === undefined) return undefined;
  const name = shown(peer.monName);
  const how = "Nothing was done; --even-if-alive does it anyway";
  if (typeof alive === "string") {
    return `whether ${name} is alive cannot be told, since it has no known address: ${alive}. ${how}`;
  }
  const state = alive.state === undefined ? "" : ` (state ${alive.state})`;
  return `${name} ANSWERS at ${alive.address}${state}: it is alive, and files may be damaged. ${how}`;
}
