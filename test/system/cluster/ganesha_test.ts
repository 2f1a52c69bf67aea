/**
 * Acceptance test 18 of identities: nfs-ganesha, whose lock manager makes one call at a time and
 * gives up after 3 s, with a slow ledger. A stand-in of etcd delays its answers.
 */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../../support/agent_client.ts";
import type { BackgroundProgram } from "../../support/background_program.ts";
import { ClusterNode } from "../../support/cluster_node.ts";
import {
  createFile,
  GANESHA,
  ganeshaConfig,
  LOCK,
  lock,
  startGanesha,
} from "../../support/ganesha.ts";
import type { TestHost } from "../../support/namespace.ts";
import { eventually } from "../../support/patience.ts";
import { type NewHost, OUR_STATD, systemTest } from "../../support/system_test.ts";

const STAND_IN = new URL("../../support/fake_etcd_program.ts", import.meta.url).pathname;
const VIP = "10.99.0.1";
const CONF = `[identity "vip1"]\naddresses = ${VIP}\nledger = etcd\n` +
  "[etcd]\nendpoints = http://127.0.0.1:23791\n";

interface World {
  readonly etcd: BackgroundProgram;
  readonly ganesha: BackgroundProgram;
  /** Two agents, which call concurrently. */
  readonly agents: readonly [Agent, Agent];
  readonly node: ClusterNode;
}

async function started(host: TestHost): Promise<World> {
  await host.startRpcbind();
  const etcd = host.start(Deno.execPath(), "run", "-A", "--no-check", STAND_IN);
  await etcd.line(/^ready/);
  const node = new ClusterNode(host, "a");
  await node.start();
  await node.identity("acquire", "vip1");
  const ganesha = startGanesha(host);
  await eventually("ganesha serves locks", async () => {
    return (await host.run("/usr/sbin/rpcinfo", "-T", "tcp", "127.0.0.1", "100021", "4")).code ===
      0;
  });
  return { etcd, ganesha, agents: [node.agent, new Agent(host)], node };
}

async function conduct(etcd: BackgroundProgram, name: string): Promise<void> {
  await etcd.write(name);
  await etcd.line(new RegExp(`conduct ${name}`));
}

/** Lines of ganesha's log about clients that are not monitored. */
function refusals(ganesha: BackgroundProgram): string[] {
  return ganesha.lines.filter((line) => /Monitor .* failed/i.test(line));
}

systemTest(
  "acceptance 18: with a slow ledger ganesha's locks are late or refused, and none waits for another",
  [OUR_STATD, GANESHA, "/usr/sbin/rpcinfo"],
  async (newHost: NewHost) => {
    const etc = { "nfs.conf": CONF, "ganesha.conf": ganeshaConfig() };
    const { etcd, ganesha, agents: [agent, other], node } = await started(
      await newHost({ addresses: [`${VIP}/32`], etc }),
    );
    const handle = await createFile(agent, "file");
    let byte = 0;
    const locks = (client: string, by = agent) => lock(by, handle, client, byte++);
    assertEquals(await locks("127.1.0.1"), LOCK.GRANTED);
    for (const [i, delay] of ["slow 500", "slow 1400"].entries()) {
      await conduct(etcd, delay);
      assertEquals(await locks(`127.2.0.${i + 1}`), LOCK.GRANTED, delay);
    }
    assertEquals(refusals(ganesha), []);
    assertEquals((await node.report("vip1"))["recorded"], 3);

    await conduct(etcd, "hangs");
    const refused = locks("127.2.0.9");
    for (const known of ["127.1.0.1", "127.2.0.1", "127.2.0.2"]) {
      assertEquals(await locks(known, other), LOCK.GRANTED, known);
    }
    // Its registration waits for the other one.
    assertEquals(await locks("127.2.0.8", other), LOCK.DENIED_NOLOCKS);
    assertEquals(await refused, LOCK.DENIED_NOLOCKS);
    assert(refusals(ganesha).length > 0);
    await conduct(etcd, "well");
    await eventually("the ledger works", async () => {
      return (await node.report("vip1"))["fault"] === undefined;
    });
    assertEquals(await locks("127.2.0.9"), LOCK.GRANTED);
  },
);
