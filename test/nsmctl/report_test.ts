/** Report: its contents about a recovery, and its safety against hostile names. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { coloursFor, type Terminal } from "../../lib/nsmctl/terminal.ts";
import { recoveryOf, toldOverTime } from "../../lib/nsmctl/recovery.ts";
import { reportText } from "../../lib/nsmctl/report.ts";
import { recoveryLine } from "../../lib/nsmctl/report_facts.ts";
import { reportPage } from "../../lib/nsmctl/report_page.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";
import { EVIL, sampleReport } from "../support/report_sample.ts";

Deno.test("a recovery lists notified peers with their transport, and remaining peers with the reason", () => {
  const { recovery } = sampleReport();
  assertEquals([recovery!.total, recovery!.told.length, recovery!.stateNumber], [42, 40, 7]);
  const [first] = recovery!.told;
  assertEquals([first!.peer, first!.address, first!.transport], [
    "client0.example.net",
    "192.0.2.0",
    "udp",
  ]);
  assertEquals(recovery!.left.map(({ why }) => why), [`no such host ${EVIL}`, "silent"]);
  assertMatch(
    recoveryLine({ recovery }),
    /ended after 15 min 1 s; 40 of 42 peers told of state 7, 2 not told/,
  );
});

Deno.test("unreadable lists are not taken for empty ones", () => {
  const terminal = new FakeTerminal();
  const facts = { ...sampleReport(), recovery: undefined, peers: [], unread: 2 };
  const text = reportText(facts, { terminal, now: () => facts.at });
  assertMatch(text, /^Last recovery: not known\.$/m);
  assertMatch(text, /^Monitored now\nNot known\.$/m);
  assertMatch(reportPage(facts), /Last recovery: not known\./);
});

Deno.test("only the last recovery counts, and one that was cut short says so", () => {
  const history = sampleReport().recovery!.events;
  const again = { ...history[0]!, at: history.at(-1)!.at + 1, count: 1 };
  const recovery = recoveryOf([...history, again], [], undefined, again.at);
  assertEquals([recovery!.total, recovery!.told.length, recovery!.left.length], [1, 0, 0]);
  assertMatch(recoveryLine({ recovery }), /cut short; 0 of 1 peers/);
  assertEquals(recoveryOf([], [], undefined, 0), undefined);
});

Deno.test("a curve has a limited number of points, and ends with all peers", () => {
  const points = toldOverTime(sampleReport(1_000).recovery!, 200);
  assert(points.length <= 202);
  assertEquals([points[0], points.at(-1)], [{ ms: 0, count: 0 }, { ms: 999_000, count: 1_000 }]);
});

Deno.test("the page escapes everything, loads nothing and runs nothing", () => {
  const page = reportPage(sampleReport());
  assertNotMatch(page, /<script|<img|onerror=[^&]*>|javascript:/);
  // deno-lint-ignore no-control-regex
  assertNotMatch(page, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  assertNotMatch(page, /\b(?:src|href|action)\s*=\s*"|url\(|@import|<link|<iframe|<object|<form/);
  assertEquals([...page.matchAll(/https?:/g)], []);
  assertMatch(page, /Content-Security-Policy" content="default-src 'none'/);
  // Every tag is one of ours: foreign text made none.
  const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag));
  assertEquals(
    [...tags].filter((tag) =>
      !/^(html|head|meta|title|style|body|header|main|h[12]|p|strong|svg|line|polyline|div|table|caption|thead|tbody|tr|th|td|span|time|ol|li)$/
        .test(tag!)
    ),
    [],
  );
});

Deno.test("at any width the report is text without control characters", () => {
  for (const width of [40, 80, 200]) {
    const terminal = { width, colours: coloursFor(false) } as unknown as Terminal;
    const facts = sampleReport();
    const text = reportText(facts, { terminal, now: () => facts.at });
    // deno-lint-ignore no-control-regex
    assertNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
    assertMatch(text, /dead\.example\.net/);
  }
});
