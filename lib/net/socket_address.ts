/**
 * Socket addresses in the system's binary form. A mapped address (RFC 4291 section 2.5.5.2) means
 * IPv4 on a dual-stack socket. On an IPv6-only socket it can only be forged, and is not accepted.
 *
 * ```
 * struct sockaddr_in   family, port, 4 bytes of address, 8 unused
 * struct sockaddr_in6  family, port, 4 bytes of flow, 16 of address, 4 of scope
 * ```
 *
 * The family is in host byte order (here always little-endian), the other fields in network order.
 *
 * Source: ip(7), ipv6(7), RFC 3493 section 3.3.
 */

import { AF_INET, AF_INET6 } from "../platform/c_numbers.ts";
import { addressBytes, isLinkLocal, normaliseAddress, putDotted } from "../rpc/address.ts";
import type { Endpoint } from "../rpc/transport.ts";

const IPV4_BYTES = 16;
/** Length of the longest address, in bytes. */
export const SOCKET_ADDRESS_BYTES = 28;

const IPV4_AT = 4;
/** Offset of the IPv4 address in a mapped one: after 80 zero bits and 16 one bits. */
const MAPPED_AT = 20;
const IPV6_AT = 8;
const IPV6_ADDRESS_BYTES = 16;
const SCOPE_AT = 24;

/**
 * Decodes a struct sockaddr. `scope` is that of the socket's own address, which link-local
 * addresses share. Undefined for another family, and for a mapped address unless the socket is
 * dual-stack.
 */
export function endpointIn(bytes: Uint8Array, scope: string, isDual = false): Endpoint | undefined {
  const port = bytes[2]! << 8 | bytes[3]!;
  if (bytes[0] === AF_INET) return { address: dotted(bytes, IPV4_AT), port };
  if (bytes[0] !== AF_INET6) return undefined;
  if (isMapped(bytes)) return isDual ? { address: dotted(bytes, MAPPED_AT), port } : undefined;
  const address = addressIn(bytes);
  return { address: isLinkLocal(address) ? address + scope : address, port };
}

/** Address in a struct sockaddr_in6, without a scope. */
function addressIn(bytes: Uint8Array): string {
  const groups: string[] = [];
  for (let at = IPV6_AT; at < IPV6_AT + IPV6_ADDRESS_BYTES; at += 2) {
    groups.push((bytes[at]! << 8 | bytes[at + 1]!).toString(16));
  }
  return normaliseAddress(groups.join(":"))!;
}

/** Whether a struct sockaddr_in6 has a mapped address. */
export function isMapped(bytes: Uint8Array): boolean {
  for (let at = IPV6_AT; at < MAPPED_AT - 2; at++) {
    if (bytes[at] !== 0) return false;
  }
  return bytes[MAPPED_AT - 2] === 0xff && bytes[MAPPED_AT - 1] === 0xff;
}

function dotted(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Encoder of destination addresses for one socket. It caches the last address: replies come in runs. */
export class SocketAddresses {
  readonly #isIpv6: boolean;
  /** Buffers for IPv4 addresses, in the form of the socket's family, and for IPv6 addresses. */
  readonly #ipv4: Uint8Array<ArrayBuffer>;
  readonly #ipv6: Uint8Array<ArrayBuffer>;
  #address: string | undefined;
  #interfaceIndex = 0;
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  /** `isIpv6`: the family of the socket. */
  constructor(isIpv6: boolean) {
    this.#isIpv6 = isIpv6;
    this.#ipv6 = new Uint8Array(SOCKET_ADDRESS_BYTES);
    this.#ipv6[0] = AF_INET6;
    this.#ipv4 = isIpv6 ? this.#ipv6.slice() : new Uint8Array(IPV4_BYTES);
    if (isIpv6) this.#ipv4.fill(0xff, MAPPED_AT - 2, MAPPED_AT);
    else this.#ipv4[0] = AF_INET;
  }

  /**
   * Encodes an endpoint, valid until the next call; undefined if only Deno can. A link-local
   * address needs the index of its interface.
   */
  of({ address, port }: Endpoint, interfaceIndex = 0): Uint8Array<ArrayBuffer> | undefined {
    // A recreated interface has its old name, and a new index.
    if (address !== this.#address || interfaceIndex !== this.#interfaceIndex) {
      this.#bytes = this.#make(address, interfaceIndex);
      this.#address = address;
      this.#interfaceIndex = interfaceIndex;
    }
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    bytes[2] = port >> 8;
    bytes[3] = port;
    return bytes;
  }

  #make(text: string, interfaceIndex: number): Uint8Array<ArrayBuffer> | undefined {
    if (putDotted(text, this.#ipv4, this.#isIpv6 ? MAPPED_AT : IPV4_AT)) return this.#ipv4;
    if (!this.#isIpv6 || isLinkLocal(text) && interfaceIndex === 0) return undefined;
    const address = addressBytes(text);
    if (address?.length !== IPV6_ADDRESS_BYTES) return undefined;
    this.#ipv6.set(address, IPV6_AT);
    const scope = new DataView(this.#ipv6.buffer);
    scope.setUint32(SCOPE_AT, isLinkLocal(text) ? interfaceIndex : 0, true);
    return this.#ipv6;
  }
}
