/** What every command of nsmctl works with: the state directory, and the place where output goes. */

import type { Terminal } from "./terminal.ts";

export interface Session {
  readonly programName: string;
  readonly stateDirectoryPath: string;
  /** Whether it is the one of nfs.conf, and not named by -P. */
  readonly isDefaultDirectory: boolean;
  readonly terminal: Terminal;
  /** How long the daemon may be silent, in ms. */
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
