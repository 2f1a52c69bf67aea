/**
 * The file `sm/.peers`: what was learned of the peers, which nfs-utils' format has no room for. Nobody
 * waits for the disk, and whatever is wrong with the file is passed over. What the disk refuses is kept
 * in memory until it takes it: otherwise a callback that was promised could be missed after a restart.
 *
 * statd and sm-notify append to it at the same time, each with one write for all lines; only statd
 * writes it anew.
 */

import type { Log } from "../log.ts";
import { type PeerFacts, type PeerMemory, reasonOf, StoreError } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import type { StoreParts } from "./file_store.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { compaction, Lines } from "./peer_compaction.ts";
import { learn, type LineFacts, lineOf } from "./peer_line.ts";
import type { Clock } from "../time/clock.ts";
import { inSlices } from "../time/slices.ts";

/** Length at which the file is written anew: some hundred bytes for each of 50,000 peers, twice. */
const PEERS_MAX_BYTES = 16_777_216;
/** Superseded lines that are always bearable: 100 KB or so, read within a few milliseconds. */
const SUPERSEDED_MAX = 1000;
/** Peers whose lines wait for the disk at most: 50,000 and some to spare, in about 20 MB. */
const WAITING_MAX = 65_536;
/** Pause before the disk is tried again, in ms: what a restart may cost of what was learned. */
const RETRY_MS = 10_000;
/**
 * Pause before the file is written anew, in ms. That takes the processor for a moment, and what makes it
 * worthwhile is a storm of notices, whose callers come first.
 */
const SHORTEN_PAUSE_MS = 5_000;
/** Read and written by the daemon's user, readable by its group, like records. */
const PEERS_MODE = 0o640;

/** Parts of the peer memory. */
export interface PeerMemoryParts extends Omit<StoreParts, "clock"> {
  /** This process may rewrite the file: statd alone, of which there is one. */
  readonly mayCompact: boolean;
  /** Tells when to do what can wait; without it the next note() does it. */
  readonly clock?: Pick<Clock, "now" | "startTimer">;
}

/** The steps are ended by themselves alone. */
const NEVER = new AbortController().signal;

type Operation = "read" | "write" | "shorten";

/**
 * The peer memory of the state directory at `directory`. Its file is made by the first note(), which
 * has to happen after privileges were dropped.
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
  /** The peers that the file has facts of, as far as this process knows. */
  readonly #remembered = new Set<string>();
  /** The line of each peer that is not in the file yet. */
  readonly #waiting = new Map<string, LineFacts>();
  #isScheduled = false;
  /** The disk has refused, and is tried again later. */
  #isPaused = false;
  /** The file is to be written anew soon. */
  #isShortening = false;
  /** The steps in which it is written anew now. */
  #shortening: Generator<void> | undefined;
  /** Operations whose failure the log has. */
  readonly #reported = new Set<Operation>();
  /** Length of the file as far as we know; undefined where its last line may have no end. */
  #size: number | undefined;
  /** Lines of the file, as far as we know. */
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

  note(monName: string, facts: Partial<PeerFacts>): void {
    const peer = monName.toLowerCase();
    this.#remembered.add(peer);
    const before = this.#waiting.get(peer) ?? { also: true };
    // Behind a line that forgets the peer there is nothing to add to.
    const start = before.also === true ? before : { addresses: [], ...before };
    this.#append(peer, { ...start, ...facts });
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
      const lines = new Lines(file);
      for (const line of lines) {
        learn(facts, line);
        this.#lines++;
        yield;
      }
      learn(facts, lines.rest);
    } finally {
      file.close();
    }
  }

  #append(peer: string, line: LineFacts): void {
    this.#waiting.set(peer, line);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Everything that is learned in one turn of the event loop is one write.
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#waiting.size === 0 || this.#isPaused) return;
    if (this.#attempt("write", () => this.#flush())) {
      this.#waiting.clear();
      this.#shortenSoon();
      return;
    }
    this.#size = undefined; // half of it may be there
    if (this.#clock === undefined) return;
    this.#isPaused = true;
    this.#clock.startTimer(RETRY_MS, () => {
      this.#isPaused = false;
      this.flush();
    });
  }

  #flush(): void {
    const { peers } = this.#layout;
    if (this.#remembered.size === 0 && this.#mayCompact) {
      // An empty directory shows that nobody is monitored.
      this.#size = undefined;
      this.#lines = 0;
      this.#shortening?.return(undefined);
      if (this.#fs.facts(peers) !== undefined) this.#fs.remove(peers);
      return;
    }
    // The last line there may have no end.
    const start = this.#size === undefined ? "\n" : "";
    this.#size ??= this.#fs.facts(peers)?.size ?? 0;
    if (this.#size > PEERS_MAX_BYTES && this.#mayCompact) this.#shorten();
    // While it is made shorter there is as much room again.
    const limit = this.#shortening === undefined ? PEERS_MAX_BYTES : 2 * PEERS_MAX_BYTES;
    if (this.#size > limit) throw new Error("it is full until statd starts again");
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

  /** More than half of the file is out of date. */
  get #isWorthwhile(): boolean {
    const live = this.#remembered.size;
    return this.#mayCompact && this.#lines - live > SUPERSEDED_MAX + live;
  }

  /** Begins to write the file anew, and ends it at once where there is no clock. */
  #shorten(): void {
    if (this.#shortening !== undefined) return;
    const steps = this.#shortening = this.#shortenInSteps();
    if (this.#clock === undefined) { while (steps.next().done !== true); }
    // All of its failures are reported by the steps.
    else void inSlices(steps, { clock: this.#clock, signal: NEVER });
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
          this.#lines = this.#remembered.size; // it is tried again after as many new lines
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
   * True if an operation worked, and did not say otherwise itself. The log is told of the first failure, and
   * when writing works again.
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
