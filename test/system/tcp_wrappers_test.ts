/**
 * hosts.allow and hosts.deny compared to the TCP wrappers library: our decisions must equal those
 * of Debian's tcpdmatch(8), for given and generated files. Differences are listed with their
 * reasons; none admits a caller that the library denies.
 */

import { assert, assertEquals } from "@std/assert";
import { type Client, decideAccess, type Decision, PARANOID } from "../../lib/nsm/hosts_access.ts";
import { UNKNOWN } from "../../lib/nsm/hosts_patterns.ts";
import { parseAccessFile } from "../../lib/nsm/hosts_rules.ts";
import type { TestHost } from "../support/namespace.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { systemTest } from "../support/system_test.ts";

const TCPDMATCH = "/usr/sbin/tcpdmatch";

/** Files and caller; the last line of a file ends with a line feed. */
interface Case {
  readonly allow: string;
  readonly deny: string;
  /** Client argument of tcpdmatch. */
  readonly client: string;
}

/** Callers by client argument of tcpdmatch; names are looked up, addresses have no name. */
const CLIENTS: Readonly<Record<string, Pick<Client, "address" | "name">>> = {
  "10.0.0.1": { address: "10.0.0.1", name: UNKNOWN },
  "10.88.0.2": { address: "10.88.0.2", name: UNKNOWN },
  "255.255.255.255": { address: "255.255.255.255", name: UNKNOWN },
  "2001:db8::1": { address: "2001:db8::1", name: UNKNOWN },
  "good.example": { address: "10.0.0.4", name: "good.example" },
  "HOST.Example": { address: "10.0.0.6", name: "HOST.Example" },
  "loc": { address: "10.0.0.7", name: "loc" },
  // The address has another host's name.
  "liar": { address: "10.0.0.5", name: PARANOID },
};
const HOSTS = [
  "10.0.0.4 good.example good",
  "10.0.0.9 canon9.example other5",
  "10.0.0.5 other5 liar",
  "10.0.0.6 HOST.Example",
  "10.0.0.7 loc",
];
const NETGROUP = "grp (good.example,,) (HOST.Example,,)\nbroad (,,)\nnested grp\n";
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  grp: ["good.example", "HOST.Example"],
  nested: ["good.example", "HOST.Example"],
};
const FILES: Readonly<Record<string, string>> = {
  "/etc/nsm-patterns": "10.0.0.1 x\n\t.EXAMPLE",
  "/etc/nsm-others": "10.9.9.9\n/etc/nsm-patterns @grp",
  "/etc/nsm-empty": "",
  "/etc/nsm-bytes": "10.0.0.1\0x\floc\vHOST.Example,",
};

/** Reasons why we deny callers that the library admits. */
const DIFFERENCES: readonly { readonly reason: string; readonly seenIn: RegExp }[] = [
  {
    reason: "a call over RPC has no user: user@host counts by its host where that denies",
    seenIn: /[^\s,:]@/,
  },
  {
    reason:
      "which of our addresses was called is not known to the rules: it counts where it denies",
    seenIn: /statd@/i,
  },
  {
    reason: "options that decide by what we do not do deny",
    seenIn: /\b(?:aclexec|user|group|twist)\b/i,
  },
  {
    reason: "a prefix that is no number is none, and not 0",
    seenIn: /\]\/[^\d+-]/,
  },
  {
    reason: "a number that an int cannot hold is none, and not its low bits",
    seenIn: /\d{10}/,
  },
];

const DAEMONS = [
  "statd",
  "ALL",
  "all",
  "STATD",
  "s*d",
  "sta?d",
  "mountd",
  "KNOWN",
  "statd@ALL",
  "UNKNOWN",
  ".d",
  "sta.",
  "statd@10.0.0.9",
  "[statd]",
  "/etc/nsm-patterns",
  "*",
  "rpc.statd",
  "LOCAL",
];
const PATTERNS = [
  ...[
    "ALL",
    "all",
    "All",
    "LOCAL",
    "local",
    "KNOWN",
    "known",
    "UNKNOWN",
    "unknown",
    "PARANOID",
    "paranoid",
  ],
  ...["10.0.0.1", "10.0.0.1x", "10.", "10.0.0.", "10.0.0", "10.0.0.1.", "1", ".0.0.1", "10.88.0.2"],
  ...[
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.1/24",
    "10.0.0.1/32",
    "10.0.0.1/33",
    "0.0.0.0/0",
    "10.0.0.0/0",
  ],
  ...["0.0.0.0/0.0.0.0", "10.0.0.0/255.0.0.0", "10.0.0.1/255.255.255.255", "10.0.0.0/255.0.255.0"],
  ...[
    "10.0.0.0/255.255.255",
    "10.0.0.0/08",
    "10.0.0.0/024",
    "10.0.0.0/+8",
    "10.0.0.0/8x",
    "10.0.0.0/-8",
  ],
  ...[
    "010.0.0.0/8",
    "0x0a.0.0.0/8",
    "012.0.0.0/8",
    "10.0.0/24",
    "10.0.0.256/8",
    "ALL/8",
    "10.0.0.0/",
  ],
  ...["255.255.255.255/32", "255.0.0.0/8", "10.0.0.0/0x8", "10.0.0.0/0377.0.0.0", "10.0.0.0/ff"],
  ...[
    "[2001:db8::1]",
    "[2001:DB8:0::1]",
    "[2001:db8::]/32",
    "[2001:db8::1]/32",
    "[2001:db8::]/129",
  ],
  ...[
    "[::]/0",
    "2001:db8::1",
    "2001:db8::/32",
    "[2001:db8:*",
    "[2001:db8::1",
    "[10.0.0.1]",
    "[::ffff:10.0.0.1]",
  ],
  ...[
    "[2001:db8::]/ffff::",
    "[2001:db8::]/-1",
    "[::ffff:0:0]/96",
    "[2001:db8::1]/128",
    "[::1]",
    "[x]",
    "[::g]",
  ],
  ...[
    "*",
    "10.*",
    "10.0.0.?",
    "?0.0.0.1",
    "1*1",
    "*.example",
    "G*",
    "u*",
    "P*",
    "*:*",
    "**",
    "10.0.0.1*",
    "*x",
  ],
  ...[
    "good.example",
    "GOOD.EXAMPLE",
    ".example",
    ".EXAMPLE",
    "example",
    "good",
    "good.",
    "loc",
    "LOC",
    ".",
  ],
  ...["host.example", "liar", "other5", "10.0.0.5", "10.0.0.4", "10.0.0.6/31", ".ple", "d.example"],
  ...[
    "@grp",
    "@GRP",
    "@nosuch",
    "@broad",
    "@nested",
    "@",
    "/etc/nsm-patterns",
    "/etc/nsm-others",
    "/etc/nsm-none",
  ],
  ...[
    "/etc/nsm-empty",
    "root@10.0.0.1",
    "ALL@ALL",
    "all@10.0.0.0/8",
    "KNOWN@ALL",
    "UNKNOWN@all",
    "x@",
    "@x@y",
  ],
  // Cases of isspace(3), inet_addr(3) and getaddrinfo(3).
  ...[
    "10.1\f.2.3/32",
    "10.0.0.1\f/32",
    "10.0.0.1\f",
    "10.0.0.0/\f8",
    "10.0.0.0/\xa08",
    "1\v.2.3.4/8",
  ],
  ...[
    "[2001:db8::1%1]",
    "[2001:db8::%1]/32",
    "[2001:db8::1%lo]",
    "[2001:db8::1%]",
    "[2001:db8::1%1x]",
  ],
  ...["10.0.0.1**", "10.0.0.*?*", "**1", "GOOD.EXAMPLE**", "*.example***", "/etc/nsm-bytes"],
  ...["ALL@@grp", "root@10.9.9.9", "x@ALL@10.0.0.1", "10.0.0.1@10.0.0.1", "nobody@.example"],
];
const OPTIONS = [
  ...[
    "allow",
    "deny",
    "ALLOW",
    "Deny",
    "allow x",
    "deny=",
    "allow =",
    "",
    " ",
    "foo",
    "allowed",
    "allow,deny",
  ],
  ...[
    "severity info",
    "severity=mail.info",
    "severity MAIL.Warning",
    "severity foo",
    "severity",
    "severity err",
  ],
  ...[
    "severity == info",
    "severity daemon.warn",
    "severity .info",
    "severity local7.debug",
    "severity local8.debug",
  ],
  ...[
    "spawn (echo %h) &",
    "spawn",
    "spawn x\\: y",
    "twist /bin/true",
    "twist",
    "keepalive",
    "keepalive 1",
  ],
  ...[
    "linger 5",
    "linger x",
    "linger",
    "linger -1",
    "nice",
    "nice 5",
    "nice -5",
    "nice x",
    "umask 022",
    "umask 9",
  ],
  ...[
    "umask",
    "rfc931",
    "rfc931 5",
    "rfc931 0",
    "rfc931 x",
    "setenv A B",
    "setenv A",
    "setenv",
    "banners /x",
    "banners",
  ],
  ...[
    "user nobody",
    "user nosuch",
    "user",
    "group nogroup",
    "aclexec /bin/true",
    "aclexec",
    "al\\:low",
  ],
  ...[
    "allow\xa0",
    "\xa0allow",
    "\fallow\v",
    "severity\finfo",
    "severity\xa0info",
    "severity\r=\rinfo",
  ],
  ...[
    "nice\v=5",
    "nice =\v5",
    "linger 4294967295",
    "linger \v5",
    "rfc931 4294967296",
    "rfc931 4294967297",
    "rfc931 \f5",
  ],
  ...["setenv A=B", "setenv A B=C", "setenv == x", "setenv \f x", "setenv \fx=", "setenv A\f=B"],
  ...["umask 0777", "umask 7777", "umask +22", "umask 00000022", "keepalive \f \r", "setenv \f"],
];
/** Complete files, about lines rather than their contents. */
const FILE_TEXTS = [
  ...[
    "",
    "\n",
    "# statd: ALL\n",
    " # statd: ALL\n",
    "#\\\nstatd: ALL\n",
    "statd: \\\n ALL\n",
    "statd: ALL\\\n",
  ],
  ...[
    "statd: ALL",
    "mountd: ALL",
    "#",
    " ",
    "statd",
    "statd\n",
    "statd:\n",
    ":\n",
    ": ALL\n",
    "statd ALL\n",
  ],
  ...[
    "statd: ALL\r\n",
    "\tstatd\t:\tALL\t\n",
    "statd:ALL:\n",
    "statd: ALL::\n",
    "statd: ALL: :allow\n",
    "\r\n",
  ],
  ...[
    "statd: 10.0.0.1\n\n\nstatd: ALL: deny\n",
    "statd: ALL: deny\nstatd: ALL\n",
    "statd: ALL\nx",
    "x\\\n",
  ],
  ...[
    "statd: 10.0.0.9\\",
    "statd, mountd: ,ALL,\n",
    "statd\fALL: ALL\n",
    "statd:\fALL\n",
    "statd:\vALL\n",
  ],
  ...[
    "statd: EXCEPT ALL\n",
    "statd: ALL EXCEPT\n",
    "EXCEPT statd: ALL\n",
    "statd EXCEPT: ALL\n",
    "st\0td: ALL\n",
  ],
  ...[
    "statd [1:2]: ALL\n",
    "x [:1]statd: ALL\n",
    "statd: [ 10.0.0.1\n",
    "statd: [::g] 10.0.0.1\n",
    "statd: ] : ALL\n",
  ],
  ...[
    "statd: [a:b] ALL : deny\n",
    "statd: [a ALL : deny\n",
    "[a:b] statd: ALL : allow\n",
    "statd\\: ALL\n",
  ],
  // In the library, a zero byte ends a string.
  ...["\0", "\\\n", "x\\\\\n\n", "\0\nstatd: ALL\n", "statd: A\0x\nLL\n", "statd: ALL\n\0"],
  ...["statd: 10.9.9.9 \0\nALL: allow x\n", "statd: ALL\0 : deny\n", "statd: ALL\\\0\n\n"],
  `statd: A\0${"x".repeat(2100)}\nLL\n`,
  `statd: A\0${"x".repeat(2029)}LL\n`,
  `statd: 10.0.0.1 ${"x".repeat(2029)}\n`,
  `statd: 10.0.0.1 ${"x".repeat(2030)}\n`,
  `statd: 10.0.0.1 ${"x".repeat(2031)}\n`,
  `statd: 10.0.0.1 ${"x".repeat(1000)}\\\n${"y".repeat(1028)}\n`,
  `statd: 10.0.0.1 ${"x".repeat(1000)}\\\n${"y".repeat(1031)}\nstatd: ALL\n`,
  `statd: 10.9.9.9\n${"x".repeat(3000)}\nstatd: ALL\n`,
];

const DENY_ALL = "ALL: ALL\n";

/** Each part alone, in the file that it admits by and in the file that it denies by. */
function givenCases(): Case[] {
  const cases: Case[] = [];
  const [address, named] = ["10.0.0.1", "good.example"];
  const both = (text: string, ...clients: string[]) => {
    for (const client of clients) {
      cases.push({ allow: text, deny: DENY_ALL, client }, { allow: "", deny: text, client });
    }
  };
  for (const [i, pattern] of PATTERNS.entries()) {
    const others = Object.keys(CLIENTS).slice(1);
    both(`statd: ${pattern}\n`, address, others[i % others.length]!);
    both(`statd: ALL EXCEPT ${pattern}\n`, i % 2 === 0 ? address : named);
  }
  both("statd: [2001:db8::]/ffff\n", "2001:db8::1");
  for (const daemon of DAEMONS) both(`${daemon}: ALL\n`, address);
  for (const option of OPTIONS) {
    for (const text of [option, `${option} : allow`]) both(`statd: ALL : ${text}\n`, address);
  }
  for (const text of FILE_TEXTS) both(text, address);
  return cases;
}

/** Files of several rules, combined from the parts. */
function generatedCases(count: number, random: (below: number) => number): Case[] {
  const one = <T>(from: readonly T[]) => from[random(from.length)]!;
  const keyword = () => one(["EXCEPT", "except", "Except"]);
  const list = (from: readonly string[]) => {
    let text = one(from);
    while (random(3) === 0) text += one([" ", ", ", ","]) + one(from);
    if (random(4) === 0) text += ` ${keyword()} ${one(from)}`;
    if (random(8) === 0) text += ` ${keyword()} ${one(from)}`;
    return text;
  };
  const rule = () => {
    const daemons = random(2) === 0 ? "statd" : list(DAEMONS);
    const options = random(3) === 0 ? `${one([":", " : "])}${one(OPTIONS)}` : "";
    const more = random(8) === 0 ? ` : ${one(OPTIONS)}` : "";
    const broken = random(10) === 0 ? "\\\n" : "";
    return `${daemons}${one([":", ": ", " : "])}${broken}${list(PATTERNS)}${options}${more}`;
  };
  const file = () => {
    const lines = Array.from({ length: random(4) }, rule).map((line) => `${line}\n`);
    if (random(8) === 0) lines.push(one(FILE_TEXTS));
    if (random(20) === 0) return lines.join("").replace(/\n$/, "");
    return lines.join("");
  };
  return Array.from({ length: count }, () => {
    const client = one(Object.keys(CLIENTS));
    return { allow: file(), deny: random(2) === 0 ? DENY_ALL : file(), client };
  });
}

/** Our decision. */
function ours({ allow, deny, client }: Case): Decision {
  const parse = (text: string, whenMatched: Decision) =>
    parseAccessFile(text, "statd", whenMatched, () => {});
  const entries = [...parse(allow, "allow"), ...parse(deny, "deny")];
  const { address, name } = CLIENTS[client]!;
  const netgroups = new Map<string, boolean>();
  for (;;) {
    const known = { address, name, netgroups };
    const decision = decideAccess(entries, known, (path) => FILES[path] ?? "");
    if (typeof decision !== "object") return decision;
    assert(decision.need === "netgroup");
    const { group } = decision;
    netgroups.set(group, group === "broad" || MEMBERS[group]?.includes(name!) === true);
  }
}

/** Pieces that mean something in the files: separators, quotes, keywords and parts of addresses. */
const PIECES = [
  ..." \t,:@.\\\n#/*?[]%=!-\r",
  ..."01f",
  "ALL",
  " EXCEPT ",
  "LOCAL",
  "KNOWN",
  "PARANOID",
  "statd",
  "10.",
  "::",
  "/24",
  ": allow",
  ": deny",
  "\\\n",
];

/** Cases with some pieces put in, taken out or doubled. */
function mutatedCases(cases: readonly Case[], count: number, random: (below: number) => number) {
  const mutate = (text: string) => {
    for (let changes = 1 + random(3); changes > 0; changes--) {
      const [at, piece] = [random(text.length + 1), PIECES[random(PIECES.length)]!];
      const taken = [0, 1, 1 + random(4)][random(3)]!;
      const put = [piece, "", text.slice(at, at + 1 + random(12))][random(3)]!;
      text = text.slice(0, at) + put + text.slice(at + taken);
    }
    return text;
  };
  return Array.from({ length: count }, (): Case => {
    const { allow, deny, client } = cases[random(cases.length)]!;
    return random(2) === 0
      ? { allow: mutate(allow), deny, client }
      : { allow, deny: mutate(deny), client };
  });
}

/** Whether the library admits a client by its netgroup. */
async function knowsNetgroups(host: TestHost): Promise<boolean> {
  await host.write("/run/hosts.allow", "statd: @broad\n");
  await host.write("/run/hosts.deny", DENY_ALL);
  const command = `cd /run && ${TCPDMATCH} -d statd 10.0.0.1`;
  return (await host.output("sh", "-c", command)).includes("granted");
}

systemTest(
  "trust 4, field 4 to 6: hosts.allow and hosts.deny are judged as by the TCP wrappers library",
  [TCPDMATCH],
  async (newHost) => {
    const host = await newHost({ hosts: HOSTS });
    await host.write("/etc/netgroup", NETGROUP);
    for (const [path, text] of Object.entries(FILES)) await host.write(path, text);
    const { seed, random } = seededRandom();
    const written = [...givenCases(), ...generatedCases(500, random)];
    const all = [...written, ...mutatedCases(written, 500, random)];
    // Debian 13 builds the library without netgroups, although hosts_access(5) describes them.
    const hasNetgroups = await knowsNetgroups(host);
    const cases = hasNetgroups
      ? all
      : all.filter(({ allow, deny }) => !/@|\/etc\//.test(allow + deny));
    const folder = Deno.makeTempDirSync();
    try {
      const bytes = (text: string) => Uint8Array.from(text, (one) => one.charCodeAt(0));
      for (const [i, { allow, deny, client }] of cases.entries()) {
        Deno.mkdirSync(`${folder}/${i}`);
        Deno.writeFileSync(`${folder}/${i}/hosts.allow`, bytes(allow));
        Deno.writeFileSync(`${folder}/${i}/hosts.deny`, bytes(deny));
        Deno.writeTextFileSync(`${folder}/${i}/client`, `${client}\n`);
      }
      const script = `for ((i = 0; i < ${cases.length}; i++)); do
          cd ${folder}/$i; read -r client <client
          said=$(timeout 10 ${TCPDMATCH} -d statd "$client" 2>/dev/null)
          [[ $said =~ access:[[:space:]]+([a-z]+)[^a-z]*$ ]]; echo "\${BASH_REMATCH[1]-none}"
        done`;
      const verdicts = (await host.output("bash", "-c", script)).trim().split("\n");
      assertEquals(verdicts.length, cases.length);
      const seen = new Set<string>();
      const wrong: string[] = [];
      for (const [i, one] of cases.entries()) {
        const theirs = verdicts[i] === "granted" ? "allow" : "deny";
        const decision = ours(one);
        if (decision === theirs) continue;
        const reasons = DIFFERENCES.filter(({ seenIn }) => seenIn.test(one.allow + one.deny));
        for (const { reason } of reasons) seen.add(reason);
        if (decision === "deny" && reasons.length > 0) continue;
        wrong.push(`${JSON.stringify(one)}: ${decision}, the library says ${verdicts[i]}`);
      }
      assertEquals(wrong, [], `seed ${seed}`);
      if (hasNetgroups) {
        assertEquals(seen.size, DIFFERENCES.length, `seen: ${[...seen].join("\n")}`);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
);
