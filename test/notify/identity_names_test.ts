import { assertEquals, assertMatch } from "@std/assert";
import { identityNames, withoutIdentities } from "../../lib/notify/identity_names.ts";
import { RecordingLog } from "../support/recording_log.ts";

const NAMES = identityNames([
  ["vip1", {
    names: "nfs1.example.net",
    addresses: "10.0.0.50",
    ledger: "directory:/srv/vip1/nsm",
  }],
  ["broken", { names: "nfs2" }],
  ["none", null],
]);

Deno.test("R5: the host announces its own name in place of an identity's", () => {
  const log = new RecordingLog();
  const sources = withoutIdentities(
    [
      { name: "NFS1.example.net.", addresses: ["10.0.0.50"] },
      { name: "nfs1", addresses: [] },
      { name: "10.0.0.50", addresses: ["10.0.0.50"] },
      { name: "nfs2", addresses: ["10.0.0.2"] },
    ],
    NAMES,
    "nodea",
    log,
  );
  assertEquals(sources, [
    { name: "nodea", addresses: [] },
    { name: "nfs2", addresses: ["10.0.0.2"] },
  ]);
  assertMatch(log.of("warning")[0]!, /belongs to identity vip1, whose holder announces it/);
});

Deno.test("R5: without identities sources stay as they are", () => {
  const log = new RecordingLog();
  const sources = [{ addresses: [] }, { name: "nodea", addresses: [] }];
  assertEquals(withoutIdentities(sources, new Map(), "nodea", log), sources);
  assertEquals(log.lines, []);
});
