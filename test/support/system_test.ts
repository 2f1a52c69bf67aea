/**
 * A black-box test: it gets hosts of its own, which are gone when it has ended, and shows what the
 * programs in them wrote when it fails. Where something is missing it is skipped, and the reason is
 * printed.
 */

import { type HostOptions, TestHost } from "./namespace.ts";

const DIST = new URL("../../dist", import.meta.url).pathname;

/** The programs under test. */
export const OUR_STATD = `${DIST}/rpc.statd`;
export const OUR_SM_NOTIFY = `${DIST}/sm-notify`;
/** Debian's (package nfs-common). */
export const DEBIAN_STATD = "/sbin/rpc.statd";
export const DEBIAN_SM_NOTIFY = "/sbin/sm-notify";

/** Makes one more host for a test. */
export type NewHost = (options?: HostOptions) => Promise<TestHost>;

/** Every host needs these. */
const TOOLS = ["/usr/bin/unshare", "/usr/bin/nsenter", "/sbin/ip", "/sbin/rpcbind"];

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
  return absent.length === 0 ? undefined : `missing: ${absent.join(", ")}`;
}

/** Declares a test; `needs` are paths of programs besides those that every host needs. */
export function systemTest(
  name: string,
  needs: readonly string[],
  body: (newHost: NewHost) => Promise<void>,
): void {
  const reason = missing(needs);
  if (reason !== undefined && !told.has(reason)) {
    told.add(reason);
    // deno-lint-ignore no-console -- a skipped test says why
    console.log(`skipped: tests in network namespaces, ${reason}`);
  }
  const options = { ignore: reason !== undefined, sanitizeOps: true, sanitizeResources: true };
  Deno.test(name, options, async () => {
    await using hosts = new AsyncDisposableStack();
    const created: TestHost[] = [];
    try {
      await body(async (options) => {
        const host = hosts.use(await TestHost.create(options));
        created.push(host);
        return host;
      });
    } catch (error) {
      // deno-lint-ignore no-console -- what the programs said is needed to understand a failure
      for (const host of created) console.error(host.report());
      throw error;
    }
  });
}
