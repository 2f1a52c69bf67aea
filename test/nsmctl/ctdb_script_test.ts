/** Event script of CTDB, with small programs in place of CTDB's library, of its callout and of nsmctl. */

import { assertEquals } from "@std/assert";
import { ctdbScript } from "../../lib/nsmctl/ctdb_script.ts";
import { eventually } from "../support/patience.ts";

const ADDRESSES = ["10.0.0.50", "10.0.0.51"];
/** Monitor events while a callout hangs, of which each finds something to tell. */
const EVENTS = 5;
/** CTDB's library. The end of each process in the background is recorded. */
const FUNCTIONS = `
load_script_options() { CTDB_NSM_LEDGER=etcd; }
ctdb_setup_state_dir() { script_state_dir=$CTDB_BASE/state; mkdir -p "$script_state_dir"; }
ctdb_check_args() { :; }
ctdb_get_pnn() { echo 0; }
nfs_callout_init() { CTDB_NFS_CALLOUT=callout; }
background_with_logging() { ("$@"; echo >>"$CTDB_BASE/ended") </dev/null >/dev/null 2>&1 & }
`;
const PROGRAMS = {
  nsmctl: `
    if [ "$2" = list ]; then for id in "$CTDB_BASE"/state/ip-*; do echo "\${id##*/}  held"; done; fi
    if [ "$2" = status ]; then echo "held epoch=3"; fi
    if [ "$2" = notify ]; then
      echo >>"$CTDB_BASE/notified"
      if [ -e "$CTDB_BASE/fails" ]; then exit 5; fi
    fi`,
  // hangs until the test writes to the pipe
  callout: `
    echo "$*" >>"$CTDB_BASE/called"
    if [ "$1" = stop ]; then read -r word <"$CTDB_BASE/pipe"; fi`,
  sleep: "",
};

/** Folder of CTDB, with the scripts in it. */
async function makeBase() {
  const base = await Deno.makeTempDir({ prefix: "nsm-ctdb." });
  const lines = (file: string) => {
    try {
      return Deno.readTextFileSync(`${base}/${file}`).split("\n").length - 1;
    } catch {
      return 0;
    }
  };
  const event = async (script: string, ...args: string[]) => {
    const { code } = await new Deno.Command("sh", {
      args: [`${base}/${script}`, ...args],
      env: { CTDB_BASE: base, CTDB: "echo", PATH: `${base}/bin:${Deno.env.get("PATH")}` },
    }).output();
    assertEquals(code, 0);
  };
  await Deno.mkdir(`${base}/bin`);
  await Deno.writeTextFile(`${base}/functions`, FUNCTIONS);
  for (const [name, text] of Object.entries(PROGRAMS)) {
    await Deno.writeTextFile(`${base}/bin/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  const terminal = {
    print: (text: string) => {
      for (const name of ["09.nsm", "61.nsm"]) {
        Deno.writeTextFileSync(`${base}/${name}.script`, text);
      }
    },
  };
  await ctdbScript.run({} as never, { terminal } as never);
  return { base, lines, event };
}

Deno.test("clients that could not be told, as nobody answered, are told by a later monitor event", async () => {
  const { base, event, lines } = await makeBase();
  const marker = `${base}/state/ip-${ADDRESSES[0]}`;
  await Deno.writeTextFile(`${base}/fails`, "");
  await Deno.writeTextFile(`${base}/pipe`, "");
  await event("09.nsm.script", "takeip", "eth0", ADDRESSES[0]!, "24");
  await event("61.nsm.script", "ipreallocated");
  await eventually("the first attempt has ended", () => lines("ended") === 1);
  assertEquals(Deno.readTextFileSync(marker).trim(), "");
  await Deno.remove(`${base}/fails`);
  await event("61.nsm.script", "monitor");
  await eventually("the second one has ended", () => lines("ended") === 2);
  assertEquals(Deno.readTextFileSync(marker), "3\n");
  await event("61.nsm.script", "monitor");
  assertEquals([lines("notified"), lines("called")], [2, 2], "nobody is told, or restarted, again");
  await Deno.remove(base, { recursive: true });
});

Deno.test("while CTDB's callout hangs, its events leave one process that waits, not one each", async () => {
  const { base, event, lines } = await makeBase();
  await new Deno.Command("mkfifo", { args: [`${base}/pipe`] }).output();
  // Open for reading, too: then writing never waits for a callout.
  using pipe = await Deno.open(`${base}/pipe`, { read: true, write: true });
  try {
    await event("09.nsm.script", "takeip", "eth0", ADDRESSES[0]!, "24");
    await event("61.nsm.script", "ipreallocated");
    await eventually("the callout hangs", () => lines("called") === 1);
    await event("09.nsm.script", "takeip", "eth0", ADDRESSES[1]!, "24");
    // The first event only sees the change.
    for (let i = 0; i <= EVENTS; i++) await event("61.nsm.script", "monitor");
    await eventually(
      "all but one have ended",
      () => Promise.resolve(lines("ended") === EVENTS - 1),
    );
  } finally {
    await pipe.write(new TextEncoder().encode("on\n".repeat(EVENTS + 2)));
    await eventually("all have ended", () => lines("ended") === EVENTS + 1);
  }
  assertEquals(lines("called"), 4, "the lock manager is restarted for the second change, too");
  for (const address of ADDRESSES) {
    assertEquals(Deno.readTextFileSync(`${base}/state/ip-${address}`), "3\n", "told of its epoch");
  }
  await Deno.remove(base, { recursive: true });
});
