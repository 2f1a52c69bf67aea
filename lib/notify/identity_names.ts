/**
 * Names of identities are announced by whoever holds them, and by nobody else (rule R5): a node that boots
 * would have the clients of a service reclaim at another node, outside of its grace period.
 */

import { readDefinition, textsOf } from "../cluster/definition.ts";
import type { Log } from "../log.ts";
import { nameKey } from "../nsm/host_name.ts";
import { quote } from "../quote.ts";
import type { SourcePlan } from "./sources.ts";

/** Names and addresses of identities with the identity, by {@link nameKey}; what is none is passed over. */
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
      // It cannot be held like that.
    }
  }
  return names;
}

/** Sources that announce nothing of an identity; the host's own name takes the place of such names. */
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
