/**
 * Exclusion of identities' names: only the holder of an identity announces its names (rule R5). If
 * a booting node did, clients of the service would reclaim locks at another node, outside of its
 * grace period.
 */

import { readDefinition, textsOf } from "../cluster/definition.ts";
import type { Log } from "../log.ts";
import { nameKey } from "../nsm/host_name.ts";
import { quote } from "../quote.ts";
import type { SourcePlan } from "./sources.ts";

/** Identity of each announced name and address, by {@link nameKey}; invalid definitions are ignored. */
export function identityNames(
  definitions: Iterable<readonly [id: string, texts: unknown]>,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const [id, value] of definitions) {
    const texts = textsOf(value);
    if (texts === undefined) continue;
    try {
      for (const name of readDefinition(id, texts).announced) names.set(nameKey(name), id);
    } catch {
      // An invalid identity cannot be held.
    }
  }
  return names;
}

/** Replaces names of identities among the sources by the host's own name. */
export function withoutIdentities(
  sources: readonly SourcePlan[],
  names: ReadonlyMap<string, string>,
  hostName: string,
  log: Log,
): SourcePlan[] {
  const left = sources.map((source): SourcePlan => {
    const id = names.get(nameKey(source.name ?? ""));
    if (id === undefined) return source;
    log.warning(
      `${quote(source.name ?? "")} belongs to identity ${id}, whose holder announces it; ` +
        `peers are told of ${quote(hostName)} instead`,
    );
    return { name: hostName, addresses: [] };
  });
  const isHost = ({ name, addresses }: SourcePlan) => name === hostName && addresses.length === 0;
  const first = left.findIndex(isHost);
  return left.filter((source, i) => i === first || !isHost(source));
}
