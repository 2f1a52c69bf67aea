/**
 * Upgrade during calls: the program file is replaced as by a package manager, and the daemon
 * restarted. Callers see a pause, and peers nothing at all.
 */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, notify, PRIV, text } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, READY } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { LEAVER } from "../support/traffic.ts";
import { monitorList, Traffic } from "../support/traffic_client.ts";

const NEEDS = [OUR_STATD, "/usr/bin/python3"];
const REPLACEMENTS = 3;
/**
 * Number of calls before each replacement and before each restart; more than are made meanwhile.
 */
const CALLS = 600;
/** Number of calls that show progress. */
const SOME = 50;
/** Options with sm-notify at each start, as in production. */
const OPTIONS = FOREGROUND.filter((option) => option !== "--no-notify");
/** Networks of the peers. */
const PEERS = ["10.77.0.0/24", "10.99.9.0/24"];

/** Prints each destination address once, for any transport. */
const WATCHER = `
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
seen = set()
print('watching', flush=True)
while True:
  to = socket.inet_ntoa(s.recv(64)[16:20])
  if to not in seen: print('to', to, flush=True)
  seen.add(to)
`;

/** Program folder as made by an installation. */
class Installation implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async create(): Promise<Installation> {
    const folder = await Deno.makeTempDir({ dir: "/var/tmp" });
    const installation = new Installation(folder);
    await installation.replace();
    await Deno.symlink("rpc.statd", `${folder}/sm-notify`);
    return installation;
  }

  get statd(): string {
    return `${this.folder}/rpc.statd`;
  }

  /** Replaces the file; the old one exists while it runs. */
  async replace(): Promise<void> {
    await Deno.copyFile(OUR_STATD, `${this.statd}.new`);
    await Deno.rename(`${this.statd}.new`, this.statd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** File that a program runs from. */
async function fileOf(host: TestHost, program: BackgroundProgram): Promise<string> {
  return (await host.output("readlink", `/proc/${await program.pid}/exe`)).trim();
}

systemTest(
  "replacing the program looks like no reboot and loses no call",
  NEEDS,
  async (newHost) => {
    await using installation = await Installation.create();
    const host = await newHost({ strangers: PEERS });
    const start = async () => {
      const statd = host.start(installation.statd, ...OPTIONS);
      await statd.line(READY);
      return statd;
    };
    const watcher = host.start("python3", "-c", WATCHER);
    await watcher.line(/watching/);
    await host.startRpcbind();
    const agent = new Agent(host);
    let statd = await start();

    // This callback waits, since there is no lock manager yet.
    const waiting = { monName: "10.99.9.1", myName: "waiting" };
    const traffic = new Traffic(host, { seed: 1, width: 4, isMixed: true });
    traffic.ledger.begin(`${waiting.monName}/${waiting.myName}`, PRIV);
    assertEquals(await ask(agent, mon(waiting)), "SUCCESS 00000000 00000003");
    traffic.ledger.end(`${waiting.monName}/${waiting.myName}`);
    assertEquals(await ask(agent, notify(waiting.monName, 5)), "SUCCESS");
    await statd.line(/Cannot tell lock manager "waiting"/);

    for (let replacement = 1; replacement <= REPLACEMENTS; replacement++) {
      const ordered = traffic.answered + 2 * CALLS;
      await traffic.run(CALLS);
      await traffic.reach(traffic.answered + SOME);
      await installation.replace();
      assertEquals(await fileOf(host, statd), `${installation.statd} (deleted)`);
      await traffic.run(CALLS);
      await traffic.reach(traffic.answered + SOME);
      assertEquals(await statd.stop(), 0);
      statd = await start();
      assertEquals(await fileOf(host, statd), installation.statd);
      await traffic.reach(ordered);
      assertEquals(traffic.answered, ordered);
    }

    await agent.serve();
    // The log may lack a line about it: the limit per minute is used up by other peers.
    const told = () => agent.calls.filter(({ message }) => message.includes(text(waiting.monName)));
    await eventually("the lock manager is told", () => told().length > 0);
    assertEquals(await statd.stop(), 0);
    assertEquals(told().length, 1);

    const { ledger, stateNumbers } = traffic;
    assert(ledger.acknowledged > CALLS, `${ledger.acknowledged} changes`);
    assertEquals(ledger.refused, 0, [...traffic.refusals].join());
    assertEquals(
      ledger.compare(monitorList(host), { others: LEAVER }),
      { lost: [], resurrected: [], torn: [] },
    );
    assertEquals([...stateNumbers], [3]);
    assertEquals([...Deno.readFileSync(host.path(`${STATE_DIRECTORY}/state`))], [3, 0, 0, 0]);
    const notifyList = [...Deno.readDirSync(host.path(`${STATE_DIRECTORY}/sm.bak`))];
    assertEquals(notifyList.map(({ name }) => name).filter((name) => !name.startsWith(".")), []);
    // Until this reboot, nothing was sent to a peer.
    const reboot = ["-d", "--force", "--deadline", "1", "--only", waiting.monName];
    await host.run(`${installation.folder}/sm-notify`, ...reboot);
    await watcher.line(new RegExp(`to ${waiting.monName}$`));
    assertEquals(watcher.lines, ["watching", "to 127.0.0.1", `to ${waiting.monName}`]);
  },
);
