/** The network namespace of this process, as the kernel names it; undefined where it does not tell. */
export function ownNetworkNamespace(): string | undefined {
  try {
    return Deno.readLinkSync("/proc/self/ns/net");
  } catch {
    return undefined; // no /proc
  }
}
