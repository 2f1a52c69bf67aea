/** Wildcard addresses, each for its own family only. */

export const ANY_IPV4 = "0.0.0.0";
export const ANY_IPV6 = "::";

/** Whether an address is a wildcard. */
export function isWildcard(address: string): boolean {
  return address === ANY_IPV4 || address === ANY_IPV6;
}
