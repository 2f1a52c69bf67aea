/** A line at the foot of a terminal that is written anew again and again, while others go by above it. */

import type { Log } from "../log.ts";

/** Goes to the beginning of a terminal's line and empties it. */
const EMPTY_LINE = "\r\x1b[K";

export class LiveLine {
  readonly #write: (text: string) => void;
  #isShown = false;

  /** `write` writes to the terminal. */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Shows a text in place of the one before. */
  show(text: string): void {
    this.#write(EMPTY_LINE + text);
    this.#isShown = true;
  }

  /** Makes room for what somebody else writes to the terminal now, until the next text is shown. */
  hide(): void {
    if (this.#isShown) this.#write(EMPTY_LINE);
    this.#isShown = false;
  }
}

/** A log on the same terminal. */
export function logAbove(line: LiveLine, log: Log): Log {
  const above = (write: () => void) => {
    line.hide();
    write();
  };
  return {
    error: (message) => above(() => log.error(message)),
    warning: (message) => above(() => log.warning(message)),
    notice: (message) => above(() => log.notice(message)),
    info: (message) => above(() => log.info(message)),
    debug: (message) => above(() => log.debug(message)),
  };
}
