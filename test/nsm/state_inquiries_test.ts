import { assertEquals } from "@std/assert";
import type { Kept } from "../../lib/nsm/kept_notices.ts";
import type { StatedState } from "../../lib/nsm/peer_states.ts";
import { StateInquiries } from "../../lib/nsm/state_inquiries.ts";
import { FakeClock } from "../support/fake_clock.ts";

const FAULT: StatedState = { fault: "connection refused" };
/** More than the interval between questions, in ms. */
const NEXT_QUESTION_MS = 6_000;

/** Inquiries whose questions the test answers. */
function setUp() {
  const clock = new FakeClock();
  const questions: PromiseWithResolvers<StatedState>[] = [];
  const judged: string[] = [];
  let ordinal = 0;
  const inquiries = new StateInquiries(
    {
      states: {
        hasRoom: true,
        ask() {
          questions.push(Promise.withResolvers());
          return questions.at(-1)!.promise;
        },
      },
      list: { about: () => [] },
      directory: { aliasesOf: () => [] },
      clock,
      isWanted: () => true,
      arrived: () => ++ordinal,
      judge: (
        { heard }: Kept,
        peer: string,
        { fault, state }: { fault?: string; state?: number },
      ) => judged.push(`${heard.mon_name} ${peer} ${fault ?? state}`),
    } as unknown as ConstructorParameters<typeof StateInquiries>[0],
  );
  return { clock, questions, judged, inquiries };
}

function keptNotice(mon_name: string): Kept {
  return { heard: { mon_name, state: 3, caller: { address: "10.0.0.2" } } } as Kept;
}

Deno.test(
  "the late answer to an earlier question leaves alone what another answer has decided",
  { permissions: "none" },
  async () => {
    for (const isKeptAgain of [false, true]) {
      const { clock, questions, judged, inquiries } = setUp();
      const [first, second] = [keptNotice("first"), keptNotice("second")];
      inquiries.add(first, "peer");
      await clock.run(NEXT_QUESTION_MS); // a peer that takes long is asked again
      assertEquals(questions.length, 2);
      questions[0]!.resolve({ state: 3 });
      await clock.run(0);
      assertEquals([judged, inquiries.has(first)], [["first peer 3"], false]);
      const next = isKeptAgain ? first : second;
      inquiries.add(next, "peer");
      questions[1]!.resolve(isKeptAgain ? { state: 5 } : FAULT);
      await clock.run(0);
      assertEquals([judged.length, inquiries.has(next)], [1, true]);
      for (const question of questions) question.resolve({ state: 3 });
      await clock.run(0);
      assertEquals(judged, ["first peer 3", `${next.heard.mon_name} peer 3`]);
      assertEquals([inquiries.has(first), inquiries.has(second)], [false, false]);
      inquiries.stop();
    }
  },
);
