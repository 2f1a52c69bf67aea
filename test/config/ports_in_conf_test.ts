import { assertEquals } from "@std/assert";
import { portsInConf } from "../../lib/config/ports_in_conf.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const nothingSet = { get: () => undefined };

Deno.test("portsInConf() has the ports of every service", { permissions: "none" }, () => {
  const files = new MemoryFiles({
    "/etc/nfs.conf": "[statd]\nport=662\noutgoing-port=$OUT\n[environment]\nOUT=663\n" +
      "[lockd]\nport=600\nudp-port=601\n[mountd]\nport=892\nthreads=700\n[nfsd]\nport=nfs\n",
    "/etc/nfs.conf.d/more.conf": "[sm-notify]\noutgoing-port=$NONE\n[mountd]\nport=893\n",
  });
  assertEquals(portsInConf(nothingSet, files), [662, 663, 600, 601, 892, 893]);
});

Deno.test("portsInConf() is empty without a file", { permissions: "none" }, () => {
  assertEquals(portsInConf(nothingSet, new MemoryFiles({})), []);
});
