/**
 * Peer memory: the file `sm/.peers`, for facts that nfs-utils' format has no room for. Writes are
 * asynchronous, and faulty lines are ignored. Lines that the disk refuses stay in memory until it
 * accepts them, since otherwise a restart could miss an owed callback.
 *
 * statd and sm-notify append concurrently, each batch in one write; only statd compacts the file.
 */

import type { Log } from "../log.ts";
import { type PeerFacts, type PeerMemory, StoreError } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import type { StoreParts } from "./file_store.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { Lines } from "./lines.ts";
import { compaction, READ_MAX_BYTES } from "./peer_compaction.ts";
import { learn, type LineFacts, lineOf } from "./peer_line.ts";
import type { Clock } from "../time/clock.ts";
import { inSlices } from "../time/slices.ts";

/** Length that triggers compaction: some hundred bytes for each of 50,000 peers, twice. */
const PEERS_MAX_BYTES = 16_777_216;
/** Superseded lines that are always tolerated: about 100 KB, read within milliseconds. */
const SUPERSEDED_MAX = 1000;
/** Limit of peers with pending lines: 50,000 and a reserve, in about 20 MB. */
const WAITING_MAX = 65_536;
/** Pause before the disk is retried, in ms; a process that is killed in it loses facts. */
const RETRY_MS = 10_000;
/**
 * Delay of a compaction, in ms. It costs CPU time, and is usually due to a storm of notices, whose
 * callers come first.
 */
const SHORTEN_PAUSE_MS = 5_000;
/** Mode: written by the daemon's user, readable by its group, like records. */
const PEERS_MODE = 0o640;

/** Dependencies of the peer memory. */
export interface PeerMemoryParts extends Omit<StoreParts, "clock"> {
  /** Whether this process may compact the file: only statd, of which there is one. */
  readonly mayCompact: boolean;
  /** Timers for compaction and retries; without them the next note() does both. */
  readonly clock?: Pick<Clock, "now" | "startTimer">;
}

type Operation = "read" | "write" | "shorten";

/**
 * Opens the peer memory of the state directory at `directory`. Its file is created by the first
 * note(), which has to come after the privilege drop.
 */
export function openPeerMemory(directory: string, parts: PeerMemoryParts): PeerMemory {
  return new FilePeerMemory(layoutOf(directory), parts);
}

class FilePeerMemory implements PeerMemory {
  readonly #layout: Layout;
  readonly #fs: FileSystem;
  readonly #log: Log;
  readonly #mayCompact: boolean;
  readonly #clock: PeerMemoryParts["clock"];
  /** Peers with facts in the file, as far as this process knows. */
  readonly #remembered = new Set<string>();
  /** Pending line of each peer. */
  readonly #waiting = new Map<string, LineFacts>();
  #isScheduled = false;
  /** The disk has refused; a retry is scheduled. */
  #isPaused = false;
  /** A compaction is scheduled. */
  #isShortening = false;
  /** Compaction in progress. */
  #shortening: Generator<void> | undefined;
  /** Operations whose failure was logged. */
  readonly #reported = new Set<Operation>();
  /** Length of the file as far as known; undefined if its last line may be incomplete. */
  #size: number | undefined;
  /** Number of lines in the file, as far as known. */
  #lines = 0;

  constructor(layout: Layout, { fileSystem, log, mayCompact, clock }: PeerMemoryParts) {
    this.#layout = layout;
    this.#fs = fileSystem ?? new RealFileSystem();
    this.#log = log;
    this.#mayCompact = mayCompact;
    this.#clock = clock;
  }

  load(): Map<string, PeerFacts> {
    const steps = this.loadInSteps();
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  *loadInSteps(): Generator<void, Map<string, PeerFacts>> {
    const facts = new Map<string, PeerFacts>();
    const steps = this.#read(facts);
    while (this.#attempt("read", () => steps.next().done !== true)) yield;
    for (const peer of facts.keys()) this.#remembered.add(peer);
    this.#shortenSoon();
    return facts;
  }

  note(monName: string, facts: Partial<PeerFacts>, reached?: readonly string[]): void {
    const peer = monName.toLowerCase();
    this.#remembered.add(peer);
    const before = this.#waiting.get(peer) ?? { also: true };
    // After a tombstone there is nothing to merge with.
    const start = before.also === true ? before : { addresses: [], ...before };
    const line: LineFacts = { ...start, ...facts };
    this.#append(peer, reached === undefined ? line : { ...line, reached });
  }

  forget(monName: string): void {
    const peer = monName.toLowerCase();
    if (this.#remembered.delete(peer)) this.#append(peer, {});
  }

  *#read(facts: Map<string, PeerFacts>): Generator<void> {
    const file = this.#fs.follow(this.#layout.peers);
    if (file === undefined) return;
    try {
      this.#lines = 0;
      const lines = new Lines(file, READ_MAX_BYTES);
      for (const line of lines) {
        learn(facts, line);
        this.#lines++;
        yield;
      }
      learn(facts, lines.rest);
      if (lines.isCut) throw new Error(`the rest behind ${READ_MAX_BYTES} bytes is ignored`);
    } finally {
      file.close();
    }
  }

  #append(peer: string, line: LineFacts): void {
    this.#waiting.set(peer, line);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Batches all notes of one turn of the event loop.
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(isLast = false): void {
    if (this.#waiting.size === 0 || this.#isPaused && !isLast) return;
    if (this.#attempt("write", () => this.#flush())) {
      this.#waiting.clear();
      this.#shortenSoon();
      return;
    }
    this.#size = undefined; // a partial line may be there
    if (this.#clock === undefined || this.#isPaused) return;
    this.#isPaused = true;
    this.#clock.startTimer(RETRY_MS, () => {
      this.#isPaused = false;
      this.flush();
    });
  }

  #flush(): void {
    const { peers } = this.#layout;
    if (this.#remembered.size === 0 && this.#mayCompact) {
      // An empty directory shows that no peer is monitored.
      this.#size = undefined;
      this.#lines = 0;
      this.#shortening?.return(undefined);
      if (this.#fs.facts(peers) !== undefined) this.#fs.remove(peers);
      return;
    }
    // The last line may be incomplete.
    const start = this.#size === undefined ? "\n" : "";
    this.#size ??= this.#fs.facts(peers)?.size ?? 0;
    if (this.#size > PEERS_MAX_BYTES && this.#mayCompact) this.#shorten();
    // A compaction in progress allows twice the length.
    const limit = this.#shortening === undefined ? PEERS_MAX_BYTES : 2 * PEERS_MAX_BYTES;
    if (this.#size > limit) throw new Error("it is full until statd is restarted");
    const text = start + Array.from(this.#waiting, ([peer, line]) => lineOf(peer, line)).join("");
    this.#fs.append(peers, text, PEERS_MODE);
    this.#size += text.length;
    this.#lines += this.#waiting.size;
  }

  #shortenSoon(): void {
    if (this.#isShortening || !this.#isWorthwhile) return;
    if (this.#clock === undefined) return this.#shorten();
    this.#isShortening = true;
    this.#clock.startTimer(SHORTEN_PAUSE_MS, () => {
      this.#isShortening = false;
      if (this.#isWorthwhile) this.#shorten();
    });
  }

  /** More than half of the lines are superseded. */
  get #isWorthwhile(): boolean {
    const live = this.#remembered.size;
    return this.#mayCompact && this.#lines - live > SUPERSEDED_MAX + live;
  }

  /** Starts a compaction; synchronous without a clock. */
  #shorten(): void {
    if (this.#shortening !== undefined) return;
    const steps = this.#shortening = this.#shortenInSteps();
    if (this.#clock === undefined) { while (steps.next().done !== true); }
    // The steps report their own failures.
    else void inSlices(steps, { clock: this.#clock });
  }

  *#shortenInSteps(): Generator<void> {
    const compacting = compaction(this.#fs, this.#layout, {
      mode: PEERS_MODE,
      maxBytes: PEERS_MAX_BYTES / 2,
    });
    try {
      for (let isDone = false; !isDone;) {
        const isGoingOn = this.#attempt("shorten", () => {
          const { done, value } = compacting.next();
          isDone = done === true;
          if (value !== undefined) [this.#size, this.#lines] = [value.size, value.lines];
        });
        if (!isGoingOn) {
          this.#lines = this.#remembered.size; // retried after as many new lines
          return;
        }
        yield;
      }
    } finally {
      compacting.return(undefined);
      this.#shortening = undefined;
    }
  }

  /**
   * Whether an operation succeeded and did not return false. Logs the first failure, and the
   * recovery of writes.
   */
  #attempt(operation: Operation, action: () => void | boolean): boolean {
    const path = quote(this.#layout.peers);
    try {
      if (action() === false) return false;
    } catch (error) {
      if (!this.#reported.has(operation)) {
        const cause = error instanceof StoreError ? error.cause : error;
        this.#log.warning(`Cannot ${operation} ${path}: ${reasonOf(cause)}`);
      }
      this.#reported.add(operation);
      return false;
    }
    if (operation === "write" && this.#reported.delete("write")) {
      this.#log.notice(`Wrote ${path} again`);
    }
    return true;
  }
}
