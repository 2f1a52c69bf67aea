/** The manual pages name what exists, all of it, and can be read without a complaint. */

import { assertEquals } from "@std/assert";
import { DEFINITION_KEYS } from "../../lib/cluster/definition.ts";
import { ETCD_KEYS } from "../../lib/config/etcd_settings.ts";
import { COMMANDS, optionsOf } from "../../lib/commands/nsmctl.ts";
import {
  RPCBIND_COMMAND_LINE,
  SM_NOTIFY_COMMAND_LINE,
  STATD_COMMAND_LINE,
} from "../../lib/config/command_lines.ts";
import { optionForms } from "../../lib/config/flags.ts";
import type { OptionForm } from "../../lib/config/getopt.ts";
import { identity } from "../../lib/nsmctl/identity.ts";
import { settingsBySection } from "../documents/sections.ts";

const FOLDER = new URL("../../conf/", import.meta.url);
const reading = { permissions: { read: [FOLDER] } };

const statdOptions = optionNames(optionForms(STATD_COMMAND_LINE));
const smNotifyOptions = optionNames(optionForms(SM_NOTIFY_COMMAND_LINE));
const rpcbindOptions = optionNames(optionForms(RPCBIND_COMMAND_LINE));
const settings = [...settingsBySection().values()].flat();
const keys = new Set(settings.flatMap(({ file: { key, flat } }) => flat ? [key, flat] : [key]));

/** What a page may name, and what of it it has to name. */
interface Page {
  readonly options: ReadonlySet<string>;
  /** Keys of nfs.conf or commands. */
  readonly words: ReadonlySet<string>;
  readonly hasAll: "options" | "words" | "both";
}

const PAGES: Readonly<Record<string, Page>> = {
  "statd.8": { options: statdOptions, words: keys, hasAll: "options" },
  "sm-notify.8": { options: smNotifyOptions, words: keys, hasAll: "options" },
  "start-statd.8": {
    options: new Set(["h", "-help", "V", "-version", "-no-notify"]),
    words: new Set(),
    hasAll: "options",
  },
  "nsm-rpcbind.8": { options: rpcbindOptions, words: keys, hasAll: "options" },
  "nsm-nfs.conf.5": {
    options: new Set([...statdOptions, ...smNotifyOptions, ...rpcbindOptions]),
    words: keys,
    hasAll: "words",
  },
  "nsm-cluster.7": {
    options: optionNames(
      identity.options.map(({ letter = "", long }) => ({ letters: letter, long })),
    ),
    words: new Set<string>([...DEFINITION_KEYS, ...ETCD_KEYS]),
    hasAll: "words",
  },
  "nsmctl.8": {
    options: new Set([
      ...optionNames(
        COMMANDS.flatMap(optionsOf).map(({ letter = "", long }) => ({
          letters: letter,
          long,
        })),
      ),
      ..."lLNd",
    ]),
    words: new Set(COMMANDS.map(({ name }) => name)),
    hasAll: "both",
  },
};

function optionNames(forms: readonly Pick<OptionForm, "letters" | "long">[]): Set<string> {
  return new Set(forms.flatMap(({ letters, long }) => [...letters, `-${long}`]));
}

/** What macro calls of one kind have for arguments, up to the next macro or punctuation. */
function* argumentsOf(page: string, macro: string): Generator<string> {
  for (const line of page.split("\n")) {
    if (!/^\.[A-Z]/.test(line)) continue;
    let isInside = false;
    for (const word of line.slice(1).split(" ")) {
      if (/^[A-Z][a-z]$/.test(word)) isInside = word === macro;
      else if (isInside && !/^[.,:;|()]$/.test(word)) yield word.replace("\\&", "");
    }
  }
}

/** Options of a page: clusters of letters in a synopsis count as their letters. */
function namedOptions(page: string): Set<string> {
  return new Set(
    Array.from(argumentsOf(page, "Fl")).flatMap((word) => word.startsWith("-") ? word : [...word]),
  );
}

for (const [name, { options, words, hasAll }] of Object.entries(PAGES)) {
  const file = new URL(name, FOLDER);
  const missing = (wanted: Iterable<string>, from: ReadonlySet<string>) =>
    [...wanted].filter((word) => !from.has(word));

  Deno.test(`${name} names nothing that does not exist`, reading, () => {
    const page = Deno.readTextFileSync(file);
    assertEquals(missing(namedOptions(page), options), []);
    assertEquals(missing(argumentsOf(page, "Cm"), words), []);
  });

  Deno.test(`${name} names all of its ${hasAll === "words" ? "words" : "options"}`, reading, () => {
    const page = Deno.readTextFileSync(file);
    if (hasAll !== "words") assertEquals(missing(options, namedOptions(page)), []);
    if (hasAll !== "options") assertEquals(missing(words, new Set(argumentsOf(page, "Cm"))), []);
  });
}

Deno.test("every manual page is tested", reading, () => {
  const pages = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name)
    .filter((name) => /\.[578]$/.test(name));
  assertEquals(pages.sort(), Object.keys(PAGES).sort());
});

/** What may show the pages, and how it is made to complain. */
const RENDERERS = [
  ["/usr/bin/mandoc", ["-T", "lint", "-W", "warning"]],
  ["/usr/bin/groff", ["-ww", "-mdoc", "-Tutf8", "-z"]],
] as const;

for (const [program, args] of RENDERERS) {
  const isThere = isFile(program);
  // deno-lint-ignore no-console -- a skipped test says why
  if (!isThere) console.log(`skipped: tests of manual pages by ${program}, which is missing`);
  for (const name of Object.keys(PAGES)) {
    Deno.test(`${program} finds no fault in ${name}`, { ignore: !isThere }, async () => {
      const { success, stdout, stderr } = await new Deno.Command(program, {
        args: [...args, new URL(name, FOLDER).pathname],
      }).output();
      const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
      assertEquals([success, said], [true, ""]);
    });
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
