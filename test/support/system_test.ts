/**
 * A black-box test: it gets hosts of its own, which are gone when it has ended, and shows what the
 * programs in them wrote when it fails. Where something is missing it is skipped, and the reason is
 * printed.
 */

import { type HostOptions, TestHost } from "./namespace.ts";

/** The folder of the programs under test: where install.sh put a copy that every user can enter, or dist. */
export const DIST = Deno.env.get("NSM_DIST") ?? new URL("../../dist", import.meta.url).pathname;

/** The programs under test. */
export const OUR_STATD = `${DIST}/rpc.statd`;
export const OUR_SM_NOTIFY = `${DIST}/sm-notify`;
export const OUR_RPCBIND = `${DIST}/rpcbind`;
export const OUR_NSMCTL = `${DIST}/nsmctl`;
export const OUR_START_STATD = `${DIST}/start-statd`;
/** Debian's (package nfs-common). */
export const DEBIAN_STATD = "/sbin/rpc.statd";
export const DEBIAN_SM_NOTIFY = "/sbin/sm-notify";
/** Debian's (package rpcbind). */
export const DEBIAN_RPCBIND = "/sbin/rpcbind";

/** Makes one more host for a test. */
export type NewHost = (options?: HostOptions) => Promise<TestHost>;
/** Makes one more folder for a test, which all of its hosts see, and every user can enter. */
export type NewFolder = () => Promise<string>;

/** Every host needs these: programs, a place for the state directory, IPv6. */
const TOOLS = [
  "/usr/bin/unshare",
  "/usr/bin/nsenter",
  "/sbin/ip",
  "/sbin/rpcbind",
  "/var/lib/nfs",
  "/proc/net/if_inet6",
];

const told = new Set<string>();

/** Why tests that need these programs cannot run, for people; nothing if they can. */
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

/** Containers often have a root who may not make namespaces. */
export function canUnshare(): boolean {
  const args = ["--net", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/run"];
  return isUnshareAllowed ??= new Deno.Command("unshare", { args }).outputSync().success;
}

/**
 * Declares a test; `needs` are paths of programs besides those that every host needs. Its folders are
 * removed when its hosts are gone.
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
