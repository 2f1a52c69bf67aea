/**
 * Requests about identities over the control socket:
 *
 * ```
 * {"command":"identity","action":"list"}                              the last line has `identities`
 * {"command":"identity","action":"add","id":ID,"texts":{…}}
 * {"command":"identity","action":"remove","id":ID}
 * {"command":"identity","action":"acquire","id":ID,"texts":{…},"isFenced":true,"deadlineMs":8000}  … `identities` of one
 * {"command":"identity","action":"release","id":ID,"isForced":true,"deadlineMs":8000}  … `stuck`, in words
 * {"command":"identity","action":"told","id":ID,"epoch":N,"peers":[NAME…]}
 * ```
 */

import { type DefinitionTexts, textsOf } from "../cluster/definition.ts";

/** Request about identities. */
export type IdentityRequest =
  & { readonly command: "identity"; readonly deadlineMs?: number }
  & (
    | { readonly action: "list" }
    | { readonly action: "add"; readonly id: string; readonly texts: DefinitionTexts }
    | { readonly action: "remove"; readonly id: string }
    | { readonly action: "release"; readonly id: string; readonly isForced: boolean }
    | {
      readonly action: "acquire";
      readonly id: string;
      readonly texts?: DefinitionTexts;
      readonly isFenced: boolean;
    }
    | {
      readonly action: "told";
      readonly id: string;
      readonly epoch: number;
      readonly peers: readonly string[];
    }
  );

/** Longest deadline accepted, in ms. */
const DEADLINE_MAX_MS = 3_600_000;

/** Parses a request; undefined if invalid. */
export function parseIdentityRequest(
  value: Readonly<Record<string, unknown>>,
): IdentityRequest | undefined {
  const { action, id, texts, isFenced, deadlineMs, epoch, peers } = value;
  const command = "identity" as const;
  if (action === "list") return { command, action };
  if (typeof id !== "string") return undefined;
  const definition = textsOf(texts);
  const isTime = typeof deadlineMs === "number" && deadlineMs > 0 && deadlineMs <= DEADLINE_MAX_MS;
  const time = isTime ? { deadlineMs } : {};
  switch (action) {
    case "add":
      return definition && { command, action, id, texts: definition };
    case "remove":
      return { command, action, id, ...time };
    case "release":
      return { command, action, id, isForced: value["isForced"] === true, ...time };
    case "acquire": {
      const asked = definition === undefined ? {} : { texts: definition };
      return { command, action, id, ...asked, isFenced: isFenced === true, ...time };
    }
    case "told":
      if (typeof epoch !== "number" || !Array.isArray(peers)) return undefined;
      if (!peers.every((name) => typeof name === "string")) return undefined;
      return { command, action, id, epoch, peers };
  }
  return undefined;
}
