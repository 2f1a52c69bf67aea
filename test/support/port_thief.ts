/**
 * Another user's attempt to open sockets on ports in use: with each option that shares a port, at
 * each address, also before this host has the address. Runs as root in a host. Arguments are
 * addresses, separated by commas, and ports. Prints the sockets that could be opened.
 */

import { SOL_SOCKET } from "../../lib/platform/c_numbers.ts";
import { closeDescriptor, setSocketOption } from "../../lib/platform/descriptors.ts";
import { checked, libc } from "../../lib/platform/libc.ts";
import { streamCalls } from "../../lib/platform/stream_calls.ts";

const NOBODY = 65534;
const SHARING: Readonly<Record<string, readonly number[]>> = {
  "nothing": [],
  "SO_REUSEADDR": [2],
  "SO_REUSEPORT": [15],
  "both": [2, 15],
};
const SOCKET_TYPES = { udp: 2, tcp: 1 } as const;

function canOpen(type: number, address: string, port: number, options: readonly number[]): boolean {
  const name = streamCalls.socketAddress({ address, port });
  const fd = checked("socket", libc().socket(name[0]!, type, 0));
  try {
    setSocketOption(fd, address.includes(":") ? "IPV6_FREEBIND" : "IP_FREEBIND", 1);
    for (const option of options) {
      const rc = libc().setsockopt(fd, SOL_SOCKET, option, new Int32Array([1]), 4);
      checked("setsockopt", rc);
    }
    return libc().bind(fd, name, name.length) === 0;
  } finally {
    closeDescriptor(fd);
  }
}

checked("setresuid", libc().setresuid(NOBODY, NOBODY, NOBODY));
const [addresses = "", ...ports] = Deno.args;
for (const port of ports.map(Number)) {
  for (const [transport, type] of Object.entries(SOCKET_TYPES)) {
    for (const address of addresses.split(",")) {
      for (const [sharing, options] of Object.entries(SHARING)) {
        if (!canOpen(type, address, port, options)) continue;
        const line = `${transport} ${address} ${port} with ${sharing}\n`;
        Deno.stdout.writeSync(new TextEncoder().encode(line));
      }
    }
  }
}
