/** Line at the foot of a terminal that is rewritten again and again, while log lines go by above it. */

import type { Log } from "../log.ts";

/** Goes to the beginning of a terminal's line and empties it. */
const EMPTY_LINE = "\r\x1b[K";

/** Columns below which there is no room for all that could be said. */
const WIDE_COLUMNS = 59;

export class LiveLine {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  #isShown = false;

  /** `write` writes to the terminal, which has so many columns now. */
  constructor(write: (text: string) => void, columns = () => Infinity) {
    this.#write = write;
    this.#columns = columns;
  }

  /**
   * Shows a text in place of the one before; the short one where the terminal is narrow. It is cut to the
   * width, since a line that wraps would stay there.
   */
  show(text: string, short = text): void {
    const room = this.#columns() - 1; // the cursor stays in the line
    const chosen = text.length <= room && room >= WIDE_COLUMNS ? text : short;
    this.#write(EMPTY_LINE + chosen.slice(0, Math.max(0, room)));
    this.#isShown = true;
  }

  /** Makes room for what somebody else writes to the terminal now, until the next text is shown. */
  hide(): void {
    if (this.#isShown) this.#write(EMPTY_LINE);
    this.#isShown = false;
  }
}

/** Log that writes above a live line. */
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
