/**
 * Black-box tests: a test gets hosts that end with it, and prints the output of their programs if
 * it fails. A test with missing requirements is skipped, and the reason is printed.
 */

import { type HostOptions, TestHost } from "./namespace.ts";

/** Folder of the programs under test: the copy by install.sh that every user can enter, or dist. */
export const DIST = Deno.env.get("NSM_DIST") ?? new URL("../../dist", import.meta.url).pathname;

/** Programs under test. */
export const OUR_STATD = `${DIST}/rpc.statd`;
export const OUR_SM_NOTIFY = `${DIST}/sm-notify`;
export const OUR_RPCBIND = `${DIST}/rpcbind`;
export const OUR_NSMCTL = `${DIST}/nsmctl`;
export const OUR_START_STATD = `${DIST}/start-statd`;
/** Debian's programs (package nfs-common). */
export const DEBIAN_STATD = "/sbin/rpc.statd";
export const DEBIAN_SM_NOTIFY = "/sbin/sm-notify";
/** Debian's rpcbind (package rpcbind). */
export const DEBIAN_RPCBIND = "/sbin/rpcbind";

/** Creates a host for the test. */
export type NewHost = (options?: HostOptions) => Promise<TestHost>;
/** Creates a folder for the test, visible in all its hosts and accessible to every user. */
export type NewFolder = () => Promise<string>;

/** Requirements of every host: programs, the state directory's mount point, IPv6. */
const TOOLS = [
  "/usr/bin/unshare",
  "/usr/bin/nsenter",
  "/sbin/ip",
  "/sbin/rpcbind",
  "/var/lib/nfs",
  "/proc/net/if_inet6",
];

const told = new Set<string>();

/** Reason why tests with these programs cannot run, for display; undefined if they can. */
function missing(programs: readonly string[]): string | undefined {
  if (Deno.uid() !== 0) return "they need root";
  const absent = [...TOOLS, ...programs].filter((path) => {
    try {
      Deno.statSync(path);
      return false;
    } catch {
      return true;
    }
  });
  if (absent.length > 0) return `missing: ${absent.join(", ")}`;
  return canUnshare() ? undefined : "this system lets nobody make them";
}

let isUnshareAllowed: boolean | undefined;

/** Whether root may make namespaces, which containers often forbid. */
export function canUnshare(): boolean {
  const args = ["--net", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/run"];
  return isUnshareAllowed ??= new Deno.Command("unshare", { args }).outputSync().success;
}

/**
 * Declares a test; `needs` are paths of further required programs. Folders of the test are removed
 * after its hosts.
 */
export function systemTest(
  name: string,
  needs: readonly string[],
  body: (newHost: NewHost, newFolder: NewFolder) => Promise<void>,
): void {
  const reason = missing(needs);
  if (reason !== undefined && !told.has(reason)) {
    told.add(reason);
    // deno-lint-ignore no-console -- a skipped test says why
    console.log(`skipped: tests in network namespaces, ${reason}`);
  }
  const options = { ignore: reason !== undefined, sanitizeOps: true, sanitizeResources: true };
  Deno.test(name, options, async () => {
    await using folders = new AsyncDisposableStack();
    await using hosts = new AsyncDisposableStack();
    const newFolder = async () => {
      const folder = await Deno.makeTempDir({ prefix: "nsm-test-" });
      folders.defer(() => Deno.remove(folder, { recursive: true }));
      await Deno.chmod(folder, 0o755);
      return folder;
    };
    const created: TestHost[] = [];
    try {
      await body(async (options) => {
        const host = hosts.use(await TestHost.create(options));
        created.push(host);
        return host;
      }, newFolder);
    } catch (error) {
      // deno-lint-ignore no-console -- what the programs said is needed to understand a failure
      for (const host of created) console.error(host.report());
      throw error;
    }
  });
}
