/** Log that keeps its lines for assertions. */

import type { Log } from "../../lib/log.ts";

export class RecordingLog implements Log {
  /** Lines as `level: message`. */
  readonly lines: string[] = [];

  error(message: string): void {
    this.lines.push(`error: ${message}`);
  }
  warning(message: string): void {
    this.lines.push(`warning: ${message}`);
  }
  notice(message: string): void {
    this.lines.push(`notice: ${message}`);
  }
  info(message: string): void {
    this.lines.push(`info: ${message}`);
  }
  debug(message: () => string): void {
    this.lines.push(`debug: ${message()}`);
  }

  /** Lines of one level. */
  of(level: keyof Log): string[] {
    return this.lines.filter((line) => line.startsWith(`${level}: `));
  }
}
