/**
 * Report as one HTML page: without external resources or scripts, for phones, light and dark mode,
 * and screen readers. External text is escaped by {@link html}.
 *
 * Source: WCAG 2.1 AA for contrast and structure.
 */

import { printable } from "../quote.ts";
import { eventSentence } from "./event_text.ts";
import { askersOf, type Peer } from "./peers.ts";
import { type Recovery, toldOverTime } from "./recovery.ts";
import { healthLine, recoveryLine, type ReportFacts } from "./report_facts.ts";
import { ageText, localText, spanText } from "./text.ts";

/** Limit of table rows, for speed; `nsmctl list --json` has all. */
const ROWS_MAX = 5_000;
/** Points of the curve, and its size in drawing units. */
const POINTS_MAX = 200;
const CURVE = { width: 640, height: 160, margin: 4 } as const;

const STYLE = `
:root { color-scheme: light dark; --ink: #1a1c20; --paper: #fff; --faint: #555b66; --line: #c9ced6;
  --good: #1a6b34; --warning: #7a4b00; --bad: #a3161a; --box: #f3f5f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --paper: #16181c; --faint: #a9b0bb; --line: #3c424c;
    --good: #7fd699; --warning: #f0b95c; --bad: #ff9a94; --box: #20242a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.good { color: var(--good); } .degraded { color: var(--warning); }
.failed, .unknown, .left { color: var(--bad); } .faint { color: var(--faint); }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
caption { text-align: left; padding: .5rem; color: var(--faint); }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-top: 1px solid var(--line); }
td { min-width: 8rem; overflow-wrap: break-word; }
thead th { background: var(--box); white-space: nowrap; } .number { text-align: right; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 9rem; } time { white-space: nowrap; }
svg { display: block; width: 100%; height: auto; background: var(--box); border-radius: .4rem; }
polyline { fill: none; stroke: var(--good); stroke-width: 2; } svg line { stroke: var(--bad); stroke-dasharray: 4; }
ol { padding-left: 0; list-style: none; } li { padding: .15rem 0; border-top: 1px solid var(--line); }
@media (max-width: 40rem) { body { padding: .6rem; } th, td { padding: .3rem .4rem; } }
@media print { body { max-width: none; } .table { overflow: visible; } }
`;

/** Escapes text for HTML content and quoted attributes, including terminal control characters. */
export function html(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printable(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

export function reportPage(facts: ReportFacts): string {
  const { host, at, stateDirectory, status, peers, events } = facts;
  const title = `Lock recovery of ${html(host)}`;
  const monitored = peers.filter(({ isMonitored }) => isMonitored);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="faint">Made ${time(at)} from ${html(stateDirectory)} by nsmctl report.</p>
</header>
<main>
<p class="${status?.health ?? "unknown"}"><strong>${html(healthLine(facts))}</strong></p>
${recoveryPart(facts)}
${monitoredPart(monitored, at)}
<h2 id="history">What else happened</h2>
${eventList(events.map((event) => [event.at, eventSentence(event)]))}
</main>
</body>
</html>
`;
}

function recoveryPart(facts: ReportFacts): string {
  const { recovery } = facts;
  const sentence = `<h2>Recovery</h2>\n<p>${html(recoveryLine(facts))}</p>`;
  if (recovery === undefined) return sentence;
  const { told, left } = recovery;
  const leftTable = table(
    "Not told, and why",
    ["Peer", "Why", "Tried last"],
    left.map(({ peer, why, at }) => [
      `<span class="left">${html(peer)}</span>`,
      html(why),
      at === undefined ? "" : time(at),
    ]),
    "Everybody was told.",
  );
  const toldTable = table(
    "Told, in this order",
    ["Peer", "When", "After", "Address", "Over", "Tries"],
    told.map(({ peer, at, ms, address = "", transport = "", attempts }) => [
      html(peer),
      time(at),
      html(spanText(ms)),
      html(address),
      html(transport),
      String(attempts),
    ]),
    "Nobody was told.",
  );
  return `${sentence}\n${
    curve(recovery)
  }\n<h2>Left</h2>\n${leftTable}\n<h2>Told</h2>\n${toldTable}`;
}

/** Curve of told peers over time; the dashed line is the total. */
function curve(recovery: Recovery): string {
  const { total, told } = recovery;
  if (told.length === 0) return "";
  const { width, height, margin } = CURVE;
  const points = toldOverTime(recovery, POINTS_MAX);
  const lastMs = Math.max(1, points.at(-1)!.ms);
  const most = Math.max(1, total, told.length);
  const x = (ms: number) => Math.round(margin + ms / lastMs * (width - 2 * margin));
  const y = (count: number) => Math.round(height - margin - count / most * (height - 2 * margin));
  const line = points.map(({ ms, count }) => `${x(ms)},${y(count)}`).join(" ");
  const text = `${told.length} of ${total} peers were told within ${spanText(lastMs)}`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="curve">
<title id="curve">${html(text)}</title>
<line x1="0" x2="${width}" y1="${y(total)}" y2="${y(total)}"/><polyline points="${line}"/>
</svg>`;
}

function monitoredPart(peers: readonly Peer[], now: number): string {
  const rows = peers.map((peer) => [
    html(peer.monName),
    html(askersOf(peer).join(" ")),
    html(peer.addresses.join(" ")),
    peer.heardAt === undefined ? "" : html(`${ageText(peer.heardAt, now)} ago`),
    html(peer.why ?? ""),
  ]);
  const head = ["Peer", "Asked by", "Addresses", "Rebooted", "Note"];
  return `<h2>Monitored now</h2>\n${
    table("Peers whose reboot would be noticed", head, rows, "No peer is monitored.")
  }`;
}

/** Table of cells that are HTML already; the first cell of a row is its heading. */
function table(
  caption: string,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  ifEmpty: string,
): string {
  if (rows.length === 0) return `<p>${html(ifEmpty)}</p>`;
  const head = titles.map((title) => `<th scope="col">${html(title)}</th>`).join("");
  const body = rows.slice(0, ROWS_MAX).map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => `<td>${cell}</td>`).join("");
    return `<tr><th scope="row">${first}</th>${cells}</tr>`;
  }).join("\n");
  const omitted = rows.length - ROWS_MAX;
  const more = omitted > 0 ? `<p>${omitted} more are left out.</p>` : "";
  const name = html(caption);
  return `<div class="table" role="region" aria-label="${name}" tabindex="0">
<table><caption>${name} (${rows.length})</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody></table></div>${more}`;
}

function eventList(events: readonly (readonly [at: number, sentence: string])[]): string {
  if (events.length === 0) return "<p>The history has nothing else.</p>";
  const items = events.map(([at, sentence]) => `<li>${time(at)} ${html(sentence)}</li>`);
  return `<ol>\n${items.join("\n")}\n</ol>`;
}

function time(at: number): string {
  return `<time datetime="${new Date(at).toISOString()}">${localText(at)}</time>`;
}
