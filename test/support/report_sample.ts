/** Report with every kind of content, including hostile text. */

import type { NsmEvent } from "../../lib/nsm/events.ts";
import type { Peer } from "../../lib/nsmctl/peers.ts";
import { recoveryOf } from "../../lib/nsmctl/recovery.ts";
import type { ReportFacts } from "../../lib/nsmctl/report_facts.ts";
import type { DatedEvent } from "../../lib/store/event_file.ts";

/** Hostile name of a stranger. */
export const EVIL = `<script>alert(1)</script>"'&<img src=x onerror=alert(2)>\x1b[2J\u202e`;

const START = Date.UTC(2026, 10, 26, 12, 0, 0);

function peer(monName: string, more: Partial<Peer> = {}): Peer {
  const requests = [{ myName: "server", myProg: 100021, myVers: 3, myProc: 16 }];
  const addresses = ["192.0.2.7", "2001:db8::7"];
  return { monName, isMonitored: true, isToBeNotified: false, requests, addresses, ...more };
}

/** Recovery with `told` told peers and two remaining ones. */
export function sampleReport(told = 40): ReportFacts {
  const event = (seconds: number, event: NsmEvent): DatedEvent => ({
    at: START + seconds * 1000,
    program: "sm-notify",
    ...event,
  });
  const history = [
    event(0, { event: "notifying", state: 7, count: told + 2 }),
    ...Array.from({ length: told }, (_, i) =>
      event(i, {
        event: "told",
        peer: `client${i}.example.net`,
        address: `192.0.2.${i % 250}`,
        transport: "udp",
        attempts: 1,
        ms: i * 1000,
      })),
    event(2, { event: "notYetTold", peer: EVIL, reason: EVIL }),
    event(900, { event: "notTold", peer: EVIL, reason: EVIL, attempts: 9 }),
    event(901, { event: "notified", count: told, ms: 901_000 }),
  ];
  const peers = [
    peer("client0.example.net", { heardAt: START }),
    peer(EVIL, { isToBeNotified: true, why: `no such host ${EVIL}` }),
    peer("dead.example.net", { isToBeNotified: true, addresses: [], why: "silent" }),
  ];
  const now = START + 3_600_000;
  return {
    host: `server${EVIL}`,
    at: now,
    stateDirectory: "/var/lib/nfs",
    statusFault: EVIL,
    recovery: recoveryOf(history, peers, undefined, now),
    peers,
    events: [{ at: now, program: "rpc.statd", event: "refused", reason: EVIL }],
  };
}
