/** What has happened, in lines, where somebody wants to read it. */

import type { Log } from "../../lib/log.ts";
import type { Agenda } from "./agenda.ts";
import type { Process } from "./process.ts";

export class Trace {
  readonly lines: string[] = [];

  constructor(readonly agenda: Agenda, readonly isOn: boolean) {}

  note(line: string): void {
    if (this.isOn) {
      this.lines.push(`${(this.agenda.now / 1000).toFixed(4).padStart(10)} s  ${line}`);
    }
  }
}

/** A log whose lines are part of the trace. */
export function tracedLog(trace: Trace, process: Process): Log {
  const say = (level: string) => (message: string) => {
    if (!process.isDead) trace.note(`${process.name} ${level}: ${message}`);
  };
  return {
    error: say("error"),
    warning: say("warning"),
    notice: say("notice"),
    info: say("info"),
    debug: (message) => {
      const text = message(); // it is made, so that it cannot fail unseen
      if (trace.isOn && !process.isDead) trace.note(`${process.name} debug: ${text}`);
    },
  };
}
