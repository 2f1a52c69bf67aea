/**
 * How far a run of sm-notify is, for people and monitoring: the file `sm.bak/.progress`, one JSON object
 * in ASCII. It is replaced in one step and never synced; at the end of the run it says how that was.
 */

import { asciiJson } from "../quote.ts";
import type { NotifyCounts } from "../nsm/notify/notify_outcome.ts";
import type { Clock } from "../time/clock.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { asideName, layoutOf } from "./layout.ts";
import { OwnersFiles } from "./owners_files.ts";

/** How often it is written while the run goes on, in ms. */
const WRITE_MS = 2_000;
/** Age of what was written last beyond which the run does not go on any more, in ms. */
const SILENCE_MS = 10_000;
/** Peers that cannot be told of which it says why, in number; the counts are of them all. */
const NAMED_MAX = 500;
/** Largest file that is read, in bytes: so many peers with names and reasons of 1,024 characters. */
const READ_MAX_BYTES = 4_194_304;
const TEXT_MAX = 1_024;
const PROGRESS_MODE = 0o640;

/** A peer that could not be told so far. Times are in ms since 1970. */
export interface FailingPeer {
  /** Its mon_name. */
  readonly peer: string;
  readonly address?: string | undefined;
  readonly reason: string;
  readonly attempts: number;
  /** Since when that is so. */
  readonly since: number;
  /** When it is tried again. */
  readonly nextAt?: number | undefined;
}

/** How far the run is. Times are in ms since 1970. */
export interface NotifyProgress extends NotifyCounts {
  readonly pid: number;
  readonly stateNumber: number;
  readonly startedAt: number;
  /** When this was written. */
  readonly at: number;
  /** When the run gives up; absent where it never does. */
  readonly endsAt?: number | undefined;
  /** When it was over; absent before. */
  readonly endedAt?: number | undefined;
  readonly peers: readonly FailingPeer[];
}

/** What it is written from. */
export interface ProgressParts {
  readonly stateNumber: number;
  readonly counts: () => NotifyCounts;
  /** When the run gives up, in ms from its start; Infinity is never. */
  readonly totalMs: number;
  readonly clock: Clock;
  readonly fileSystem?: FileSystem;
}

/** Writes how far a run is, again and again. Where that cannot be written, nobody is told. */
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

  /** Takes that a peer could not be told; `key` tells records of one peer apart. */
  failed(key: string, peer: Omit<FailingPeer, "since">): void {
    const before = this.#failing.get(key);
    if (before === undefined && this.#failing.size >= NAMED_MAX) return;
    const since = before?.since ?? this.#parts.clock.wallClock();
    const reason = peer.reason.slice(0, TEXT_MAX);
    this.#failing.set(key, { ...peer, reason, since });
  }

  /** Takes that a peer was told, or need not be told any more. */
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
      // The disk is full or read-only; what that means for the run is said by those who need it.
    }
  }
}

/** How far the last run was when it said so; undefined where it cannot be read. */
export function readProgress(
  directory: string,
  fileSystem: FileSystem = new OwnersFiles(),
): NotifyProgress | undefined {
  try {
    const text = fileSystem.readOwn(layoutOf(directory).progress, READ_MAX_BYTES);
    const value: unknown = JSON.parse(text ?? "");
    return isProgress(value) ? value : undefined;
  } catch {
    return undefined; // none, not ours to read, or half a file
  }
}

/** Whether the run goes on, as far as its file tells. */
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
