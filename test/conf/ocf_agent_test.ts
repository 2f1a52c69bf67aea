/** OCF agent with a stand-in for nsmctl and for the functions of resource-agents. */

import { assertEquals } from "@std/assert";

const AGENT = new URL("../../conf/ocf/identity", import.meta.url).pathname;
const FUNCTIONS = `
OCF_SUCCESS=0 OCF_ERR_GENERIC=1 OCF_ERR_ARGS=2 OCF_ERR_UNIMPLEMENTED=3 OCF_ERR_INSTALLED=5
OCF_ERR_CONFIGURED=6 OCF_NOT_RUNNING=7
ocf_log() { echo "$2"; }
ocf_exit_reason() { echo "$*" >&2; }
ocf_is_true() { [ "$1" = true ]; }
ocf_is_probe() { false; }
`;
/** Not held at first; a run of notify leaves clients. */
const NSMCTL = `#!/bin/sh
case $2 in
  status) exit 1 ;;
  notify) echo "$4" && exit 6 ;;
esac
`;

/** Deadline of the notify run of a start, in seconds; or the complaint of the agent. */
async function deadlineOf(env: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "nsm-ocf." });
  try {
    await Deno.writeTextFile(`${folder}/ocf-shellfuncs`, FUNCTIONS);
    await Deno.writeTextFile(`${folder}/nsmctl`, NSMCTL, { mode: 0o755 });
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: [AGENT, "start"],
      env: {
        ...{ OCF_FUNCTIONS_DIR: folder, HA_RSCTMP: folder, OCF_RESKEY_nsmctl: `${folder}/nsmctl` },
        ...{ OCF_RESKEY_id: "vip1", OCF_RESKEY_phase: "notify", ...env },
      },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return text.split("\n")[0]!;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the deadline of the agent fits into Pacemaker's timeout, and is whole without one", async () => {
  const limited = (text: string) => text.replace(/^--deadline=(?:1[0-5]|[1-9])$/, "at most 15");
  assertEquals(limited(await deadlineOf({ OCF_RESKEY_CRM_meta_timeout: "20000" })), "at most 15");
  assertEquals(await deadlineOf({ OCF_RESKEY_CRM_meta_timeout: "999" }), "--deadline=1");
  for (const timeout of ["", "0", "3600000", "-5", "soon", "08000"]) {
    assertEquals(
      await deadlineOf({ OCF_RESKEY_CRM_meta_timeout: timeout }),
      "--deadline=25",
      timeout,
    );
  }
  assertEquals(await deadlineOf({}), "--deadline=25");
  for (const deadline of ["08", "0", "25s", "-1"]) {
    assertEquals(
      await deadlineOf({ OCF_RESKEY_deadline: deadline }),
      `deadline "${deadline}" is no number of seconds`,
    );
  }
});
