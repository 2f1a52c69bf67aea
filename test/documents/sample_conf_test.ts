import { assert, assertEquals } from "@std/assert";
import { loadSmNotifySettings, loadStatdSettings } from "../../lib/config/load.ts";
import { sampleConf } from "./sample_conf.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const SAMPLE = new URL("../../conf/nfs.conf", import.meta.url);

Deno.test("sampleConf() is conf/nfs.conf", { permissions: { read: [SAMPLE] } }, () => {
  assertEquals(Deno.readTextFileSync(SAMPLE), sampleConf());
});

Deno.test("sampleConf() sets nothing", { permissions: "none" }, () => {
  const outcome = load(sampleConf());
  assertEquals(
    new Set(outcome.flatMap(({ origins }) => Object.values(origins))),
    new Set(["default"]),
  );
});

Deno.test("sampleConf() shows the defaults", { permissions: "none" }, () => {
  const uncommented = sampleConf().replace(/^# ([a-z-]+=)/gm, "$1");
  const [statd, smNotify] = load(uncommented);
  const [statdDefaults, smNotifyDefaults] = load("");
  assertEquals(statd?.settings, statdDefaults?.settings);
  assertEquals(smNotify?.settings, smNotifyDefaults?.settings);
  assertEquals(statd?.origins["port"], "/etc/nfs.conf:12");
});

/** Settings of both programs; neither may have a warning. */
function load(conf: string) {
  const files = new MemoryFiles({ "/etc/nfs.conf": conf, "/var/lib/nfs/state": "" });
  const start = { programName: "x", args: [], env: new Map(), files };
  return [loadStatdSettings(start), loadSmNotifySettings(start)].map((outcome) => {
    assert(outcome.kind === "run");
    assertEquals(outcome.warnings, []);
    const { settings, origins }: { settings: unknown; origins: Record<string, string> } = outcome;
    return { settings, origins };
  });
}
