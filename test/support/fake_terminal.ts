/** Terminal of any width that keeps its output. */

import { coloursFor, type Terminal } from "../../lib/nsmctl/terminal.ts";

export class FakeTerminal implements Terminal {
  printed = "";
  readonly complaints: string[] = [];
  readonly colours;

  constructor(readonly width = Number.MAX_SAFE_INTEGER, isColoured = false) {
    this.colours = coloursFor(isColoured);
  }

  print(text: string): boolean {
    this.printed += text;
    return true;
  }

  draw(lines: readonly string[]): boolean {
    return this.print(`\x1b[H${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
  }

  complain(line: string): void {
    this.complaints.push(line);
  }

  confirm(): undefined {}
}
