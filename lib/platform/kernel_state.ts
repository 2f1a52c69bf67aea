/**
 * Kernel files of /proc for its lock manager, and the boot id.
 *
 * Source: behaviour of nfs-utils and lockd; the files' formats are decimal numbers without a line
 * end, and one byte `Y` for the end of the grace period.
 */

/** Paths below a root directory, which is `/` except in tests. */
const NSM_LOCAL_STATE = "/proc/sys/fs/nfs/nsm_local_state";
const NLM_TCP_PORT = "/proc/sys/fs/nfs/nlm_tcpport";
const NLM_UDP_PORT = "/proc/sys/fs/nfs/nlm_udpport";
const NLM_END_GRACE = "/proc/fs/lockd/nlm_end_grace";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const MODPROBE = "/sbin/modprobe";

/** Result of a write. */
export type KernelWrite =
  | { readonly outcome: "written" }
  /** No such file: the lock manager is not loaded, which is no reason for a warning. */
  | { readonly outcome: "absent"; readonly path: string }
  | { readonly outcome: "failed"; readonly path: string; readonly reason: string };

/** Kernel files below `root`. Writing needs uid 0. */
export class KernelState {
  constructor(readonly root = "", readonly loadLockd: () => boolean = modprobeLockd) {}

  /** Sets the state number that lockd sends in lock calls. */
  setLocalState(stateNumber: number): KernelWrite {
    return this.#write(NSM_LOCAL_STATE, String(stateNumber));
  }

  /** Ends lockd's grace period, when no peer is left to reclaim locks. */
  endGrace(): KernelWrite {
    return this.#write(NLM_END_GRACE, "Y");
  }

  /**
   * Sets the ports that lockd will listen on; 0 leaves a port unchanged. Loads the kernel module if
   * needed. Returns the failures, including absent files.
   */
  setLockManagerPorts(tcpPort: number, udpPort: number): KernelWrite[] {
    const wanted = [[NLM_TCP_PORT, tcpPort], [NLM_UDP_PORT, udpPort]] as const;
    let mayLoad = true;
    return wanted.filter(([, port]) => port !== 0).map(([path, port]): KernelWrite => {
      let result = this.#write(path, String(port));
      if (result.outcome === "absent" && mayLoad) {
        mayLoad = false;
        if (this.loadLockd()) result = this.#write(path, String(port));
      }
      if (result.outcome !== "absent") return result;
      return { outcome: "failed", path, reason: "the kernel module lockd is not there" };
    }).filter(({ outcome }) => outcome !== "written");
  }

  /** Boot id; undefined if it cannot be read. */
  bootId(): string | undefined {
    try {
      return Deno.readTextFileSync(this.root + BOOT_ID).trim();
    } catch {
      return undefined; // no /proc, as in a chroot
    }
  }

  #write(path: string, text: string): KernelWrite {
    try {
      Deno.writeTextFileSync(this.root + path, text, { create: false });
      return { outcome: "written" };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { outcome: "absent", path };
      return { outcome: "failed", path, reason: (error as Error).message };
    }
  }
}

/** Loads the kernel's lock manager; returns whether that succeeded. */
function modprobeLockd(): boolean {
  try {
    const command = new Deno.Command(MODPROBE, {
      args: ["lockd"],
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }, // modprobe.d may name programs
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return command.outputSync().success;
  } catch {
    return false; // no modprobe, or not permitted: like a missing module
  }
}
