/**
 * One state directory, used by Debian's programs and ours in turn: the result must be as if
 * Debian's had run all the time.
 */

import { assertEquals } from "@std/assert";
import { mon, notify, OTHER_PRIV, unmon, unmonAll } from "../support/nsm_calls.ts";
import {
  DEBIAN,
  differing,
  type Implementation,
  NETWORK,
  OURS,
  play,
  type Scenario,
} from "../support/scenario.ts";
import {
  DEBIAN_SM_NOTIFY,
  DEBIAN_STATD,
  OUR_SM_NOTIFY,
  OUR_STATD,
  systemTest,
} from "../support/system_test.ts";

const NEEDS = [DEBIAN_STATD, DEBIAN_SM_NOTIFY, OUR_STATD, OUR_SM_NOTIFY];

/** Every form of a file, and every later operation on it. */
const MONITOR_LIST: Scenario = {
  name: "the monitor list",
  host: NETWORK,
  steps: [
    { does: "MON", call: mon({ monName: "10.99.9.1" }) },
    { does: "MON of a second", call: mon({ monName: "10.99.9.2" }) },
    { does: "MON of its second line", call: mon({ monName: "10.99.9.2", myName: "second name" }) },
    { does: "MON of its third line", call: mon({ monName: "10.99.9.2", myName: "" }) },
    { does: "MON of a name", call: mon({ monName: "peer.example", priv: OTHER_PRIV }) },
    { does: "MON of an IPv6 address", call: mon({ monName: "fd99::9" }), over: "tcp" },
    { does: "MON of a link-local one", call: mon({ monName: "fe80::9%lo" }) },
    { does: "MON of capitals", call: mon({ monName: "MixedCase.Example" }) },
    { does: "MON of odd bytes", call: mon({ monName: "10.99.9.3", myName: "h\xf6st\x01/.." }) },
    { does: "MON of the longest", call: mon({ monName: "10.99.9.4", myName: "m".repeat(1015) }) },
    { does: "MON for NLM 4", call: mon({ monName: "10.99.9.5", version: 4, procedure: 24 }) },
    { does: "UNMON", call: unmon({ monName: "10.99.9.1" }) },
    { does: "NOTIFY", call: notify("10.99.9.2", 5), callbacks: 3 },
    { does: "the first takeover", isRestart: true },
    { does: "NOTIFY of three lines", call: notify("10.99.9.2", 7), callbacks: 3 },
    { does: "NOTIFY of a name", call: notify("peer.example", 5), callbacks: 1 },
    { does: "NOTIFY by its address", call: notify("10.99.0.3", 7), callbacks: 1 },
    { does: "NOTIFY of an IPv6 address", call: notify("fd99::9", 5), callbacks: 1 },
    { does: "NOTIFY of a link-local one", call: notify("fe80::9%lo", 5), callbacks: 1 },
    { does: "NOTIFY of capitals", call: notify("mixedcase.example", 5), callbacks: 1 },
    { does: "NOTIFY of odd bytes", call: notify("10.99.9.3", 5), callbacks: 1 },
    { does: "NOTIFY of the longest", call: notify("10.99.9.4", 5), callbacks: 1 },
    { does: "NOTIFY for NLM 4", call: notify("10.99.9.5", 5), callbacks: 1 },
    { does: "MON again", call: mon({ monName: "10.99.9.2" }) },
    { does: "MON of one more line", call: mon({ monName: "10.99.9.2", myName: "fourth" }) },
    { does: "MON of a new peer", call: mon({ monName: "10.99.9.6", priv: OTHER_PRIV }) },
    {
      does: "MON with a new cookie",
      call: mon({ monName: "10.99.9.2", myName: "second name", priv: OTHER_PRIV }),
    },
    { does: "UNMON of a line", call: unmon({ monName: "10.99.9.2", myName: "" }) },
    { does: "UNMON of a name", call: unmon({ monName: "peer.example" }) },
    { does: "UNMON of odd bytes", call: unmon({ monName: "10.99.9.3", myName: "h\xf6st\x01/.." }) },
    { does: "the second takeover", isRestart: true },
    { does: "NOTIFY of three lines later", call: notify("10.99.9.2", 9), callbacks: 3 },
    { does: "NOTIFY of the new peer", call: notify("10.99.9.6", 9), callbacks: 1 },
    { does: "NOTIFY of the removed", call: notify("peer.example", 9) },
    {
      does: "UNMON of the longest",
      call: unmon({ monName: "10.99.9.4", myName: "m".repeat(1015) }),
    },
    { does: "UNMON_ALL", call: unmonAll() },
    { does: "UNMON_ALL by the second", call: unmonAll({ myName: "second_name" }) },
    { does: "UNMON_ALL by the fourth", call: unmonAll({ myName: "fourth" }) },
    { does: "UNMON_ALL for NLM 4", call: unmonAll({ version: 4, procedure: 24 }) },
  ],
};

/** The notify list: sm-notify notifies the one reachable peer, and statd keeps the others. */
const NOTIFY_LIST: Scenario = {
  name: "the notify list",
  host: NETWORK,
  steps: [
    { does: "MON", call: mon({ monName: "10.99.0.1", myName: "this.example.net" }) },
    { does: "MON by a second requester", call: mon({ monName: "10.99.0.1", myName: "second" }) },
    { does: "sm-notify", notifies: "10.99.0.1" },
    { does: "statd starts again", isRestart: true },
    { does: "NOTIFY of the told", call: notify("10.99.0.1", 5) },
    { does: "MON of the told", call: mon({ monName: "10.99.0.1" }) },
    { does: "NOTIFY", call: notify("10.99.0.1", 5), callbacks: 1 },
  ],
};

const CASTS: readonly (readonly Implementation[])[] = [
  [DEBIAN, OURS, DEBIAN],
  [OURS, DEBIAN, OURS],
  [OURS, OURS, OURS],
];

for (const scenario of [MONITOR_LIST, NOTIFY_LIST]) {
  for (const cast of CASTS) {
    const names = cast.map((one) => one === DEBIAN ? "Debian's" : "ours").join(", then ");
    systemTest(`takeover of ${scenario.name}: ${names}`, NEEDS, async (newHost) => {
      const [debian, mixed] = await Promise.all([
        play([DEBIAN], scenario, newHost),
        play(cast, scenario, newHost),
      ]);
      assertEquals(differing(debian, mixed), {});
    });
  }
}
