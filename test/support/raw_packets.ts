/**
 * Sends UDP packets with forged source addresses over a packet socket, from a host at the other end
 * of a cable. The argument is a {@link Volley} as JSON.
 *
 * Source: packet(7), struct sockaddr_ll; RFC 768, RFC 791 section 3.1, RFC 8200 sections 3 and 8.1.
 */

import { SOCK_DGRAM } from "../../lib/platform/c_numbers.ts";
import { closeDescriptor } from "../../lib/platform/descriptors.ts";
import { checked, libc, numericAddress } from "../../lib/platform/libc.ts";

/** Packets to send: all messages for each pair of source and destination. */
export interface Volley {
  readonly device: string;
  /** Ethernet address of the next host, as hex digits. */
  readonly to: string;
  readonly sourcePort: number;
  readonly port: number;
  /** Numeric addresses of one family. */
  readonly routes: readonly { readonly source: string; readonly destination: string }[];
  /** Payloads as hex digits. */
  readonly messages: readonly string[];
}

const AF_PACKET = 17;
const ETHERNET_BYTES = 6;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const UDP = 17;
const TTL = 64;

type Bytes = Uint8Array<ArrayBuffer>;

/** Address in 4 or 16 bytes; `::ffff:127.0.0.1` has 16. */
function bytesOf(address: string): Bytes {
  const name = numericAddress(address);
  if (name === undefined) throw new TypeError(`no address: ${address}`);
  return address.includes(":") ? name.slice(8, 24) : name.slice(4, 8);
}

/** Big-endian integers of given sizes. */
function numbers(...values: readonly [value: number, bytes: number][]): number[] {
  return values.flatMap(([value, bytes]) =>
    Array.from({ length: bytes }, (_, i) => value >>> 8 * (bytes - 1 - i) & 0xff)
  );
}

function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! << 8 | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** Packet, from its IP header on. */
function packetOf(
  from: Bytes,
  to: Bytes,
  [sourcePort, port]: readonly [number, number],
  payload: Bytes,
): Bytes {
  const length = 8 + payload.length;
  const udp = (sum: number) => [
    ...numbers([sourcePort, 2], [port, 2], [length, 2], [sum, 2]),
    ...payload,
  ];
  const pseudo = [...from, ...to, ...numbers([length, 4], [UDP, 4])];
  const datagram = udp(checksum([...pseudo, ...udp(0)]) || 0xffff);
  if (from.length === 16) {
    const header = numbers([0x60000000, 4], [length, 2], [UDP, 1], [TTL, 1]);
    return new Uint8Array([...header, ...from, ...to, ...datagram]);
  }
  const header = (sum: number) => [
    ...numbers([0x4500, 2], [20 + length, 2], [0, 4], [TTL, 1], [UDP, 1], [sum, 2]),
    ...from,
    ...to,
  ];
  return new Uint8Array([...header(checksum(header(0))), ...datagram]);
}

function interfaceIndex(name: string): number {
  return Number(
    Deno.readTextFileSync("/proc/net/dev_mcast").match(
      new RegExp(`^(\\d+)\\s+${name}\\s`, "m"),
    )?.[1],
  );
}

function* packetsOf({ routes, messages, sourcePort, port }: Volley): Generator<Bytes> {
  for (const { source, destination } of routes) {
    const [from, to] = [bytesOf(source), bytesOf(destination)];
    for (const hex of messages) {
      yield packetOf(from, to, [sourcePort, port], Uint8Array.fromHex(hex));
    }
  }
}

function send(volley: Volley): void {
  const fd = checked("socket", libc().socket(AF_PACKET, SOCK_DGRAM, 0));
  const name = new Uint8Array(20); // struct sockaddr_ll
  const view = new DataView(name.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, interfaceIndex(volley.device), true);
  name[11] = ETHERNET_BYTES;
  name.set(Uint8Array.fromHex(volley.to), 12);
  for (const packet of packetsOf(volley)) {
    view.setUint16(2, packet[0]! >> 4 === 6 ? ETH_P_IPV6 : ETH_P_IP);
    const length = BigInt(packet.length);
    checked("sendto", libc().sendto(fd, packet, length, 0, name, name.length));
  }
  closeDescriptor(fd);
}

if (import.meta.main) send(JSON.parse(Deno.args[0]!) as Volley);
