import { assertEquals } from "@std/assert";
import { Enrolment } from "../../lib/nsm/enrolment.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { ServiceParts } from "../../lib/nsm/service.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { privOf } from "../support/priv.ts";

/** Turns of the microtask queue after which all code waits. */
const TURNS = 50;

async function rest(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
}

Deno.test(
  "an SM_MON whose callout runs during SM_SIMU_CRASH is acknowledged once it is on disk again",
  { permissions: "none" },
  async () => {
    const [again, callout] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const puts = [Promise.resolve(), again.promise];
    const list = new MonitorList();
    const parts = {
      list,
      store: { put: () => puts.shift(), dropped() {}, unread: 0 },
      directory: { add() {}, remove() {}, remembered() {} },
      notices: { taken: 0, overtaken() {} },
      clock: new FakeClock(),
      callout: () => ({ monitored: () => callout.promise }),
    };
    const enrolment = new Enrolment(parts as unknown as ServiceParts);
    const requester = { myName: "here", myProg: 100021, myVers: 4, myProc: 16 };
    let isAcknowledged = false;
    const enrolled = enrolment.enrol({ monName: "h7", ...requester, priv: privOf(1) })
      .then(() => isAcknowledged = true);
    await rest();
    enrolment.forgetAll();
    callout.resolve();
    await rest();
    assertEquals([puts.length, list.size, isAcknowledged], [0, 1, false]);
    again.resolve();
    await enrolled;
  },
);
