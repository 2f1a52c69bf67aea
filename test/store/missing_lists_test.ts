import { assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../lib/nsm/ports.ts";
import { layoutOf } from "../../lib/store/layout.ts";
import { makeMissingLists } from "../../lib/store/missing_lists.ts";
import "../support/open_libc.ts";

Deno.test("makeMissingLists() makes what is missing, and names what it cannot make", () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${directory}/sm`);
    assertEquals(makeMissingLists(layoutOf(directory)), [`${directory}/sm.bak`]);
    assertEquals(makeMissingLists(layoutOf(directory)), []);
    const none = `${directory}/none`;
    assertThrows(() => makeMissingLists(layoutOf(none)), StoreError, `${none}/sm`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
