/** The parts that notices are handled with. */

import type { LimitedLog } from "../log_limits.ts";
import type { Clock } from "../time/clock.ts";
import type { Counters } from "./counters.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { SourceCheck } from "./notice_gate.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, CallPeer, NoticeMemory } from "./ports.ts";

/** What notices are handled with. */
export interface NoticeParts {
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  /** Has the requester of one registration told, and remembers the state. */
  readonly announce: (monitored: Monitored, state: number, heardAt: number) => void;
  /** Makes lasting what was announced. */
  readonly flush: () => void;
  /** Keeps over restarts what was answered and not judged; nothing does where none is given. */
  readonly memory?: NoticeMemory;
  /** How strictly the source of notices is checked, asked each time. */
  readonly sourceCheck: () => SourceCheck;
  /** How strictly their state is checked, asked each time. */
  readonly stateCheck: () => SourceCheck;
  /** The administrator's program, asked for each time; for notices that turn out to be news later. */
  readonly callout?: () => Callout | undefined;
  /** Asks a peer which state it has; where it is not given nobody is asked. */
  readonly callPeer?: CallPeer;
  readonly clock: Pick<Clock, "now" | "wallClock" | "startTimer">;
  readonly counters: Pick<Counters, "notices_doubted" | "notices_refused" | "notices_undecided">;
  /** Says what strangers cause, within limits. */
  readonly tell: LimitedLog;
}
