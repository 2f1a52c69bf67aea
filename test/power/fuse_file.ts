/**
 * A disk as a file that a loop device can be made of: a FUSE file system whose root is that one file. A
 * flush of the loop device arrives as FUSE_FSYNC, and takes {@link FLUSH_MS}, as on a real disk:
 * whoever acknowledges before it is done is found out.
 *
 * No file of a file system on that disk may be read synchronously by the program that serves it.
 *
 * Source: the kernel's include/uapi/linux/fuse.h, version 7.31.
 */

import type { Disk } from "./disk.ts";

const INIT = 26, GETATTR = 3, OPEN = 14, READ = 15, WRITE = 16, STATFS = 17, RELEASE = 18;
const FSYNC = 20, FLUSH = 25, FORGET = 2, BATCH_FORGET = 42, INTERRUPT = 36, DESTROY = 38;
const ENOSYS = 38;
const REQUEST_HEADER_BYTES = 40;
const REPLY_HEADER_BYTES = 16;
const WRITE_HEADER_BYTES = 40;
const MAX_WRITE_BYTES = 131_072;
const BUFFER_BYTES = MAX_WRITE_BYTES + 8192;
/** FUSE_ASYNC_READ and FUSE_BIG_WRITES. */
const FLAGS = 1 | 1 << 5;
const FOPEN_DIRECT_IO = 1;
const REGULAR_FILE = 0o100600;
/** Duration of a flush, in ms, as on a cheap disk. */
const FLUSH_MS = 2;

const LIBC = {
  mount: { parameters: ["buffer", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/** Mounts a disk over the file `path`; it is served until it is unmounted. */
export function serveDisk(disk: Disk, path: string): void {
  const { device, descriptor } = openDevice();
  const options = `fd=${descriptor},rootmode=100600,user_id=0,group_id=0`;
  const libc = Deno.dlopen("libc.so.6", LIBC);
  const code = libc.symbols.mount(text("disk"), text(path), text("fuse"), 0n, text(options));
  const errno = new Deno.UnsafePointerView(libc.symbols.__errno_location()!).getInt32();
  libc.close();
  if (code !== 0) {
    device.close();
    throw new Error(`Cannot mount a FUSE file system over ${path} (errno ${errno})`);
  }
  void serve(disk, device);
}

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

/**
 * Opens /dev/fuse; returns its descriptor, which is the one that did not exist before. The newest
 * is not always the greatest, since a disk being unmounted may hold a greater one. No descriptor is
 * closed meanwhile, since no promise is awaited.
 */
function openDevice(): { device: Deno.FsFile; descriptor: number } {
  const before = descriptorsOf("/dev/fuse");
  const device = Deno.openSync("/dev/fuse", { read: true, write: true });
  const [descriptor] = descriptorsOf("/dev/fuse").filter((each) => !before.includes(each));
  return { device, descriptor: descriptor! };
}

/** Descriptors of a file. */
function descriptorsOf(path: string): number[] {
  const all = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name));
  return all.filter((fd) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // the directory's, closed by now
    }
  });
}

async function serve(disk: Disk, device: Deno.FsFile): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    try {
      const length = await device.read(buffer);
      if (length === null || length === 0) break;
      answer(disk, device, buffer.slice(0, length));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue; // an interrupted request
      break; // the disk was unmounted
    }
  }
  device.close();
}

function answer(disk: Disk, device: Deno.FsFile, request: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(request.buffer);
  const number = (offset: number) => view.getUint32(REQUEST_HEADER_BYTES + offset, true);
  const long = (offset: number) => Number(view.getBigUint64(REQUEST_HEADER_BYTES + offset, true));
  const unique = view.getBigUint64(8, true);
  const reply = (body = new Uint8Array(0), errno = 0) => {
    const bytes = new Uint8Array(REPLY_HEADER_BYTES + body.length);
    const header = new DataView(bytes.buffer);
    header.setUint32(0, bytes.length, true);
    header.setInt32(4, -errno, true);
    header.setBigUint64(8, unique, true);
    bytes.set(body, REPLY_HEADER_BYTES);
    device.writeSync(bytes);
  };
  const opcode = view.getUint32(4, true);
  switch (opcode) {
    case INIT:
      return reply(words(64, [[0, 7], [4, 31], [12, FLAGS], [20, MAX_WRITE_BYTES], [24, 1]]));
    case GETATTR:
      return reply(attributes(disk.size));
    case OPEN:
      return reply(words(16, [[8, FOPEN_DIRECT_IO]]));
    case READ: {
      const bytes = new Uint8Array(Math.max(0, Math.min(number(16), disk.size - long(8))));
      disk.read(long(8), bytes);
      return reply(bytes);
    }
    case WRITE: {
      const start = REQUEST_HEADER_BYTES + WRITE_HEADER_BYTES;
      disk.write(long(8), request.subarray(start, start + number(16)));
      return reply(words(8, [[0, number(16)]]));
    }
    case FSYNC: {
      const upTo = disk.log.length;
      setTimeout(() => {
        disk.happen({ kind: "flushed", upTo });
        reply();
      }, FLUSH_MS);
      return;
    }
    case STATFS:
      return reply(words(80, [[40, 512], [44, 255]]));
    case RELEASE:
    case FLUSH:
    case DESTROY:
      return reply();
    case FORGET:
    case BATCH_FORGET:
    case INTERRUPT:
      return;
    default:
      return reply(undefined, ENOSYS);
  }
}

/** Structure with some 32-bit words at given offsets, else zeros. */
function words(length: number, values: readonly (readonly [number, number])[]) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of values) view.setUint32(offset, value, true);
  return bytes;
}

/** struct fuse_attr_out. */
function attributes(size: number) {
  const bytes = words(104, [[16, 1], [76, REGULAR_FILE], [80, 1], [96, 4096]]);
  new DataView(bytes.buffer).setBigUint64(24, BigInt(size), true);
  return bytes;
}
