/** Events for display: one line each, whatever text strangers put into them. */

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { EVENT_KINDS, type EventKind } from "../../lib/nsm/events.ts";
import { coloursFor } from "../../lib/nsmctl/terminal.ts";
import { eventSentence, eventText } from "../../lib/nsmctl/event_text.ts";
import { eventFilter } from "../../lib/nsmctl/events.ts";
import { localText, parseMoment } from "../../lib/nsmctl/text.ts";
import type { DatedEvent } from "../../lib/store/event_file.ts";

const AT = Date.UTC(2026, 10, 26, 12, 40, 2);
const event = (kind: EventKind, more: Partial<DatedEvent> = {}): DatedEvent => ({
  at: AT,
  program: "rpc.statd",
  event: kind,
  ...more,
});

Deno.test("every kind of event is one line of printable text", () => {
  const evil = "\x1b[2J\n\u202eevil";
  for (const kind of Object.keys(EVENT_KINDS) as EventKind[]) {
    for (const more of [{}, { peer: evil, address: evil, by: evil, reason: evil, state: 1 }]) {
      const line = eventText(event(kind, more), { colours: coloursFor(false), width: 1e9 });
      assertMatch(line, /^[^\n]{25,}\n$/);
      // deno-lint-ignore no-control-regex
      assertNotMatch(line, /[\x1b\u202e]/);
    }
  }
});

Deno.test("events of a reboot, a callback and a failure have peer, source and reason", () => {
  const heard = { peer: "client02", state: 23, address: "10.77.1.2" };
  assertEquals(
    eventSentence(event("rebooted", heard)),
    "client02 rebooted (state 23, from 10.77.1.2)",
  );
  assertEquals(
    eventSentence(event("lockManagerTold", { peer: "client02", ms: 4 })),
    "lock manager told that client02 rebooted after 4 ms",
  );
  assertEquals(
    eventSentence(event("told", { peer: "client02", identity: "vip1" })),
    "client02 told of identity vip1",
  );
  const failed = { peer: "dead1", address: "10.77.1.9", attempts: 9, reason: "no route to host" };
  assertEquals(
    eventSentence(event("notTold", failed)),
    "dead1 NOT told, given up at 10.77.1.9 after 9 attempts: no route to host",
  );
});

Deno.test("events are chosen by time, and by name or address of their peer", () => {
  const about = event("told", { peer: "Client02.example.net", address: "10.77.1.2" });
  assertEquals(eventFilter("client02.*", 0)(about), true);
  assertEquals(eventFilter("10.77.1.2", 0)(about), true);
  assertEquals(eventFilter("client03", 0)(about), false);
  assertEquals(eventFilter(undefined, AT + 1)(about), false);
  const refusal = event("refused", { reason: 'SM_NOTIFY about "client02" from 10.9.9.9' });
  assertEquals(eventFilter("client02", 0)(refusal), true);
  assertEquals(eventFilter("client0", 0)(refusal), false);
});

Deno.test("parseMoment() reads ages, and dates in local time", () => {
  assertEquals(parseMoment("90min", AT), AT - 90 * 60_000);
  assertEquals(parseMoment("2026-11-26T12:40:02Z", 0), AT);
  assertEquals(parseMoment("2026-11-26", 0), new Date(2026, 10, 26).getTime());
  assertEquals(parseMoment("2026-11-26 13:40", 0), new Date(2026, 10, 26, 13, 40).getTime());
  for (const text of ["", "yesterday", "2026-13-40", "13:40", "5", "-1d"]) {
    assertEquals(parseMoment(text, AT), undefined, text);
  }
});

Deno.test("localText() reads as the same moment", () => {
  assertEquals(Date.parse(localText(AT).replace(" ", "T")), AT);
});
