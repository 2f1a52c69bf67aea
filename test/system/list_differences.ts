/** Intended differences from Debian's rpc.statd in keeping the monitor list, with reasons. */

import {
  callback,
  type Difference,
  gone,
  made,
  NOTHING,
  rewritten,
  sight,
} from "../support/difference.ts";
import { OTHER_PRIV, PRIV, text, word } from "../support/nsm_calls.ts";

const ALIASES = ["aliases"];
const LETTER_CASE = ["letter case"];
const MANAGERS = ["lock managers of one host"];
const ADVANCED = ["state number, advanced by another program"];
const FOUND = ["files found at start"];

/** First fields of nearly every line. */
const USUAL = "0100007f 000186b5 00000003 00000010 PRIV";

/** Callback about a peer in state 5. */
const told = (peer: string, priv = PRIV) => callback(3, 16, text(peer) + word(5) + priv);

export const LIST_DIFFERENCES: readonly Difference[] = [
  {
    reason: "no answer waits for the name service: files are named after the mon_name as given",
    seen: [
      sight(
        ["whom a notice speaks of"],
        ["MON of an IPv6 address: files"],
        made("peer6.example", "OTHER_PRIV fd99::3 thishost"),
        made("fd99::3", "OTHER_PRIV fd99::3 thishost"),
      ),
    ],
  },
  {
    reason: "no answer waits for the name service: each name of a peer is registered by itself",
    seen: [
      sight(
        ALIASES,
        ["MON by alias: files"],
        made("peer.example", "PRIV peer thishost"),
        made("peer", "PRIV peer thishost"),
      ),
      sight(
        ALIASES,
        ["MON by address: files"],
        NOTHING,
        made("10.99.0.3", "PRIV 10.99.0.3 thishost"),
      ),
      sight(
        ALIASES,
        ["MON by name: files"],
        rewritten("peer.example", "PRIV peer thishost", "OTHER_PRIV peer.example thishost"),
        made("peer.example", "OTHER_PRIV peer.example thishost"),
      ),
      sight(ALIASES, ["UNMON by address: files"], NOTHING, gone("10.99.0.3")),
      sight(ALIASES, ["UNMON by alias: files"], NOTHING, gone("peer")),
      sight(ALIASES, ["UNMON by name: files"], NOTHING, gone("peer.example")),
      sight(
        ALIASES,
        ["UNMON of the twin by its second address: files"],
        rewritten("twin.example", "PRIV twin.example thishost"),
        NOTHING,
      ),
      sight(ALIASES, ["UNMON_ALL: files"], NOTHING, gone("twin.example")),
    ],
  },
  {
    reason: "a line is replaced in one rename, so that a crash loses neither; such files are 0640",
    seen: [
      sight(
        ["callouts"],
        ["MON with a new cookie: files"],
        made("10.99.9.1", "OTHER_PRIV 10.99.9.1 my_name"),
        rewritten("10.99.9.1", "OTHER_PRIV 10.99.9.1 my_name"),
      ),
      sight(
        ["registrations", "files found at start"],
        ["MON with a new cookie: files"],
        made("10.99.9.1", "OTHER_PRIV 10.99.9.1 thishost"),
        rewritten("10.99.9.1", "OTHER_PRIV 10.99.9.1 thishost"),
      ),
      sight(
        ["registrations"],
        ["MON over tcp with the first cookie: files"],
        made("10.99.9.1", "PRIV 10.99.9.1 thishost"),
        rewritten("10.99.9.1", "PRIV 10.99.9.1 thishost"),
      ),
      sight(
        ["SIMU_CRASH"],
        ["MON of the forgotten: files"],
        made("10.99.9.1", "OTHER_PRIV 10.99.9.1 thishost"),
        rewritten("10.99.9.1", "OTHER_PRIV 10.99.9.1 thishost"),
      ),
      sight(
        FOUND,
        ["MON of an empty one: files"],
        made("10.99.9.12", "PRIV 10.99.9.12 thishost"),
        rewritten("10.99.9.12", "PRIV 10.99.9.12 thishost"),
      ),
    ],
  },
  {
    reason: "names that differ in letter case are one registration, on disk as in memory",
    seen: [
      sight(
        LETTER_CASE,
        ["MON in capitals: files"],
        NOTHING,
        rewritten("peer.example", "PRIV PEER.EXAMPLE thishost"),
      ),
      sight(
        LETTER_CASE,
        ["MON in capitals, new cookie: files"],
        rewritten(
          "peer.example",
          "PRIV peer.example thishost",
          "OTHER_PRIV PEER.EXAMPLE thishost",
        ),
        rewritten("peer.example", "OTHER_PRIV PEER.EXAMPLE thishost"),
      ),
      sight(
        LETTER_CASE,
        ["UNMON in capitals: files", "UNMON with my_name in capitals: files"],
        rewritten("peer.example", "PRIV peer.example thishost"),
        gone("peer.example"),
      ),
    ],
  },
  {
    reason: "each lock manager of a host has its own line, as each was told that it has",
    seen: [
      sight(
        MANAGERS,
        ["MON version 4: files"],
        made("10.99.9.1", "4/16 OTHER_PRIV 10.99.9.1 thishost"),
        rewritten(
          "10.99.9.1",
          "PRIV 10.99.9.1 thishost",
          "4/16 OTHER_PRIV 10.99.9.1 thishost",
        ),
      ),
      sight(
        MANAGERS,
        ["MON procedure 24: files"],
        made("10.99.9.1", "3/24 PRIV 10.99.9.1 thishost"),
        rewritten(
          "10.99.9.1",
          "PRIV 10.99.9.1 thishost",
          "4/16 OTHER_PRIV 10.99.9.1 thishost",
          "3/24 PRIV 10.99.9.1 thishost",
        ),
      ),
      sight(
        MANAGERS,
        ["UNMON version 4: files"],
        gone("10.99.9.1"),
        rewritten("10.99.9.1", "PRIV 10.99.9.1 thishost", "3/24 PRIV 10.99.9.1 thishost"),
      ),
      sight(
        MANAGERS,
        ["UNMON_ALL of version 3: files"],
        NOTHING,
        rewritten("10.99.9.1", "3/24 PRIV 10.99.9.1 thishost"),
      ),
    ],
  },
  {
    reason: "the state number is the one on disk now, which sm-notify may have advanced",
    seen: [
      sight(
        ADVANCED,
        ["STAT after that: reply", "MON after that: reply"],
        "SUCCESS 00000000 00000005",
        "SUCCESS 00000000 00000007",
      ),
      sight(ADVANCED, ["UNMON after that: reply"], "SUCCESS 00000005", "SUCCESS 00000007"),
    ],
  },
  {
    reason: "a registration is one registration, however many lines of a file say so",
    seen: [
      sight(
        FOUND,
        ["NOTIFY of 11: calls"],
        `${told("10.99.9.11")}\n${told("10.99.9.11")}`,
        told("10.99.9.11"),
      ),
    ],
  },
  {
    reason: "what is not a record is none: nfs-utils reads cut and overlong lines in its own way",
    seen: [
      sight(
        FOUND,
        ["NOTIFY of 7: calls"],
        `${told("10.99.9.7")}\n${told("10.99.9.7")}`,
        told("10.99.9.7"),
      ),
      sight(
        FOUND,
        ["NOTIFY of 14: calls"],
        told("0.99.9.14", "000102030405060708090a0b0c0d0e00"),
        NOTHING,
      ),
      sight(FOUND, ["NOTIFY of 16: calls"], told("10.99.9.16"), NOTHING),
    ],
  },
  {
    reason: "a last line that has lost its end is a line, and what is added begins a new one",
    seen: [
      sight(
        FOUND,
        ["MON behind a line without end: files"],
        `sm/10.99.9.2 0640 statd:nogroup "${USUAL} 10.99.9.2 thishost${USUAL} 10.99.9.2 second\\n"`,
        rewritten("10.99.9.2", "PRIV 10.99.9.2 thishost", "PRIV 10.99.9.2 second"),
      ),
      sight(
        FOUND,
        ["UNMON of 2: files"],
        NOTHING,
        rewritten("10.99.9.2", "PRIV 10.99.9.2 second"),
      ),
    ],
  },
  {
    reason: "a line that is not a record stays as it is, and keeps none from being removed",
    seen: [
      sight(
        FOUND,
        ["UNMON of 7: files"],
        rewritten("10.99.9.7", "PRIV 10.99.9.7 "),
        `sm/10.99.9.7 0640 statd:nogroup "${USUAL}"`,
      ),
      sight(
        FOUND,
        ["UNMON of 8: files"],
        NOTHING,
        `sm/10.99.9.8 0640 statd:nogroup "\\n${USUAL} 10.99.9.8 second\\n"`,
      ),
      sight(
        FOUND,
        ["UNMON_ALL: files"],
        `${gone("10.99.9.12")}\n${gone("10.99.9.14")}`,
        `${gone("10.99.9.12")}\nsm/10.99.9.13 0640 statd:nogroup "garbage\\n"`,
      ),
    ],
  },
  {
    reason: "what a peer has said is remembered: repeating it after a restart tells lockd nothing",
    seen: [
      sight(
        ["a restart"],
        ["NOTIFY of the same state: calls"],
        [told("10.99.9.1"), told("10.99.9.1", OTHER_PRIV)].join("\n"),
        NOTHING,
      ),
    ],
  },
];
