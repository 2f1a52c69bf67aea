/** A host whose /usr has the programs of Debian packages that are not installed, and ours where they are wanted. */

import { assertEquals } from "@std/assert";
import type { TestHost } from "./namespace.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
/** Debian's packages that have tools which drive ours, unpacked by install.sh. */
export const DRIVERS = `${PROJECT}.toolchain/drivers`;
/** The same with whole cluster managers. */
export const MANAGERS = `${PROJECT}.toolchain/managers`;
/** The same with NFS servers. */
export const SERVERS = `${PROJECT}.toolchain/servers`;

/** Puts a layer over /usr of a host, with an unpacked folder of tools. */
export async function layerUsr(host: TestHost, tools: string, hasOurs: boolean): Promise<void> {
  const layer = "/run/layer";
  await host.output("mkdir", "-p", layer);
  await host.output("mount", "-t", "tmpfs", "none", layer);
  await host.output("mkdir", `${layer}/upper`, `${layer}/work`);
  if (hasOurs) {
    const stage = `${layer}/stage`;
    const { code, stderr } = await host.run(
      ...["env", `DESTDIR=${stage}`, `${PROJECT}install.sh`, "install", "--prefix", "/usr"],
    );
    assertEquals(code, 0, stderr);
    await host.output("rm", `${stage}/usr/sbin/rpcbind`); // Debian's serves both
    await host.output("sh", "-c", `mv ${stage}/usr/* ${layer}/upper/`);
  }
  const folders = `lowerdir=${tools}/usr:/usr,upperdir=${layer}/upper,workdir=${layer}/work`;
  await host.output("mount", "-t", "overlay", "none", "-o", folders, "/usr");
}

/** Puts a layer over /var, with what packages have there; /var/lib/nfs stays as it is. */
export async function layerVar(host: TestHost, tools: string): Promise<void> {
  const layer = "/run/layer-var";
  const folders = `lowerdir=${tools}/var:/var,upperdir=${layer}/upper,workdir=${layer}/work`;
  for (
    const command of [
      `mkdir -p ${layer} /run/nfs`,
      "mount --bind /var/lib/nfs /run/nfs",
      `mount -t tmpfs none ${layer}`,
      `mkdir ${layer}/upper ${layer}/work`,
      `mount -t overlay none -o ${folders} /var`,
      "mount --move /run/nfs /var/lib/nfs",
    ]
  ) await host.output("sh", "-c", command);
}
