/** Properties of the system that `install.sh install` detects. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { startStatd } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import type { TestHost } from "../support/namespace.ts";

const INSTALL = new URL("../../install.sh", import.meta.url).pathname;
/** Below /run, which is private to the host. */
const PREFIX = "/run/prefix";
const UNITS = `${PREFIX}/lib/systemd/system`;
const NEEDS = [OUR_STATD, "/usr/bin/systemd-tmpfiles", "/usr/bin/systemd-sysusers"];

async function install(host: TestHost, command = "install"): Promise<string> {
  const { code, stderr } = await host.run(INSTALL, command, "--prefix", PREFIX);
  assertEquals(code, 0, stderr);
  return stderr;
}

const read = (host: TestHost, path: string) => Deno.readTextFileSync(host.path(path));

systemTest(
  "portability 3: install opens the units' sandbox for the state directory of nfs.conf",
  NEEDS,
  async (newHost) => {
    const host = await newHost({
      etc: { "nfs.conf": "[statd]\nstate-directory-path = /run/user/1/nsm\n" },
    });
    await host.output("mkdir", "-p", "/run/user/1/nsm"); // a folder hidden by ProtectHome= too
    assertStringIncludes(await install(host), "The units may write to /run/user/1/nsm");
    for (const unit of ["rpc-statd.service", "rpc-statd-notify.service"]) {
      const dropIn = read(host, `${UNITS}/${unit}.d/state-directory.conf`);
      assertEquals(dropIn.split("\n").filter((line) => /^[^#]/.test(line)), [
        "[Unit]",
        'RequiresMountsFor="/run/user/1/nsm"',
        "[Service]",
        'ReadWritePaths="-/run/user/1/nsm"',
        "ProtectHome=tmpfs",
        'BindPaths="-/run/user/1/nsm"',
      ]);
    }
    await install(host, "uninstall");
    assertEquals((await host.run("ls", PREFIX)).code, 2, "something is left");
  },
);

systemTest(
  "portability 11: install and uninstall create no group if the user statd exists",
  NEEDS,
  async (newHost) => {
    const passwd = "root:x:0:0::/root:/bin/sh\nstatd:x:103:65534::/var/lib/nfs:/bin/false\n";
    const group = "root:x:0:\nnogroup:x:65534:\n";
    const host = await newHost({ etc: { passwd, group } });
    await install(host);
    assertEquals(read(host, "/etc/passwd"), passwd);
    assertEquals(read(host, "/etc/group"), group);
    assertEquals((await host.run("ls", `${PREFIX}/lib/sysusers.d`)).code, 2);
    await install(host, "uninstall");
    assertEquals(read(host, "/etc/group"), group);
  },
);

systemTest("install and uninstall report a running older program", NEEDS, async (newHost) => {
  const host = await newHost();
  await startStatd(host);
  const said = `still runs ${OUR_STATD}: systemctl restart rpc-statd`;
  assertStringIncludes(await install(host), said);
  assertStringIncludes(await install(host, "uninstall"), said);
});

systemTest(
  "install reports a missing library of the program",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const library = (await host.output("ldd", OUR_STATD)).match(/=> (\S+\/libgcc_s\S+)/)![1]!;
    await host.output("mount", "--bind", "/dev/null", library);
    assertStringIncludes(await install(host), "it needs glibc 2.27 or later, and libgcc_s");
  },
);

systemTest("install says that its folder is mounted noexec", NEEDS, async (newHost) => {
  const host = await newHost();
  await host.output("mkdir", PREFIX);
  await host.output("mount", "-t", "tmpfs", "-o", "noexec", "none", PREFIX);
  assertStringIncludes(await install(host), "mounted with noexec?");
});

systemTest(
  "install on a full disk says so, and uninstall leaves nothing of it",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const { size } = await Deno.stat(OUR_STATD);
    await host.output("mkdir", PREFIX);
    await host.output(
      "mount",
      "-t",
      "tmpfs",
      "-o",
      `size=${Math.floor(size * 1.5)}`,
      "none",
      PREFIX,
    );
    const { code, stderr } = await host.run(INSTALL, "install", "--prefix", PREFIX);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `install.sh: cannot write ${PREFIX}/sbin/sm-notify: `);
    await install(host, "uninstall");
    assertEquals(await host.output("find", PREFIX, "-mindepth", "1"), "");
  },
);
