/**
 * In-memory disk with a write cache, and the log of all its operations. From the log, the disk can be
 * brought to a state that a power cut at any moment may leave: everything before the last flush is
 * there, and each sector written since is there or not, in any combination.
 *
 * The log also has the requests of lock managers and the replies, and so the required contents.
 */

/** Unit that a disk writes atomically, in bytes. */
const SECTOR_BYTES = 512;

/** Event of the log, with its time in ms. */
export type Logged =
  & { readonly at: number }
  & (
    | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
    /** Writes before this index of the log are durable. */
    | { readonly kind: "flushed"; readonly upTo: number }
    | { readonly kind: "begin"; readonly key: string; readonly value: string }
    | { readonly kind: "end"; readonly key: string }
    | { readonly kind: "refused"; readonly key: string; readonly reply: string }
    /** A pause without other events. */
    | { readonly kind: "rest" }
  );

export type Happening = Logged extends infer Each ? Each extends Logged ? Omit<Each, "at"> : never
  : never;

export class Disk {
  readonly log: Logged[] = [];
  /** Whether operations are logged. */
  isLogged = false;
  readonly #sectors: Map<number, Uint8Array>;

  private constructor(readonly size: number, sectors: Map<number, Uint8Array>) {
    this.#sectors = sectors;
  }

  /** Disk with the contents of a file. */
  static async load(path: string): Promise<Disk> {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const disk = new Disk(size, new Map());
    const chunk = new Uint8Array(1 << 20);
    const words = new BigUint64Array(chunk.buffer);
    for (let at = 0; at < size;) {
      const length = await file.read(chunk) ?? 0;
      if (words.some((word) => word !== 0n)) disk.#write(at, chunk.slice(0, length));
      at += length;
    }
    return disk;
  }

  happen(event: Happening): void {
    if (this.isLogged) this.log.push({ ...event, at: performance.now() } as Logged);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#write(offset, bytes);
    this.happen({ kind: "write", offset, bytes });
  }

  read(offset: number, into: Uint8Array): void {
    for (let at = 0; at < into.length; at += SECTOR_BYTES) {
      const sector = this.#sectors.get((offset + at) / SECTOR_BYTES);
      if (sector !== undefined) into.set(sector.subarray(0, into.length - at), at);
      else into.fill(0, at, at + SECTOR_BYTES);
    }
  }

  /** Copy of the present disk, with a log of its own. */
  copy(): Disk {
    return new Disk(this.size, new Map(this.#sectors));
  }

  /**
   * Disk after a power cut behind a number of events of `log`, which began with this disk. `isKept`
   * decides for each unflushed piece of `pieceBytes` whether it reached the medium.
   */
  after(
    log: readonly Logged[],
    events: number,
    { isKept, pieceBytes }: { isKept(): boolean; pieceBytes: number },
  ): Disk {
    const disk = this.copy();
    let durable = 0;
    for (let index = 0; index < events; index++) {
      const event = log[index]!;
      if (event.kind === "flushed") durable = Math.max(durable, event.upTo);
    }
    for (let index = 0; index < events; index++) {
      const event = log[index]!;
      if (event.kind !== "write") continue;
      const { offset, bytes } = event;
      if (index < durable) disk.#write(offset, bytes);
      else {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          if (isKept()) disk.#write(offset + at, bytes.subarray(at, at + pieceBytes));
        }
      }
    }
    return disk;
  }

  #write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
      this.#sectors.set((offset + at) / SECTOR_BYTES, bytes.subarray(at, at + SECTOR_BYTES));
    }
  }
}
