/**
 * Transcripts in nsmctl's manual page: each command is run, and its output must equal the transcript,
 * except for times, process ids and the like. NSMCTL_TRANSCRIPTS=write rewrites the transcripts:
 *
 *     NSMCTL_TRANSCRIPTS=write ./install.sh deno test -A test/system/nsmctl_transcripts_test.ts
 */

import { assertEquals } from "@std/assert";
import { message, mon, notify } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_FOLDER, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { KILL_LINE, SCRIPT, TAB, TypedShell } from "../support/typed_shell.ts";

const PAGE = new URL("../../conf/nsmctl.8", import.meta.url);
const BEGIN = '.\\" transcripts: test/system/nsmctl_transcripts_test.ts\n';
const END = '.\\" end of transcripts\n';
const STATD = { address: "127.0.0.1", port: STATD_PORT };
const CLIENT = { address: "10.99.0.9", port: 0 };

/** Commands, each with its purpose. */
const COMMANDS: readonly (readonly [text: string, ...args: string[]])[] = [
  ["Monitored peers, and peers still to be told of the last reboot:", "list"],
  ["State of the daemon:", "status"],
  ["Test of the status monitor of a client:", "test", "client.example.net"],
  ["Notice to a client that missed our reboot:", "notify", "client.example.net"],
  ["Diagnosis of locks that do not work:", "doctor"],
  ["Removal of hosts that will not come back:", "forget", "--yes", "--older-than", "30d"],
  [
    "Dropping the locks of a client that will not come back:",
    "declare-rebooted",
    "--yes",
    "--even-if-alive",
    "client.example.net",
  ],
  ["Output for scripts written for macOS:", "-l"],
];

const NEEDS = [OUR_NSMCTL, OUR_STATD, SCRIPT];

systemTest("nsmctl prints what its manual page shows", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources, {
    addresses: ["10.99.0.9/32"],
    hosts: ["10.99.0.9 client.example.net client"],
  });
  await host.putRecord("sm.bak", "old.example.net", "server.example.net");
  await host.host.output("touch", "-d", "-40 days", "/var/lib/nfs/sm.bak/old.example.net");
  await host.startStatd();
  const registration = { monName: "client.example.net", myName: "server.example.net" };
  await host.agent.datagram(message(mon(registration)), STATD);
  await eventually(
    "its address is known",
    async () => (await host.run("list")).stdout.includes(CLIENT.address),
  );
  await host.agent.datagram(message(notify("client.example.net", 7)), STATD, CLIENT);
  await host.agent.called(1);

  const transcripts: string[] = [];
  const watch = host.host.start(OUR_NSMCTL, "watch");
  await watch.line(/old\.example/);
  for (const [text, ...args] of COMMANDS) {
    const { stdout, stderr } = await host.run(...args);
    assertEquals(stderr, "", args.join(" "));
    transcripts.push(transcript(text, args, stdout));
  }
  await watch.line(/ gone .*old\.example/);
  const text = "Changes as they happen:";
  transcripts.push(transcript(text, ["watch"], `${watch.lines.join("\n")}\n`));

  const { stdout: completion } = await host.run("completion", "bash");
  const shell = await TypedShell.start(host.host, "bash", OUR_FOLDER, { nsmctl: completion });
  const candidates = await shell.type(`nsmctl d${TAB}${TAB}${KILL_LINE}`, /doctor/);
  const place = "/etc/bash_completion.d/nsmctl";
  transcripts.push(transcript(
    "Completion with the TAB key:",
    ["completion", "bash", ">", place],
    `# . ${place}\n# nsmctl d<TAB><TAB>\n${candidates}\n`,
  ));

  const page = await Deno.readTextFile(PAGE);
  const [before = "", rest = ""] = page.split(BEGIN);
  const [stored = "", after = ""] = rest.split(END);
  const printed = transcripts.join(".Pp\n").replaceAll(Deno.hostname(), "server");
  if (Deno.env.get("NSMCTL_TRANSCRIPTS") === "write") {
    await Deno.writeTextFile(PAGE, before + BEGIN + printed + END + after);
  } else assertEquals(comparable(printed), comparable(stored));
});

/** A command and its output as a part of the page. */
function transcript(text: string, args: readonly string[], output: string): string {
  const lines = `# nsmctl ${args.join(" ")}\n${output}`
    .replaceAll("\\", "\\e").replaceAll(/^(?=[.'])/gm, "\\&").replaceAll(/ +$/gm, "");
  return `${text}\n.Bd -literal -offset 2n\n${lines}.Ed\n`;
}

/** Text without parts that vary. */
function comparable(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\d(?: UTC[+-]\d\d:\d\d)?/g, "DAY")
    .replaceAll(/\d\d:\d\d:\d\d/g, "TIME")
    .replaceAll(/\d+ (?:d|h|min|s)(?: \d+ (?:h|min|s))?(?![a-z])/g, "SPAN")
    .replaceAll(/\d+(?:\.\d+)? (?:ms|s|MB)(?![a-z])/g, "AMOUNT")
    .replaceAll(/(version|process|user) [\d.]+( \(\w+\))?/g, "$1 N")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, "UUID")
    .replaceAll(/ +/g, " ");
}
