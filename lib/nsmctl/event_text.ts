/** Events as text and as JSON. */

import { EVENT_KINDS, type EventKind } from "../nsm/events.ts";
import type { DatedEvent } from "../store/event_file.ts";
import { plural, printable } from "../quote.ts";
import type { Terminal } from "./terminal.ts";
import { filled } from "../config/help_text.ts";
import { isoText, localText, shown, spanText } from "./text.ts";

/** Hanging indentation of an event, in columns. */
const FURTHER_LINES = 2;

/** Colours by kind of event; other kinds are plain. */
const PAINTS: Partial<Readonly<Record<EventKind, "good" | "warning" | "bad" | "strong">>> = {
  rebooted: "strong",
  declared: "strong",
  lockManagerTold: "good",
  told: "good",
  registered: "good",
  refused: "warning",
  doubted: "warning",
  notYetTold: "warning",
  lockManagerSilent: "warning",
  omitted: "warning",
  ledgerWorks: "good",
  identityAcquired: "strong",
  identityLost: "bad",
  ledgerFailed: "bad",
  unregistered: "bad",
  notTold: "bad",
  lockManagerGivenUp: "bad",
};

/** Event with its local time, wrapped to the width. */
export function eventText(
  event: DatedEvent,
  { colours, width }: Pick<Terminal, "colours" | "width">,
  indent = 0,
): string {
  const paint = PAINTS[event.event];
  const time = localText(event.at);
  const text = filled(`${time} ${eventSentence(event)}`, width, indent + FURTHER_LINES);
  const sentence = text.slice(time.length);
  const painted = paint === undefined ? sentence : colours[paint](sentence);
  return `${" ".repeat(indent)}${colours.faint(time)}${painted}\n`;
}

/** Sentences for events of an identity. */
const OF_IDENTITIES = {
  identityAcquired: "held by this node",
  identityReleased: "released by this node",
  identityLost: "LOST",
  ledgerFailed: "ledger does NOT work",
  ledgerWorks: "ledger works",
} as const;

function isOfIdentity(kind: EventKind): kind is keyof typeof OF_IDENTITIES {
  return Object.hasOwn(OF_IDENTITIES, kind);
}

/** Sentence for an event, without its time. */
export function eventSentence(event: DatedEvent): string {
  const { state, attempts, count = 0, ms } = event;
  const peer = shown(event.peer ?? "?");
  const why = event.reason === undefined ? "" : `: ${printable(event.reason)}`;
  const by = event.by === undefined ? "" : `, as ${shown(event.by)} asked`;
  const at = event.address === undefined ? "" : ` at ${shown(event.address)}`;
  const over = event.transport === undefined ? "" : ` over ${event.transport}`;
  const tries = attempts === undefined || attempts < 2 ? "" : ` after ${attempts} attempts`;
  const span = ms === undefined ? "" : ` after ${msText(ms)}`;
  const { event: kind } = event;
  if (isOfIdentity(kind)) {
    return `identity ${shown(event.identity ?? "?")}: ${OF_IDENTITIES[kind]}${why}`;
  }
  switch (kind) {
    case "started":
      return `rpc.statd started${why}`;
    case "stopped":
      return `rpc.statd stopped${why}`;
    case "registered":
      return "registered with rpcbind again";
    case "unregistered":
      return `not registered with rpcbind${why}`;
    case "monitored":
      return `${peer} is monitored${by}`;
    case "unmonitored":
      return `${peer} is not monitored any more${by}`;
    case "forgotten":
      return `${peer} forgotten${by}`;
    case "declared":
      return `${peer} declared rebooted (state ${state})${by}`;
    case "rebooted": {
      const from = event.address === undefined ? "" : `, from ${shown(event.address)}`;
      return `${peer} rebooted (state ${state}${from})`;
    }
    case "lockManagerTold":
      return `lock manager told that ${peer} rebooted${span}`;
    case "lockManagerSilent":
      return `lock manager not told yet that ${peer} rebooted${why}`;
    case "lockManagerGivenUp":
      return `lock manager NOT told that ${peer} rebooted, given up${why}`;
    case "refused":
      return `refused${why}`;
    case "doubted":
      return `passed on with a doubt${why}`;
    case "notifying":
      return `telling ${plural(count, "peer")} that this host rebooted (state ${state})`;
    case "told":
      return `${peer} told${ofIdentity(event)}${at}${over}${tries}`;
    case "notYetTold":
      return `${peer} not told yet${at}${tries}${why}`;
    case "notTold":
      return `${peer} NOT told, given up${at}${tries}${why}`;
    case "leftAlone":
      return `${peer} not told: its record was removed meanwhile`;
    case "notified":
      return `${plural(count, "peer")} told that this host rebooted${span}${why}`;
    case "omitted":
      return `${count} more events of this kind in a minute${why}`;
  }
}

/** Event as JSON; `conf/nsmctl.schema.json` describes it. */
export function eventJson({ at, ...event }: DatedEvent) {
  return { at: isoText(at), ...event };
}

/** List of the kinds, for `nsmctl events --help`. */
export const KINDS_TEXT = Object.keys(EVENT_KINDS).join(", ");

function ofIdentity({ identity }: DatedEvent): string {
  return identity === undefined ? "" : ` of identity ${shown(identity)}`;
}

function msText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : spanText(ms);
}
