import { assertEquals } from "@std/assert";
import { KernelState } from "../../lib/platform/kernel_state.ts";

/** A folder that stands for `/`, with the kernel's files where lockd is loaded. */
function withRoot(hasLockd: boolean, test: (root: string) => void): void {
  const root = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${root}/proc/sys/kernel/random`, { recursive: true });
    Deno.writeTextFileSync(`${root}/proc/sys/kernel/random/boot_id`, "f00-ba\n");
    if (hasLockd) loadLockd(root);
    test(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

function loadLockd(root: string): boolean {
  Deno.mkdirSync(`${root}/proc/sys/fs/nfs`, { recursive: true });
  Deno.mkdirSync(`${root}/proc/fs/lockd`, { recursive: true });
  for (const path of ["sys/fs/nfs/nsm_local_state", "sys/fs/nfs/nlm_tcpport"]) {
    Deno.writeTextFileSync(`${root}/proc/${path}`, "");
  }
  Deno.writeTextFileSync(`${root}/proc/sys/fs/nfs/nlm_udpport`, "");
  Deno.writeTextFileSync(`${root}/proc/fs/lockd/nlm_end_grace`, "");
  return true;
}

const never = () => {
  throw new Error("the module is loaded without need");
};

Deno.test("KernelState writes numbers without a line end", () => {
  withRoot(true, (root) => {
    const kernel = new KernelState(root, never);
    assertEquals(kernel.setLocalState(-2147483647), { outcome: "written" });
    assertEquals(Deno.readTextFileSync(`${root}/proc/sys/fs/nfs/nsm_local_state`), "-2147483647");
    assertEquals(kernel.setLockManagerPorts(4001, 4002), []);
    assertEquals(Deno.readTextFileSync(`${root}/proc/sys/fs/nfs/nlm_tcpport`), "4001");
    assertEquals(Deno.readTextFileSync(`${root}/proc/sys/fs/nfs/nlm_udpport`), "4002");
  });
});

Deno.test("KernelState ends the grace period with one byte", () => {
  withRoot(true, (root) => {
    assertEquals(new KernelState(root, never).endGrace(), { outcome: "written" });
    assertEquals(Deno.readTextFileSync(`${root}/proc/fs/lockd/nlm_end_grace`), "Y");
  });
});

Deno.test("KernelState distinguishes missing files, which it does not create, from failures", () => {
  withRoot(false, (root) => {
    const kernel = new KernelState(root, never);
    assertEquals(kernel.setLocalState(3), {
      outcome: "absent",
      path: "/proc/sys/fs/nfs/nsm_local_state",
    });
    assertEquals(kernel.endGrace().outcome, "absent");
    Deno.mkdirSync(`${root}/proc/fs/lockd/nlm_end_grace`, { recursive: true });
    assertEquals(kernel.endGrace().outcome, "failed");
  });
});

Deno.test("KernelState.setLockManagerPorts() leaves a port of 0 alone", () => {
  withRoot(false, (root) => {
    assertEquals(new KernelState(root, never).setLockManagerPorts(0, 0), []);
  });
});

Deno.test("KernelState.setLockManagerPorts() loads the module and tries again", () => {
  withRoot(false, (root) => {
    assertEquals(new KernelState(root, () => loadLockd(root)).setLockManagerPorts(4001, 4002), []);
    assertEquals(Deno.readTextFileSync(`${root}/proc/sys/fs/nfs/nlm_udpport`), "4002");
  });
});

Deno.test("KernelState.setLockManagerPorts() tries to load once, and reports each port", () => {
  for (const isLoaded of [false, true]) {
    withRoot(false, (root) => {
      let loads = 0;
      const kernel = new KernelState(root, () => {
        loads++;
        return isLoaded;
      });
      const failures = kernel.setLockManagerPorts(4001, 4002);
      assertEquals(failures.map(({ outcome }) => outcome), ["failed", "failed"]);
      assertEquals(loads, 1);
    });
  }
});

Deno.test("KernelState.bootId() is the kernel's, or undefined", () => {
  withRoot(false, (root) => {
    assertEquals(new KernelState(root).bootId(), "f00-ba");
    assertEquals(new KernelState(`${root}/none`).bootId(), undefined);
  });
});
