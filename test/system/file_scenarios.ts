/** Differential scenarios about the contents of the state directory at the start of statd. */

import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, notify, OTHER_PRIV, stat, unmon, unmonAll } from "../support/nsm_calls.ts";
import { NETWORK, type Scenario, type Step } from "../support/scenario.ts";

const A = "10.99.9.1";

/** The number in the file decides the number in the answers. */
function stateNumber(name: string, bytes: readonly number[] | undefined): Scenario {
  return {
    name: `state number, ${name}`,
    before: async (host) => {
      const path = `${STATE_DIRECTORY}/state`;
      if (bytes === undefined) await Deno.remove(host.path(path));
      else await host.write(path, Uint8Array.from(bytes));
    },
    steps: [
      { does: "STAT", call: stat("localhost") },
      { does: "MON", call: mon({ monName: A }) },
      { does: "UNMON", call: unmon({ monName: A }) },
      { does: "a restart", isRestart: true },
      { does: "STAT after the restart", call: stat("localhost") },
    ],
  };
}

const ADVANCED: Scenario = {
  name: "state number, advanced by another program",
  before: (host) => host.write(`${STATE_DIRECTORY}/state`, Uint8Array.of(5, 0, 0, 0)),
  steps: [
    { does: "STAT", call: stat("localhost") },
    {
      does: "it is advanced",
      act: (host) => host.write(`${STATE_DIRECTORY}/state`, Uint8Array.of(7, 0, 0, 0)),
    },
    { does: "STAT after that", call: stat("localhost") },
    { does: "MON after that", call: mon({ monName: A }) },
    { does: "UNMON after that", call: unmon({ monName: A }) },
  ],
};

const USUAL = "0100007f 000186b5 00000003 00000010 000102030405060708090a0b0c0d0e0f";

/** Files left by other versions, crashes and users. */
const FILES: Readonly<Record<string, string>> = {
  "10.99.9.1": `${USUAL} 10.99.9.1 thishost\n`,
  "10.99.9.2": `${USUAL} 10.99.9.2 thishost`,
  "10.99.9.3": `${USUAL} 10.99.9.3 thishost\n${USUAL} 10.99.9.3 second\n`,
  "10.99.9.4": `${USUAL.toUpperCase()} 10.99.9.4 thishost\n`,
  "10.99.9.5": `${USUAL.replace("0100007f", "0a63000a")} 10.99.9.5 thishost\n`,
  "10.99.9.6": `${USUAL} 10.99.9.6 \n`,
  "10.99.9.7": `${USUAL} 10.99.9.7 thishost\n${USUAL}`,
  "10.99.9.8": `${USUAL} 10.99.9.8 thishost\n\n${USUAL} 10.99.9.8 second\n`,
  "10.99.9.9": `${USUAL} 10.99.9.9 this host\n`,
  "10.99.9.10.new": `${USUAL} 10.99.9.10.new thishost\n`,
  "10.99.9.11": `${USUAL} 10.99.9.11 thishost\n${USUAL} 10.99.9.11 thishost\n`,
  "10.99.9.12": "",
  "10.99.9.13": "garbage\n",
  "10.99.9.14": `${USUAL.slice(0, -1)} 10.99.9.14 thishost\n`,
  "10.99.9.15": `${USUAL} 10.99.9.15 ${"m".repeat(1014)}\n`,
  "10.99.9.16": `${USUAL} 10.99.9.16 ${"m".repeat(1100)}\n`,
  ".10.99.9.17": `${USUAL} 10.99.9.17 thishost\n`,
};
/** Files with at least one valid line. */
const SOUND = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10.new", "11", "14", "15", "16"];
const UNSOUND = ["12", "13", "17", "18", "19"];
/** Numbers of callbacks other than one: from Debian's program and from ours. */
const CALLBACKS: Readonly<Record<string, readonly [number, number]>> = {
  "3": [2, 2],
  "7": [2, 1],
  "8": [2, 2],
  "11": [2, 1],
  "14": [1, 0],
  "16": [1, 0],
};

async function writeFiles(host: TestHost, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const inside = `${STATE_DIRECTORY}/sm/${name}`;
    await host.write(inside, content);
    await host.output("chown", `--reference=${STATE_DIRECTORY}/sm`, inside);
    await Deno.chmod(host.path(inside), 0o600);
  }
}

const FOUND_FILES: Scenario = {
  name: "files found at start",
  before: async (host) => {
    await writeFiles(host, FILES);
    await Deno.mkdir(host.path(`${STATE_DIRECTORY}/sm/10.99.9.18`));
    await Deno.symlink("10.99.9.1", host.path(`${STATE_DIRECTORY}/sm/10.99.9.19`));
  },
  steps: [
    ...UNSOUND.map((last): Step => ({
      does: `NOTIFY of ${last}`,
      call: notify(`10.99.9.${last}`, 5),
    })),
    ...SOUND.map((last): Step => ({
      does: `NOTIFY of ${last}`,
      call: notify(`10.99.9.${last}`, 5),
      callbacks: CALLBACKS[last] ?? 1,
    })),
    { does: "MON of one that is known", call: mon({ monName: "10.99.9.1" }) },
    { does: "MON with a new cookie", call: mon({ monName: "10.99.9.1", priv: OTHER_PRIV }) },
    {
      does: "MON behind a line without end",
      call: mon({ monName: "10.99.9.2", myName: "second" }),
    },
    ...SOUND.map((last): Step => ({
      does: `UNMON of ${last}`,
      call: unmon({ monName: `10.99.9.${last}` }),
    })),
    { does: "UNMON without my_name", call: unmon({ monName: "10.99.9.6", myName: "" }) },
    { does: "UNMON of an unsound one", call: unmon({ monName: "10.99.9.13" }) },
    { does: "MON of an unsound one", call: mon({ monName: "10.99.9.13" }) },
    { does: "MON of an empty one", call: mon({ monName: "10.99.9.12" }) },
    { does: "MON of a directory", call: mon({ monName: "10.99.9.18" }) },
    { does: "MON of a link", call: mon({ monName: "10.99.9.19", priv: OTHER_PRIV }) },
    { does: "UNMON_ALL", call: unmonAll() },
  ],
};

/** nfs-utils files a peer under its official name, and also knows it by this file name. */
const FILED_ELSEWHERE: Scenario = {
  name: "files of another name",
  host: NETWORK,
  before: (host) =>
    writeFiles(host, {
      "peer.example": `${USUAL} peer thishost\n${USUAL} 10.99.0.3 thishost\n`,
      "gone.example": `${USUAL} former thishost\n${USUAL} 10.99.9.9 second\n`,
    }),
  steps: [
    { does: "NOTIFY by the file's name", call: notify("gone.example", 5), callbacks: 2 },
    { does: "NOTIFY by a name of the peer", call: notify("peer.example", 5), callbacks: 2 },
    {
      does: "NOTIFY by source",
      call: notify("nobody.example", 7),
      to: "10.99.0.1",
      from: { address: "10.99.0.3" },
      callbacks: 2,
    },
    { does: "MON with a new cookie", call: mon({ monName: "peer", priv: OTHER_PRIV }) },
    { does: "UNMON", call: unmon({ monName: "peer" }) },
    { does: "UNMON of the last", call: unmon({ monName: "10.99.0.3" }) },
    { does: "UNMON of the gone", call: unmon({ monName: "former" }) },
  ],
};

/** The list survives a restart; pending callbacks do not. */
const RESTART: Scenario = {
  name: "a restart",
  steps: [
    { does: "MON", call: mon({ monName: A }) },
    {
      does: "MON by a second requester",
      call: mon({ monName: A, myName: "second", priv: OTHER_PRIV }),
    },
    { does: "NOTIFY", call: notify(A, 5), callbacks: 2 },
    { does: "it restarts", isRestart: true },
    { does: "NOTIFY of the same state", call: notify(A, 5), callbacks: [2, 0] },
    { does: "NOTIFY of a new state", call: notify(A, 7), callbacks: 2 },
    { does: "MON again", call: mon({ monName: A }) },
    { does: "UNMON", call: unmon({ monName: A }) },
    { does: "UNMON of the second", call: unmon({ monName: A, myName: "second" }) },
  ],
};

export const FILE_SCENARIOS: readonly Scenario[] = [
  stateNumber("none", undefined),
  stateNumber("empty", []),
  stateNumber("too short", [5, 0]),
  stateNumber("odd", [7, 0, 0, 0]),
  stateNumber("even", [6, 0, 0, 0]),
  stateNumber("zero", [0, 0, 0, 0]),
  stateNumber("negative", [0xff, 0xff, 0xff, 0xff]),
  stateNumber("the highest", [0xff, 0xff, 0xff, 0x7f]),
  stateNumber("the highest even", [0xfe, 0xff, 0xff, 0x7f]),
  stateNumber("with more behind it", [9, 0, 0, 0, 1, 2, 3]),
  ADVANCED,
  FOUND_FILES,
  FILED_ELSEWHERE,
  RESTART,
];
