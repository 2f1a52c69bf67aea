/** Differential scenarios about /etc/hosts.allow and /etc/hosts.deny. */

import { type Call, mon, notify, nullCall, stat } from "../support/nsm_calls.ts";
import type { Scenario, Step } from "../support/scenario.ts";

const OWN = "10.99.0.1";
/** Other hosts; the second and the third have names. */
const STRANGERS = ["10.98.0.5", "10.98.0.6", "10.98.1.7", "fd98::5"];

const HOST = {
  addresses: [`${OWN}/32`, "fd99::1/128"],
  strangers: ["10.98.0.0/16", "fd98::/64"],
  hosts: ["10.98.0.6 six.example six", "10.98.1.7 seven.example seven"],
};

function by(address: string, what: string, call: Call, over: "udp" | "tcp" = "udp"): Step {
  const to = address.includes(":") ? "fd99::1" : OWN;
  const suffix = over === "tcp" ? " over tcp" : "";
  return { does: `${what} by ${address}${suffix}`, call, over, to, from: { address } };
}

/** Contents of the two files. */
const RULES: readonly (readonly [allow: string, deny: string])[] = [
  ["", "statd: ALL"],
  ["rpcbind: ALL", "ALL: ALL"],
  ["", "rpc.statd: ALL"],
  ["", "statd: 10.98.0.5"],
  ["", "statd: 10.98.0."],
  ["", "statd: 10.98.0.0/255.255.255.0"],
  ["", "statd: 10.98.1.0/24"],
  ["", "statd: [fd98::]/64"],
  ["", "statd: six.example"],
  ["", "statd: .example"],
  ["", "statd: ALL EXCEPT 10.98.0.5"],
  ["rpcbind: ALL", "ALL EXCEPT statd: ALL"],
  ["", "statd: KNOWN"],
  ["", "statd: UNKNOWN"],
  ["", "rpcbind, statd : 10.98.0.5, 10.98.0.6"],
  ["statd: 10.98.0.5", "statd: ALL"],
  ["statd: 10.98.0.5: deny", ""],
  ["ALL: ALL", "ALL: ALL"],
  ["", "# statd: ALL\n\nstatd: \\\n 10.98.0.5"],
  ["", "nonsense\nstatd: 10.98.0.5"],
];

function ruleScenario([allow, deny]: readonly [string, string]): Scenario {
  const files = [["hosts.allow", allow], ["hosts.deny", deny]] as const;
  const shown = files.filter(([, text]) => text !== "")
    .map(([name, text]) => `${name}: ${text.replaceAll("\n", "\\n")}`);
  const isFirst = allow === "" && deny === "statd: ALL";
  return {
    name: shown.join(", "),
    host: { ...HOST, etc: { "hosts.allow": `${allow}\n`, "hosts.deny": `${deny}\n` } },
    steps: [
      ...["127.0.0.1", OWN, ...STRANGERS].map((address) => by(address, "NULL", nullCall)),
      ...(isFirst ? DETAILS : []),
    ],
  };
}

/** Steps decided before the rules, and steps decided after them. */
const DETAILS: readonly Step[] = [
  { does: "NULL by 127.0.0.2", call: nullCall, from: { address: "127.0.0.2" } },
  {
    does: "NULL by 127.0.0.2 over tcp",
    call: nullCall,
    from: { address: "127.0.0.2" },
    over: "tcp",
  },
  ...STRANGERS.map((address) => by(address, "NULL", nullCall, "tcp")),
  by("10.98.0.5", "STAT", stat("localhost")),
  by("10.98.0.5", "MON", mon({ monName: "10.98.0.6" })),
  by("10.98.0.5", "NOTIFY", notify("10.98.0.6", 5)),
  by("10.98.0.5", "malformed STAT", { procedure: 1, args: "ffffffff" }, "tcp"),
  by("10.98.0.5", "procedure 7", { procedure: 7 }),
  by("10.98.0.5", "version 2", { procedure: 0, version: 2 }),
  by("10.98.0.5", "an unknown program", { procedure: 0, program: 5 }),
];

export const ACCESS_SCENARIOS: readonly Scenario[] = RULES.map(ruleScenario);
