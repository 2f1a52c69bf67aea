/** The network namespace of this process, as the kernel names it; undefined where it does not tell. */
export function ownNetworkNamespace(): string | undefined {
  return namespaceOf("self");
}

/** The network namespace of process 1; undefined to all but root. */
export function hostNetworkNamespace(): string | undefined {
  return namespaceOf("1");
}

function namespaceOf(process: string): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${process}/ns/net`);
  } catch {
    return undefined; // no /proc, or not ours to look at
  }
}
