import { assertEquals } from "@std/assert";
import {
  Administration,
  type AdministrationParts,
  declaredState,
} from "../../lib/nsm/administration.ts";
import { type Monitored, MonitorList } from "../../lib/nsm/monitor_list.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

Deno.test("declaredState() differs from the last state and is even", pure, () => {
  const states: readonly (readonly [number, number])[] = [
    [0, 2],
    [1, 2],
    [2, 4],
    [5, 6],
    [6, 8],
    [-1, 2],
    [-7, 2],
    [0x7fffffff, 2],
    [0x7ffffffe, 2],
    [-0x80000000, 2],
  ];
  for (const [last, declared] of states) assertEquals(declaredState(last), declared, `${last}`);
});

Deno.test("a declaration gives all requesters one state, behind the latest one heard", pure, () => {
  const list = new MonitorList();
  const news = [[11, 1], [19, 2], [15, 1]] as const;
  for (const [myVers, [lastState, lastNotice]] of news.entries()) {
    const requester = { myName: "here", myProg: 100021, myVers, myProc: 16 };
    const record = { monName: "h7", ...requester, priv: privOf(0) };
    list.addStored(record, { lastState, lastNotice, heardAt: undefined });
  }
  const announced: number[] = [];
  const parts: Partial<AdministrationParts> = {
    list,
    log: new RecordingLog(),
    announce: (_monitored: Monitored, state: number) => void announced.push(state),
    arrived: () => 3,
  };
  new Administration(parts as AdministrationParts).declareRebooted("h7", "root");
  assertEquals(announced, [20, 20, 20]);
});
