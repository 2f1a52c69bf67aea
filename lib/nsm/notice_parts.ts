import type { LimitedLog } from "../log_limits.ts";
import type { Clock } from "../time/clock.ts";
import type { Counters } from "./counters.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { SourceCheck } from "./notice_gate.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, CallPeer, NoticeMemory } from "./ports.ts";

/** Dependencies of notice handling. */
export interface NoticeParts {
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  /** Announces a state to the requester of one registration, and remembers it. */
  readonly announce: (monitored: Monitored, state: number, heardAt: number) => void;
  /** Brings a registration that was read late up to the last news of its peer. */
  readonly catchUp: (monitored: Monitored) => void;
  /** Makes announcements durable. */
  readonly flush: () => void;
  /** Storage of kept notices; without it none survive a restart. */
  readonly memory?: NoticeMemory;
  /** Strictness of the source check; called for each notice. */
  readonly sourceCheck: () => SourceCheck;
  /** Strictness of the state check; called for each notice. */
  readonly stateCheck: () => SourceCheck;
  /** Callout configured now; for kept notices that turn out to be news. */
  readonly callout?: () => Callout | undefined;
  /** Client for SM_STAT to peers; without it no peer is asked. */
  readonly callPeer?: CallPeer;
  readonly clock: Clock;
  readonly counters: Pick<Counters, "notices_doubted" | "notices_refused" | "notices_undecided">;
  /** Rate-limited log, for lines that remote hosts can cause. */
  readonly tell: LimitedLog;
}
