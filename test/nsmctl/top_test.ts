/** `nsmctl top`: a screen never exceeds its size, whatever its contents. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { coloursFor, type Terminal } from "../../lib/nsmctl/terminal.ts";
import { screenLines } from "../../lib/nsmctl/top.ts";
import { EVIL, sampleReport } from "../support/report_sample.ts";

const facts = sampleReport(300);
const LONG = `${"a-long-name.".repeat(12)}example.net`;
const screen = {
  host: "server",
  at: facts.at,
  status: { statusFault: EVIL },
  peers: facts.peers,
  progress: "running (pid 5), 298 of 300 told",
  events: facts.recovery!.events,
};

Deno.test("a screen fits its size, and shows remaining peers and the newest events", () => {
  for (const width of [40, 80, 200]) {
    for (const lines of [5, 24, 60]) {
      const terminal = { width, colours: coloursFor(false) } as unknown as Terminal;
      const shown = screenLines(screen, lines, { terminal });
      assert(shown.length <= lines);
      const tooWide = shown.filter((line) => line.length > width);
      assertEquals(tooWide, [], `${width}`);
      // deno-lint-ignore no-control-regex
      assertEquals(shown.filter((line) => /[\x00-\x1f\u202e]/.test(line)), []);
      if (lines < 24) continue;
      const text = shown.map((line) => line.trim()).join(" ");
      assertMatch(text, /298 of 300 t/);
      assertMatch(text, /2 to be told/);
      assertMatch(text, /peers told that this host rebooted after [^:]*$/);
    }
  }
});

Deno.test("names are broken at the end of a line, and not cut", () => {
  const peers = [{ ...facts.peers[0]!, monName: LONG, isToBeNotified: true, why: "no such host" }];
  const events = [{ ...facts.recovery!.events[0]!, peer: LONG, event: "told" as const }];
  for (const width of [40, 80, 200]) {
    const terminal = { width, colours: coloursFor(false) } as unknown as Terminal;
    const lines = screenLines({ ...screen, peers, events, host: LONG }, 60, { terminal });
    assertEquals(lines.filter((line) => line.length > width), [], `${width}`);
    const whole = lines.map((line) => line.trim()).join("");
    assertEquals(whole.split(LONG).length - 1, 3, `${width}: ${lines.join("\n")}`);
  }
});
