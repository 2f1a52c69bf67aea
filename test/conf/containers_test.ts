/**
 * What starts the program in containers: image, manifests and Quadlet unit say what the program understands.
 * `deno task newcomer manifests` starts them.
 */

import { assert, assertEquals } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { smNotify, statd } from "../config/starts.ts";

const folder = new URL("../../conf/containers/", import.meta.url);
const textOf = (name: string) => Deno.readTextFileSync(new URL(name, folder));

/** Values behind a word at the beginning of a line, also of an item of a list. */
function valuesOf(text: string, word: string): string[] {
  return [...text.matchAll(new RegExp(`^[ -]*${word}(.*)$`, "gm"))].map(([, value]) => value!);
}

Deno.test("containers: the image is that of this version", () => {
  for (const name of ["daemonset.yaml", "sidecar.yaml"]) {
    const images = valuesOf(textOf(name), "image: ").filter((it) => it.includes("/nsm"));
    assert(images.length > 0);
    for (const image of images) assertEquals(image, `localhost/nsm:${project.version}`, name);
  }
  const unit = textOf("nsm.container");
  assertEquals(valuesOf(unit, "Image="), [`localhost/nsm:${project.version}`]);
  assert(textOf("Containerfile").includes(`nsm-${project.version}-x86_64.tar.gz`));
});

Deno.test("containers: every argument is one that the program takes", () => {
  const ofStatd = [
    ...valuesOf(textOf("daemonset.yaml"), "args: (?=.*-F)").map((it) => JSON.parse(it)),
    ...valuesOf(textOf("sidecar.yaml"), "args: (?=.*-F)").map((it) => JSON.parse(it)),
    ...valuesOf(textOf("nsm.container"), "Exec=").map((it) => it.split(" ")),
    ...valuesOf(textOf("Containerfile"), "CMD ").map((it) => JSON.parse(it)),
  ];
  assertEquals(ofStatd.length, 4);
  for (const args of ofStatd) {
    const loaded = statd({ args });
    assert(loaded.kind !== "exit", `${args}`);
    assert(loaded.settings.foreground && loaded.settings.noSyslog, `${args}`);
  }
  const [ofSmNotify = ""] = valuesOf(textOf("sidecar.yaml"), "args: (?=.*instance-id)");
  const loaded = smNotify({ args: JSON.parse(ofSmNotify) });
  assert(loaded.kind !== "exit");
  assertEquals(loaded.settings.instanceId, "$(POD_UID)");
});

Deno.test("containers: a serving program has no capability but that for ports below 1024", () => {
  const quadlet = textOf("nsm.container");
  assertEquals(valuesOf(quadlet, "DropCapability="), ["all"]);
  assertEquals(valuesOf(quadlet, "AddCapability="), ["CAP_NET_BIND_SERVICE"]);
  for (const name of ["daemonset.yaml", "sidecar.yaml"]) {
    const text = textOf(name);
    assertEquals(valuesOf(text, "drop: "), ["[ALL]"], name);
    assertEquals(valuesOf(text, "readOnlyRootFilesystem: "), ["true"], name);
    assertEquals(valuesOf(text, "allowPrivilegeEscalation: "), ["false"], name);
  }
});
