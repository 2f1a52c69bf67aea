/** Writes what follows from the settings tables into the documents: `deno task generate`. */

import { fillIn, GENERATED } from "../lib/config/generated.ts";
import { sampleConf } from "../lib/config/sample_conf.ts";

const project = new URL("../", import.meta.url);

Deno.writeTextFileSync(new URL("conf/nfs.conf", project), sampleConf());
for (const [path, parts] of Object.entries(GENERATED)) {
  const file = new URL(path, project);
  Deno.writeTextFileSync(file, fillIn(Deno.readTextFileSync(file), parts));
}
