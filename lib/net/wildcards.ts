/** The addresses that stand for all of this host's: 0.0.0.0 and ::, each for its family alone. */

export const ANY_IPV4 = "0.0.0.0";
export const ANY_IPV6 = "::";

/** Whether an address stands for all of its family. */
export function isWildcard(address: string): boolean {
  return address === ANY_IPV4 || address === ANY_IPV6;
}
