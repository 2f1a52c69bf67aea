import { assertEquals } from "@std/assert";
import {
  type SettingsOf,
  SM_NOTIFY,
  type SmNotifySettings,
  STATD,
  type StatdSettings,
} from "../../lib/config/settings.ts";
import { optionForms } from "../../lib/config/flags.ts";
import { SM_NOTIFY_COMMAND_LINE, STATD_COMMAND_LINE } from "../../lib/config/command_lines.ts";

/** True if the compiler takes the two for one type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("SettingsOf<> infers each type from its row", { permissions: "none" }, () => {
  const same: [
    Same<StatdSettings["port"], number>,
    Same<StatdSettings["udp"], boolean>,
    Same<StatdSettings["name"], string | undefined>,
    Same<SmNotifySettings["outgoingAddr"], readonly string[]>,
    Same<SmNotifySettings["outgoingPort"], number | undefined>,
  ] = [true, true, true, true, true];
  assertEquals(same.length, 5);
});

Deno.test("SettingsOf<> has the table's settings and no others", { permissions: "none" }, () => {
  const misspelt = (settings: SettingsOf<typeof STATD>) => {
    // @ts-expect-error -- no such setting
    return settings.prot;
  };
  const changed = (settings: SettingsOf<typeof STATD>) => {
    // @ts-expect-error -- settings are read-only
    settings.port = 5;
  };
  assertEquals([typeof misspelt, typeof changed], ["function", "function"]);
});

for (
  const [role, forms] of [["STATD", optionForms(STATD_COMMAND_LINE)], [
    "SM_NOTIFY",
    optionForms(SM_NOTIFY_COMMAND_LINE),
  ]] as const
) {
  Deno.test(`${role} gives each letter and long name once`, { permissions: "none" }, () => {
    const letters = forms.flatMap((form) => Array.from(form.letters));
    const names = forms.map(({ long }) => long);
    assertEquals(letters.length, new Set(letters).size);
    assertEquals(names.length, new Set(names).size);
  });
}

for (const [role, table] of [["STATD", STATD], ["SM_NOTIFY", SM_NOTIFY]] as const) {
  Deno.test(`${role} can be set everywhere it says`, { permissions: "none" }, () => {
    for (const row of Object.values(table)) {
      assertEquals("file" in row || "option" in row, true);
    }
  });
}
