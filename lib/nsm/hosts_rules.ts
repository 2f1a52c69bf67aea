/**
 * Parser of /etc/hosts.allow and /etc/hosts.deny: finds the rules that apply to our daemon.
 *
 * ```
 * daemons : clients [ : option ]…
 * ```
 *
 * An option that the TCP wrappers library reports as an error denies, as there. Options for
 * connections of other programs are checked and ignored; `spawn` runs nothing. `aclexec`, `user`
 * and `group` are not supported, and deny. Each such line causes one warning.
 *
 * Source: hosts_access(5), hosts_options(5); Debian's libwrap 7.6.q, by what tcpdmatch(8) prints.
 */

import { type AccessEntry, clientsOf, type Decision, listOf, matchesList } from "./hosts_access.ts";
import { Given, maskByte, splitAt, textPattern } from "./hosts_patterns.ts";

/** Called with the number (from 1) of a line that is no rule, or that cannot be followed. */
export type LineFault = (line: number, reason: string) => void;

/** Longest rule, in bytes, after joining lines, without the last line feed. */
const RULE_MAX_BYTES = 2046;
/** Syslog severities that the library knows, with or without a facility. */
const LEVEL = "(?:alert|crit|debug|emerg|err|info|notice|warning)";
const FACILITY = "(?:auth|cron|daemon|kern|local[0-7]|lpr|mail|news|user|uucp)";

/** Options without effect on the decision, with the syntax of their values; undefined: no value allowed. */
const HARMLESS: Readonly<Record<string, RegExp | undefined>> = {
  banners: /./,
  keepalive: undefined,
  linger: /^[\t-\r ]*\+?\d{1,9}$/,
  nice: /^(?:[\t-\r ]*[+-]?\d+)?$/,
  rfc931: /^(?:[\t-\r ]*\+?0*[1-9]\d{0,8})?$/,
  // A name that setenv(3) refuses is an error there.
  setenv: /^[^= \t\r\n]+(?:[ \t\r\n]|$)/,
  severity: new RegExp(`^(?:${FACILITY}\\.)?${LEVEL}$`, "i"),
  spawn: /./,
  umask: /^[\t-\r ]*\+?0*[0-7]{1,3}$/,
};
/** Options that run a program, or change user or group, to decide; they are not supported. */
const UNSUPPORTED = new Set(["aclexec", "group", "twist", "user"]);

/**
 * Parses a file into the rules for a daemon; `whenMatched` is the file's default decision. `text`
 * has one character per byte.
 */
export function parseAccessFile(
  text: string,
  daemon: string,
  whenMatched: Decision,
  fault: LineFault,
): AccessEntry[] {
  return [...entriesIn(text, daemon, whenMatched, fault)].filter((entry) => entry !== undefined);
}

/** Steps of {@link parseAccessFile}: the rule of each line, or undefined. */
export function* entriesIn(
  text: string,
  daemon: string,
  whenMatched: Decision,
  fault: LineFault,
): Generator<AccessEntry | undefined> {
  for (const { line, content, isWhole } of logicalLines(text)) {
    if (!isWhole) {
      // The library stops reading here, and denies if the file is hosts.deny.
      const effect = whenMatched === "deny" ? "; every client is denied here" : "";
      fault(line, `the line has no end or is too long: the rest of the file is not read${effect}`);
      if (whenMatched === "deny") yield { clients: clientsOf(["ALL"]), decision: "deny" };
      return;
    }
    if (content.startsWith("#") || /^[ \t\r]*$/.test(content)) yield undefined;
    else yield parseRule(content, daemon, whenMatched, (reason) => fault(line, reason));
  }
}

function parseRule(
  content: string,
  daemon: string,
  whenMatched: Decision,
  fault: (reason: string) => void,
): AccessEntry | undefined {
  const [daemons, rest] = splitAt(":", content);
  if (rest === undefined) {
    fault('there is no ":"; the line is passed over');
    return undefined;
  }
  const [clients, optionText] = splitAt(":", rest);
  const options = optionText === undefined ? [] : optionsOf(optionText);
  const optionFault = faultOfOptions(options);
  const decision = optionFault === undefined ? decisionOf(options) ?? whenMatched : "deny";
  // Unknown facts count in favour of denying.
  const isOurs = (pattern: string, whenUnsure: boolean) => {
    const [name, address] = splitAt("@", pattern, 1);
    if (!textPattern(name)(new Given(daemon), false)) return false;
    return address === undefined || address.toUpperCase() === "ALL" || whenUnsure;
  };
  const list = listOf(words(daemons), (word) => word);
  if (!matchesList(list, decision === "deny", isOurs)) return undefined;
  const reason = optionFault ?? unfollowed(words(daemons), words(clients)) ??
    (options.some(([name]) => name === "spawn")
      ? "spawn is not supported: nothing is run"
      : undefined);
  if (reason !== undefined) fault(reason);
  return { clients: clientsOf(words(clients)), decision };
}

/**
 * Logical lines of a file as the library's xgets() reads them. A trailing backslash joins lines. A
 * zero byte ends a read, so that the rest of its line is lost, with the line feed. The last line is
 * not whole if it has no line feed, or is too long.
 */
function* logicalLines(
  text: string,
): Iterable<{ line: number; content: string; isWhole: boolean }> {
  let [line, first, content] = [1, 1, ""];
  for (let at = 0; at < text.length && content.length <= RULE_MAX_BYTES;) {
    const chunk = text.slice(at, at + RULE_MAX_BYTES + 1 - content.length);
    const end = chunk.indexOf("\n") + 1;
    const read = end === 0 ? chunk : chunk.slice(0, end);
    at += read.length;
    if (end > 0) line++;
    const [string] = read.split("\0", 1);
    if (string!.endsWith("\n") && !string!.endsWith("\\\n")) {
      yield { line: first, content: content + string!.slice(0, -1), isWhole: true };
      [first, content] = [line, ""];
    } else {
      content += string!.replace(/\\\n$/, "");
    }
  }
  if (content !== "") yield { line: first, content, isWhole: false };
}

/** Splits options into names and values; `\:` is a literal colon. */
function optionsOf(text: string): [name: string, value: string | undefined][] {
  return text.split(/(?<!\\):/).map((field) => {
    const option = field.replaceAll("\\:", ":").replace(/^[\t-\r ]+/, "").replace(/[\t-\r ]+$/, "");
    const [, name, value] = /^([^= \t\r\n]*)[ \t\r\n]*=?[ \t\r\n]*([^]*)$/.exec(option)!;
    return [name!.toLowerCase(), value === "" ? undefined : value];
  });
}

/** Reason why the options of a rule deny; undefined if they are valid. */
function faultOfOptions(options: ReturnType<typeof optionsOf>): string | undefined {
  for (const [index, [name, value]] of options.entries()) {
    const denies = "; the clients it names are denied";
    const isLast = index === options.length - 1;
    if (UNSUPPORTED.has(name)) return `the option "${name}" is not supported${denies}`;
    if (name === "allow" || name === "deny") {
      if (value !== undefined || !isLast) {
        return `the option "${name}" has to be the last, without a value${denies}`;
      }
    } else if (!Object.hasOwn(HARMLESS, name)) return `there is no option "${name}"${denies}`;
    else if (
      HARMLESS[name] === undefined ? value !== undefined : !HARMLESS[name].test(value ?? "")
    ) {
      return `the option "${name}" does not take this value${denies}`;
    }
  }
  return undefined;
}

function decisionOf(options: ReturnType<typeof optionsOf>): Decision | undefined {
  const last = options.at(-1)?.[0];
  return last === "allow" || last === "deny" ? last : undefined;
}

/** Part of a rule that cannot be followed to the letter; undefined if there is none. */
function unfollowed(daemons: readonly string[], clients: readonly string[]): string | undefined {
  if (clients.length === 0) return "there is no list of clients";
  const isSplit = (word: string) => splitAt("@", word, 1)[1] !== undefined;
  const daemon = daemons.find((word) => isSplit(word) && !/@ALL$/i.test(word));
  if (daemon !== undefined) {
    return `"${daemon}": which address was called is not known here; it counts where it denies`;
  }
  const user = clients.find(isSplit);
  if (user !== undefined) return `"${user}": users are not known here; it counts where it denies`;
  return clients.map(patternFault).find((reason) => reason !== undefined);
}

/** Reason why a network pattern can match no address; undefined if it can. */
function patternFault(pattern: string): string | undefined {
  const network = /^([\d.]+)\/([\d.]+)$/.exec(pattern);
  if (network === null) return undefined;
  const [address, mask] = [network[1]!, network[2]!].map((part) => part.split(".").map(Number));
  const bits = mask!.length === 1 ? mask![0]! : undefined;
  const bytes = bits === undefined ? mask! : address!.map((_, i) => maskByte(bits - 8 * i));
  const isWithin = address!.every((byte, i) => (byte & bytes[i]!) === byte);
  if (bits === undefined ? isWithin : bits > 0 && bits <= 32 && isWithin) return undefined;
  return `"${pattern}" matches no client: its address has bits outside the mask, or the mask is invalid`;
}

export function words(list: string): string[] {
  return list.split(/[ \t\r\n,]+/).filter((word) => word !== "");
}
