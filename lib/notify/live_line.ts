/** Live line: a line at the foot of a terminal, rewritten in place, with log lines above it. */

import type { Log } from "../log.ts";

/** Clears the terminal's present line. */
const EMPTY_LINE = "\r\x1b[K";

/** Width below which the short text is used, in columns. */
const WIDE_COLUMNS = 59;

export class LiveLine {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  #isShown = false;

  /** `write` writes to the terminal; `columns` is its present width. */
  constructor(write: (text: string) => void, columns = () => Infinity) {
    this.#write = write;
    this.#columns = columns;
  }

  /**
   * Shows a text, replacing the previous one; the short one on a narrow terminal. It is cut to the
   * width, since a wrapped line could not be rewritten.
   */
  show(text: string, short = text): void {
    const room = this.#columns() - 1; // one column for the cursor
    const chosen = text.length <= room && room >= WIDE_COLUMNS ? text : short;
    this.#write(EMPTY_LINE + chosen.slice(0, Math.max(0, room)));
    this.#isShown = true;
  }

  /** Clears the line, before other output to the terminal. */
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
