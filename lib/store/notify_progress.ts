/**
 * Progress of a run of sm-notify, for people and monitoring: the file `sm.bak/.progress`, one
 * object of ASCII JSON. It is replaced atomically and never synced; at the end of the run it holds
 * the result.
 */

import { asciiJson } from "../quote.ts";
import type { NotifyCounts } from "../nsm/notify/notify_outcome.ts";
import type { Clock } from "../time/clock.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { asideName, layoutOf } from "./layout.ts";
import { OwnersFiles } from "./owners_files.ts";

/** Interval of writes during the run, in ms. */
const WRITE_MS = 2_000;
/** Age beyond which an unfinished progress file belongs to a dead run, in ms. */
const SILENCE_MS = 10_000;
/** Limit of failing peers listed; the counts cover all peers. */
const NAMED_MAX = 500;
/** Largest file that is read, in bytes: so many peers with names and reasons of 1,024 characters. */
const READ_MAX_BYTES = 4_194_304;
const TEXT_MAX = 1_024;
const PROGRESS_MODE = 0o640;

/** Peer that could not be told so far. Times are in ms since 1970. */
export interface FailingPeer {
  /** mon_name of the peer. */
  readonly peer: string;
  readonly address?: string | undefined;
  readonly reason: string;
  readonly attempts: number;
  /** Time of its first failure. */
  readonly since: number;
  /** Time of the next attempt. */
  readonly nextAt?: number | undefined;
}

/** Progress of the run. Times are in ms since 1970. */
export interface NotifyProgress extends NotifyCounts {
  readonly pid: number;
  readonly stateNumber: number;
  readonly startedAt: number;
  /** Time of writing. */
  readonly at: number;
  /** Time at which the run gives up; absent: never. */
  readonly endsAt?: number | undefined;
  /** End of the run; absent before. */
  readonly endedAt?: number | undefined;
  readonly peers: readonly FailingPeer[];
}

/** Sources of the progress. */
export interface ProgressParts {
  readonly stateNumber: number;
  readonly counts: () => NotifyCounts;
  /** Duration after which the run gives up, in ms; Infinity: never. */
  readonly totalMs: number;
  readonly clock: Clock;
  readonly fileSystem?: FileSystem;
}

/** Periodic writer of the progress. Write failures are ignored. */
export class ProgressFile {
  readonly #parts: ProgressParts;
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #path: string;
  readonly #startedAt: number;
  readonly #failing = new Map<string, FailingPeer>();
  #cancel: (() => void) | undefined;

  constructor(stateDirectory: string, parts: ProgressParts) {
    const { notifyList, progress } = layoutOf(stateDirectory);
    this.#parts = parts;
    this.#fs = parts.fileSystem ?? new RealFileSystem();
    this.#directory = notifyList;
    this.#path = progress;
    this.#startedAt = parts.clock.wallClock();
  }

  start(): void {
    this.#write();
    this.#cancel = this.#parts.clock.startTimer(WRITE_MS, () => this.start());
  }

  /** Notes a failed attempt; `key` distinguishes records of one peer. */
  failed(key: string, peer: Omit<FailingPeer, "since">): void {
    const before = this.#failing.get(key);
    if (before === undefined && this.#failing.size >= NAMED_MAX) return;
    const since = before?.since ?? this.#parts.clock.wallClock();
    const reason = peer.reason.slice(0, TEXT_MAX);
    this.#failing.set(key, { ...peer, reason, since });
  }

  /** Notes that a peer is told, or need not be told. */
  settled(key: string): void {
    this.#failing.delete(key);
  }

  end(): void {
    this.#cancel?.();
    this.#write(this.#parts.clock.wallClock());
  }

  #write(endedAt?: number): void {
    const { stateNumber, counts, totalMs, clock } = this.#parts;
    const progress: NotifyProgress = {
      pid: Deno.pid,
      stateNumber,
      startedAt: this.#startedAt,
      at: clock.wallClock(),
      ...(totalMs === Infinity ? {} : { endsAt: this.#startedAt + totalMs }),
      ...(endedAt === undefined ? {} : { endedAt }),
      ...counts(),
      peers: [...this.#failing.values()],
    };
    const aside = `${this.#directory}/${asideName(0)}`;
    try {
      const file = this.#fs.create(aside, PROGRESS_MODE);
      try {
        file.write(`${asciiJson(progress)}\n`);
      } finally {
        file.close();
      }
      this.#fs.rename(aside, this.#path);
    } catch {
      this.#discard(aside);
    }
  }

  #discard(path: string): void {
    try {
      this.#fs.remove(path);
    } catch {
      // The disk is full or read-only; other parts report that.
    }
  }
}

/** Progress of the last run; undefined if it cannot be read. */
export function readProgress(
  directory: string,
  fileSystem: FileSystem = new OwnersFiles(),
): NotifyProgress | undefined {
  try {
    const text = fileSystem.readOwn(layoutOf(directory).progress, READ_MAX_BYTES);
    const value: unknown = JSON.parse(text ?? "");
    return isProgress(value) ? value : undefined;
  } catch {
    return undefined; // missing, not readable, or incomplete
  }
}

/** Whether the run is in progress, by its file. */
export function isGoingOn({ at, endedAt }: NotifyProgress, now: number): boolean {
  return endedAt === undefined && Math.abs(now - at) < SILENCE_MS;
}

const COUNTS = ["total", "told", "forgotten", "gaveUp", "failing"] as const;
const NUMBERS = ["pid", "stateNumber", "startedAt", "at", ...COUNTS] as const;

function isProgress(value: unknown): value is NotifyProgress {
  if (!isRecord(value) || !NUMBERS.every((name) => Number.isFinite(value[name]))) return false;
  if (![value["endsAt"], value["endedAt"]].every(isNumberOrAbsent)) return false;
  const { peers } = value;
  return Array.isArray(peers) &&
    peers.every((peer) =>
      isRecord(peer) && typeof peer["peer"] === "string" && typeof peer["reason"] === "string" &&
      ["string", "undefined"].includes(typeof peer["address"]) &&
      [peer["attempts"], peer["since"]].every(Number.isFinite) && isNumberOrAbsent(peer["nextAt"])
    );
}

function isNumberOrAbsent(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
