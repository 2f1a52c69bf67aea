/** hosts.allow and hosts.deny: any content leads to a decision. */

import { assert } from "@std/assert";
import { type Client, decideAccess, PARANOID } from "../../../lib/nsm/hosts_access.ts";
import { UNKNOWN } from "../../../lib/nsm/hosts_patterns.ts";
import { parseAccessFile } from "../../../lib/nsm/hosts_rules.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";
import { name } from "../wire.ts";

/** Separator of the texts of hosts.allow, hosts.deny and a file of patterns. */
const NEXT_FILE = "\x1e";

const CLIENTS: readonly Client[] = [
  { address: "192.0.2.1", name: "nodeb.example.net" },
  { address: "192.0.2.1", name: UNKNOWN },
  { address: "192.0.2.1", name: PARANOID },
  { address: "2001:db8::1", name: undefined },
  { address: "fe80::1%lo", name: "a*?" },
];
const PATTERNS = [
  ...[
    "ALL",
    "LOCAL",
    "KNOWN",
    "UNKNOWN",
    "PARANOID",
    "EXCEPT",
    "all",
    "except",
    "192.0.2.",
    "192.0.2.1",
  ],
  ...[
    "192.0.2.0/24",
    "192.0.2.0/255.255.255.0",
    "0.0.0.0/0",
    "[2001:db8::]/32",
    "[::1]",
    "[::]/0",
    "[",
  ],
  ...[
    ".example.net",
    "*.example.*",
    "?odeb*",
    "****a",
    "@group",
    "user@host",
    "/etc/patterns",
    "/nowhere",
  ],
  ...[
    "192.0.2.0/",
    "/24",
    "[]/",
    "::/0",
    "192.0.2.0/33",
    "[fe80::%lo]/10",
    "1.2.3.4/1.2.3",
    "\\:",
    "%lo",
  ],
];
const LINES = [
  "statd: ALL",
  "ALL: ALL: deny",
  "# comment",
  "statd, mountd : LOCAL : allow",
  ":",
  "statd:",
  "statd: ALL: spawn (rm -rf /) &: deny",
  "\\",
  "statd: \\",
  "ALL EXCEPT statd: ALL",
  "*d: [::]/0",
];

function file(random: Random): string {
  const lines: string[] = [];
  for (let count = random(6); count >= 0; count--) {
    const list = () =>
      Array.from({ length: 1 + random(5) }, () => pick(random, PATTERNS)).join(" ");
    lines.push(onceIn(random, 3) ? pick(random, LINES) : `statd: ${list()} EXCEPT ${list()}`);
  }
  return `${lines.join("\n")}\n`;
}

function run(input: Uint8Array): void {
  const [allow = "", deny = "", patterns] = toText(input).split(NEXT_FILE);
  const lines = allow.split("\n").length + deny.split("\n").length;
  let faults = 0;
  const fault = (line: number, reason: string) => {
    faults++;
    assert(line >= 1 && line <= lines && reason.length < 8_000);
  };
  const entries = [
    ...parseAccessFile(allow, "statd", "allow", fault),
    ...parseAccessFile(deny, "statd", "deny", fault),
  ];
  assert(Math.max(entries.length, faults) <= lines, "there are more rules or faults than lines");
  for (const client of CLIENTS) {
    const decision = decideAccess(entries, client, () => patterns);
    if (typeof decision !== "object") continue;
    assert(decision.need === "netgroup" || client.name === undefined, decision.need);
  }
}

export const hostsAccess: Target = {
  name: "hosts.allow",
  inputs: 5_000,
  generate(random) {
    const words = [...PATTERNS, ...LINES, name(random)];
    const files = Array.from(
      { length: 1 + random(3) },
      () => mutateText(file(random), random, words),
    );
    const bytes = toBytes(files.join(NEXT_FILE));
    return onceIn(random, 4) ? mutateBytes(bytes, random) : bytes;
  },
  open: () => ({ run }),
};
