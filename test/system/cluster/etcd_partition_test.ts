/**
 * Acceptance test 11 of identities: etcd loses its majority for a while. Waits of callers are
 * printed; only the limit of a reply is asserted, since other work shares the machine.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD, EtcdCluster } from "../../support/etcd_cluster.ts";
import { type Call, mon, notify, nullCall } from "../../support/nsm_calls.ts";
import { eventually } from "../../support/patience.ts";
import { ask } from "../../support/statd.ts";
import { OUR_NSMCTL } from "../../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

/** Duration of the loss of the majority, in ms; the long form is a task of its own. */
const AWAY_MS = Deno.env.has("LONG") ? 60_000 : 2_000;
/** Pause between rounds of calls, in ms, so that a refused registration does not quicken the others. */
const PACE_MS = 5;
const SUCCESS = /^SUCCESS 00000000/;
const FAILURE = /^SUCCESS 00000001/;

/** Times of calls, in ms. */
class Times {
  readonly all: number[] = [];

  get latest(): number {
    return Math.max(...this.all);
  }

  toString(): string {
    const sorted = this.all.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1);
    return `${this.all.length} calls, half within ${at(0.5)}, 99 % within ${at(0.99)}, all ${
      at(1)
    } ms`;
  }
}

for (const mode of ["refuse", "local"] as const) {
  systemTest(
    `acceptance 11: etcd loses its majority for a while: ${mode}`,
    [OUR_STATD, OUR_NSMCTL, ETCD, "/usr/bin/curl"],
    async (newHost, newFolder) => {
      const address = "127.0.0.1";
      const endpoints = [1, 2, 3].map((i) => `http://${address}:${23790 + i}`).join(", ");
      const host = await newHost({
        addresses: ["10.99.0.1/32"],
        etc: {
          "nfs.conf": `[identity "vip1"]\nnames = vip1.example.net\naddresses = 10.99.0.1\n` +
            `ledger = etcd\nwhen-unreachable = ${mode}\n[etcd]\nendpoints = ${endpoints}\n`,
        },
      });
      const etcd = new EtcdCluster(host, await newFolder(), address, 3);
      await etcd.start();
      const node = new ClusterNode(host, "a");
      await node.start();
      await node.identity("acquire", "vip1");
      assertMatch(await node.mon("127.0.0.9"), SUCCESS);
      const timed = async (times: Times, call: Call) => {
        const started = performance.now();
        const answer = await ask(node.agent, call);
        times.all.push(performance.now() - started);
        return answer;
      };
      let asked = 0;
      /** Makes calls of each kind for some time; returns the new names, and times by kind. */
      const callFor = async (ms: number, isNewGranted: boolean) => {
        const times = { null: new Times(), notify: new Times(), mon: new Times() };
        for (const until = performance.now() + ms; performance.now() < until;) {
          await timed(times.null, nullCall);
          await timed(times.notify, notify("127.0.0.9", 2 * asked + 1));
          const monName = `127.1.${asked >> 8}.${asked++ & 255}`;
          assertMatch(await timed(times.mon, mon({ monName })), isNewGranted ? SUCCESS : FAILURE);
          await new Promise((resolve) => setTimeout(resolve, PACE_MS));
        }
        return times;
      };
      const before = await callFor(AWAY_MS / 6, true);
      const granted = asked;
      await Promise.all([etcd.killMember(1), etcd.killMember(2)]);
      const first = new Times();
      const answer = await timed(first, mon({ monName: "127.2.0.1" }));
      assertMatch(answer, mode === "local" ? SUCCESS : FAILURE);
      const during = await callFor(AWAY_MS, mode === "local");
      await etcd.startMember(1);
      const healing = performance.now();
      await eventually("it works again", async () => {
        const { fault, unreplicated } = await node.report("vip1");
        return fault === undefined && unreplicated === 0;
      });
      const healed = performance.now() - healing;
      const figures = [
        `SM_NULL before: ${before.null}; without: ${during.null}`,
        `SM_NOTIFY before: ${before.notify}; without: ${during.notify}`,
        `SM_MON before: ${before.mon}; without: first ${first.latest.toFixed(0)} ms, ${during.mon}`,
        `works again after ${healed.toFixed(0)} ms`,
      ];
      for (const line of figures) {
        await Deno.stdout.write(new TextEncoder().encode(`${mode}: ${line}\n`));
      }
      const { recorded } = await node.report("vip1");
      assertEquals(recorded, mode === "local" ? asked + 2 : granted + 1);
      assert(during.null.all.length > 0);
    },
  );
}
