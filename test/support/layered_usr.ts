/**
 * Overlays on /usr and /var of a host: programs of Debian packages that are not installed, and ours
 * on request.
 */

import { assertEquals } from "@std/assert";
import type { TestHost } from "./namespace.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;
/** Debian packages with tools that drive our programs, unpacked by install.sh. */
export const DRIVERS = `${PROJECT}.toolchain/drivers`;
/** Unpacked Debian packages of cluster managers. */
export const MANAGERS = `${PROJECT}.toolchain/managers`;
/** Unpacked Debian packages of NFS servers. */
export const SERVERS = `${PROJECT}.toolchain/servers`;

/** Overlays /usr of a host with an unpacked folder of tools. */
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
    await host.output("rm", `${stage}/usr/sbin/rpcbind`); // Debian's rpcbind serves both
    await host.output("sh", "-c", `mv ${stage}/usr/* ${layer}/upper/`);
  }
  const folders = `lowerdir=${tools}/usr:/usr,upperdir=${layer}/upper,workdir=${layer}/work`;
  await host.output("mount", "-t", "overlay", "none", "-o", folders, "/usr");
}

/** Overlays /var with the packages' files; /var/lib/nfs is kept. */
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
