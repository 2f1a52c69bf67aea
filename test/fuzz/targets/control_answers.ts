/** Lines of a foreign control socket: each is an answer of the right shape, or an error. */

import { assert } from "@std/assert";
import { readAnswer } from "../../../lib/control/answers.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";

const EVIL = [
  "\\u001b[2J",
  "\\u009b1m",
  "\\u202e",
  "\\n",
  "\\ud800",
  "größe",
  "\u{7f}",
  "__proto__",
];
const ENTRY = '["host","here",100021,3,16,1,2,3,"alias"]';
const STATUS = JSON.stringify({
  version: "1",
  pid: 1,
  uid: 0,
  startedAt: "EVIL",
  uptimeSeconds: 1,
  residentBytes: 1,
  stateNumber: 3,
  bootId: "EVIL",
  stateDirectory: "/var/lib/nfs/EVIL",
  transports: [{ netid: "udp", address: "EVIL", port: 4000 }],
  registrationFault: "EVIL",
  health: "degraded",
  faults: ["EVIL"],
  peers: 0,
  registrations: 0,
  unresolvedPeers: 0,
  callbacks: { pending: 0 },
  counters: { EVIL: 1 },
  degraded: ["EVIL"],
  problems: [{ at: "x", level: "warning", message: "EVIL", count: 1 }],
});
const LINES = [
  `{"ok":true,"status":${STATUS}}`,
  '{"ok":false,"reason":"EVIL"}',
  '{"ok":true,"count":3,"told":1,"failed":["EVIL"]}',
  `[${ENTRY},${ENTRY}]`,
  "[]",
];
const WORDS = ["null", "true", "1e999", "-1", '""', "{}", "[]", '"ok"', ",", "]", "}", ...EVIL];
/** Terminal control characters, and unpaired surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u;

function line(random: Random): string {
  return pick(random, LINES).replaceAll("EVIL", () => pick(random, EVIL));
}

/** All texts in a value, including names of fields. */
function* textsIn(value: unknown): Iterable<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) { for (const one of value) yield* textsIn(one); }
  else if (typeof value === "object" && value !== null) {
    for (const [name, one] of Object.entries(value)) {
      yield name;
      yield* textsIn(one);
    }
  }
}

function run(input: Uint8Array): void {
  let answer: ReturnType<typeof readAnswer>;
  try {
    answer = readAnswer(toText(input));
  } catch (error) {
    assert(error instanceof Error && error.message.includes("is not valid"), `${error}`);
    return;
  }
  if ("ok" in answer) {
    for (const text of textsIn(answer)) assert(!UNPRINTABLE.test(text), JSON.stringify(text));
    return;
  }
  for (const [monName, myName, program] of answer) {
    assert(typeof monName === "string" && typeof myName === "string");
    assert(Number.isFinite(program));
  }
}

export const controlAnswers: Target = {
  name: "answers of a control socket",
  inputs: 5_000,
  generate(random) {
    const text = onceIn(random, 4) ? line(random) : mutateText(line(random), random, WORDS);
    // One character per byte.
    const bytes = toBytes(text.replaceAll(/[^\0-\xff]/gu, "?"));
    return onceIn(random, 4) ? mutateBytes(bytes, random) : bytes;
  },
  open: () => ({ run }),
};
