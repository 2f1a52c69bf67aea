/**
 * Evidence for README's chapter Security: each sentence has an existing test, or a reason why it
 * has none.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const README = new URL("../../README.md", import.meta.url);
const TESTS = new URL("../", import.meta.url);

/**
 * Start of a sentence, with its evidence: a file below test/ and words of a test's name in it, or a
 * reason.
 */
type Evidence =
  | readonly [start: string, file: string, words: string]
  | readonly [
    start: string,
    reason: { readonly none: string },
  ];

const FACT: { readonly none: string } = { none: "a fact about the protocol, or about others" };
const SUMMARY: { readonly none: string } = { none: "sums up what follows" };

const EVIDENCE: readonly Evidence[] = [
  ["The protocol has no authentication", FACT],
  ["A host is protected by", SUMMARY],
  ["| procedure", "protocol/nsm_test.ts", "accessFault() lets only loopback call the rest"],
  ["Local callers are recognised once", "system/forged_source_test.ts", "trust 1: no packet"],
  ["A message is local", "system/forged_source_test.ts", "trust 1: no packet"],
  ["No socket that serves is dual-stack", "system/forged_source_test.ts", "::ffff:127.0.0.1"],
  ["So are datagrams to or from", "system/forged_source_test.ts", "10.98.0.255"],
  ["`test/system/forged_source_test.ts`", "system/forged_source_test.ts", "trust 1: no packet"],
  ["The port is exclusive", "system/port_test.ts", "trust 3: no other user gets a port of statd"],
  [
    "A socket that another user has",
    "system/port_test.ts",
    "trust 3: a port that another user had",
  ],
  ["Local callers have UDP sockets", "system/trust_test.ts", "trust 8: loopback has sockets"],
  ["Forged notices: any host", FACT],
  ["`notify-source-check = enforce`", "system/peer_state_test.ts", "trust 15: enforce"],
  ["`notify-state-check = enforce`", "system/peer_state_test.ts", "trust 15: enforce"],
  ["For any other state number", "system/peer_state_test.ts", "trust 15: enforce"],
  ["`warn`, the default", "system/notify_source_test.ts", "a doubtful notice is passed on"],
  [
    "The last state of each peer",
    "system/notify_source_test.ts",
    "enforce: a replay causes no callback, nor",
  ],
  ["A forged source address", FACT],
  [
    "Floods meet limits",
    "system/notify_source_test.ts",
    "enforce: a flood causes no callback, and",
  ],
  ["hosts.allow and hosts.deny have", "system/tcp_wrappers_test.ts", "trust 4, field 4 to 6"],
  [
    "Rules that cannot be judged",
    "nsm/hosts_access_test.ts",
    "trust 4: a pattern that cannot be judged",
  ],
  [
    "The files are read before root",
    "system/hosts_files_test.ts",
    "a hosts.deny readable only for root is in",
  ],
  ["A file that becomes unreadable", "hosts/hosts_files_test.ts", "trust 4: a hosts.deny that"],
  [
    "Both cases log a warning",
    "system/hosts_files_test.ts",
    "a hosts.deny that becomes unreadable keeps",
  ],
  ["A rule by name or netgroup", "hosts/hosts_files_test.ts", "trust 13: a decision by name"],
  ["A call is not answered", "hosts/hosts_files_test.ts", "trust 13: a decision by name"],
  [
    "This host's own addresses",
    "system/forged_source_test.ts",
    "trust 1: hosts.deny refuses callers that",
  ],
  ["Limits: 100,000 hosts", "nsm/service_test.ts", "trust 11: registrations of a host"],
  ["1,024 notices of one source", "nsm/notice_gate_test.ts", "SourceLimits admits a burst"],
  [
    "Eight connections for metrics",
    "statd/metrics_server_test.ts",
    "trust 2: a partial request times out after",
  ],
  [
    "Log lines that other hosts",
    "system/trust_test.ts",
    "trust 12: errors of local callers take a",
  ],
  ["Work in proportion", "system/trust_test.ts", "trust 6: a call is answered while"],
  ["nsmctl uses a control socket", "control/client_test.ts", "trust 19: a socket of another user"],
  ["On the host any user", FACT],
  [
    "A callback only ever goes",
    "nsm/callback_test.ts",
    "add() calls the registered procedure, with",
  ],
  ["In DNS an attacker", FACT],
  ["Nothing waits for DNS", "nsm/security_history_test.ts", "no mon_name makes or removes"],
  ["With `enforce` a name", "nsm/notices_test.ts", "does not trust the name that a source"],
  ["Received text is checked", "nsm/security_history_test.ts", "no mon_name makes or removes"],
  [
    "The callout gets it",
    "platform/callout_test.ts",
    "trust 5: runCallout() passes bytes that are",
  ],
  ["The callout runs for a notice", "statd/ha_callout_test.ts", "trust 5: few callouts run"],
  ["Calls beyond that", "nsm/service_test.ts", "trust 5: a call whose callout cannot be run"],
  [
    "A callout that fails leaves",
    "system/callout_test.ts",
    "realworld F6: the end of a failed callout's",
  ],
  ["Privileges: after the start", "system/privileges_test.ts", "drops everything but reserved"],
  [
    "Callouts run with the same",
    "system/process_test.ts",
    "rpc.statd has the properties in process.md",
  ],
  [
    "Descriptors inherited from the starter",
    "system/process_test.ts",
    "rpc.statd has the properties in process.md",
  ],
  [
    "The program reads no code",
    "system/environment_test.ts",
    "trust 20: the environment changes no",
  ],
  [
    "Variables that the runtime",
    "system/environment_test.ts",
    "trust 20: the environment changes no",
  ],
  ["`LD_*`, `GLIBC_TUNABLES`", FACT],
  [
    "[test/system/process.md]",
    "system/process_test.ts",
    "rpc.statd has the properties in process.md",
  ],
  ["Permissions of the runtime", "system/privileges_test.ts", "revokePermissions() compiled"],
  ["Setting a first callout", { none: "follows from the sentence before" }],
  ["Permissions for the network", "system/privileges_test.ts", "revokePermissions() compiled"],
  ["The permission for files", "system/privileges_test.ts", "revokePermissions() compiled"],
  ["Functions of the C library", { none: "how the runtime works" }],
  ["The first one is the kernel's", "conf/units_test.ts", "the units have the same sandbox"],
];

/** Sentences of a chapter without bold marks; a table counts as one sentence. */
function sentencesOf(text: string): string[] {
  return text.split(/\n\n|\n(?=- )/)
    .map((block) => block.replace(/^\s*- /, "").replaceAll("**", "").replaceAll(/\s+/g, " ").trim())
    .filter((block) => block !== "")
    .flatMap((block) => block.startsWith("|") ? [block] : block.split(/(?<=\.)\s+(?=[A-Z1`[])/));
}

Deno.test("trust: each sentence about security has a test, or a reason why not", async (t) => {
  const chapter = /\n## Security\n(.*?)\n## /s.exec(Deno.readTextFileSync(README))![1]!;
  const sentences = sentencesOf(chapter);
  assertEquals(sentences.length, EVIDENCE.length, sentences.join("\n"));
  for (const [i, sentence] of sentences.entries()) {
    const [start, file, words] = EVIDENCE[i]!;
    await t.step(start, () => {
      assert(sentence.startsWith(start), `"${sentence}" is not "${start} …"`);
      if (typeof file !== "string") return assert(file.none !== "");
      assertStringIncludes(Deno.readTextFileSync(new URL(file, TESTS)), words!);
    });
  }
});
