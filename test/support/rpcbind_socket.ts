/** Who serves the UNIX socket of rpcbind: one rpcbind may take over from another. */

import { inTime } from "./patience.ts";

const SOCKET = "/run/rpcbind.sock";

/**
 * NULL call of rpcbind with its record mark (RFC 5531 sections 9 and 11), in words: xid, CALL, RPC version,
 * program, version, procedure, and two empty authenticators.
 */
const RPCBIND_NULL = [0x8000_0028, 1, 0, 2, 100_000, 4, 0, 0, 0, 0, 0];

/**
 * Whether a process serves as rpcbind; `root` leads to the file system of its host, `pid` is that of the host.
 * Debian's opens the UNIX socket before those of the network, so only an answer means that it has all of them; a
 * stale socket of an earlier rpcbind has no listener.
 */
export async function isServingRpcbind(root: string, pid: number): Promise<boolean> {
  return hasSocket(`${root}/proc/${pid}`) && await answers(`${root}${SOCKET}`);
}

/** Whether the socket at the path is one of the process. Source: proc_pid_net(5), proc_pid_fd(5). */
function hasSocket(process: string): boolean {
  try {
    const inodes = Deno.readTextFileSync(`${process}/net/unix`).split("\n")
      .map((line) => line.trim().split(/\s+/)).filter(([, , , , , , , path]) => path === SOCKET)
      .map(([, , , , , , inode]) => `socket:[${inode}]`);
    return [...Deno.readDirSync(`${process}/fd`)]
      .some(({ name }) => inodes.includes(Deno.readLinkSync(`${process}/fd/${name}`)));
  } catch {
    return false; // it has not begun, has ended, or closes a file just now
  }
}

async function answers(path: string): Promise<boolean> {
  try {
    using connection = await Deno.connect({ transport: "unix", path });
    const call = new DataView(new ArrayBuffer(RPCBIND_NULL.length * 4));
    RPCBIND_NULL.forEach((word, at) => call.setUint32(at * 4, word));
    await connection.write(new Uint8Array(call.buffer));
    return await inTime("answer of rpcbind", connection.read(new Uint8Array(4))) !== null;
  } catch {
    return false;
  }
}
