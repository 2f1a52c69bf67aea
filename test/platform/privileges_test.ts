import { assertEquals, assertThrows } from "@std/assert";
import { ownerOf, privilegeFaults } from "../../lib/platform/privileges.ts";
import type { ThreadStatus } from "../../lib/platform/proc.ts";

const pure = { permissions: "none" } as const;

const dropped: ThreadStatus = {
  id: 10,
  name: "rpc.statd",
  uids: [105, 105, 105, 105],
  gids: [65534, 65534, 65534, 65534],
  groups: [],
  inheritable: 0n,
  permitted: 0x400n,
  effective: 0x400n,
  bounding: 0n,
  ambient: 0n,
  noNewPrivileges: true,
};
/** Status of a thread started before the drop. */
const other: ThreadStatus = {
  ...dropped,
  id: 11,
  permitted: 0n,
  effective: 0n,
  bounding: 0x1ffffffffffn,
  noNewPrivileges: false,
};
const expectation = {
  kind: "dropped",
  identity: { uid: 105, gid: 65534 },
  noNewPrivileges: true,
} as const;

Deno.test("privilegeFaults() finds nothing after a complete drop", pure, () => {
  assertEquals(privilegeFaults([dropped, other], expectation), []);
});

const incomplete: readonly [string, Partial<ThreadStatus>, string][] = [
  ["a real user id", { uids: [0, 105, 105, 105] }, "has uids 0 105 105 105"],
  ["a saved user id", { uids: [105, 105, 0, 105] }, "has uids 105 105 0 105"],
  ["a saved group id", { gids: [65534, 65534, 0, 65534] }, "has gids 65534 65534 0 65534"],
  ["a group", { groups: [0] }, "has groups 0"],
  ["a permitted capability", { permitted: 0x401n }, "has capabilities 0x401"],
  ["an ambient capability", { ambient: 0x2n }, "has capabilities 0x402"],
  ["an inheritable capability", { inheritable: 0x400n }, "has inheritable capabilities"],
  ["no reserved ports", { effective: 0n }, "cannot bind reserved ports"],
  ["a bounding set", { bounding: 1n }, "has bounding set 0x1"],
  ["no_new_privs off", { noNewPrivileges: false }, "can gain privileges by exec"],
];
for (const [what, change, fault] of incomplete) {
  Deno.test(`privilegeFaults() finds ${what} in the main thread`, pure, () => {
    const faults = privilegeFaults([{ ...dropped, ...change }], expectation);
    assertEquals(faults, [`thread 10 ${fault}`]);
  });
}

Deno.test("privilegeFaults() finds ids, groups and capabilities in other threads", pure, () => {
  for (const change of [{ uids: [0, 0, 0, 0] }, { groups: [0] }, { permitted: 1n }]) {
    assertEquals(privilegeFaults([dropped, { ...other, ...change }], expectation).length, 1);
  }
});

Deno.test(
  "privilegeFaults() requires an empty bounding set if a process stays root",
  pure,
  () => {
    const root = { ...dropped, uids: [0, 0, 0, 0], permitted: 0x1ffffffffffn };
    const asRoot = { ...expectation, kind: "root" } as const;
    assertEquals(privilegeFaults([root], asRoot), []);
    assertEquals(privilegeFaults([{ ...root, bounding: 1n }], asRoot).length, 1);
  },
);

Deno.test("privilegeFaults() accepts the ids of a process that never was root", pure, () => {
  const user = { ...other, uids: [1000, 1000, 1000, 1000], groups: [27], noNewPrivileges: true };
  const asUser = { ...expectation, kind: "unprivileged" } as const;
  assertEquals(privilegeFaults([user], asUser), []);
  assertEquals(privilegeFaults([{ ...user, permitted: 0x2n }], asUser).length, 1);
});

Deno.test("ownerOf() accepts directories only, and follows only links of root (portability 15)", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/sm`);
    Deno.symlinkSync(`${folder}/sm`, `${folder}/link`);
    Deno.writeTextFileSync(`${folder}/file`, "");
    const { uid, gid } = Deno.statSync(folder);
    assertEquals(ownerOf(`${folder}/sm`), { uid: uid!, gid: gid! });
    if (Deno.uid() === 0) {
      assertEquals(ownerOf(`${folder}/link`), { uid: uid!, gid: gid! });
      Deno.symlinkSync(`${folder}/none`, `${folder}/astray`);
      assertThrows(() => ownerOf(`${folder}/astray`), Error, "it is a symbolic link: No such file");
      new Deno.Command("chown", { args: ["-h", "65534", `${folder}/link`] }).outputSync();
    }
    assertThrows(() => ownerOf(`${folder}/link`), Error, "a symbolic link that is not root's");
    assertThrows(() => ownerOf(`${folder}/file`), Error, "it is not a directory");
    assertThrows(() => ownerOf(`${folder}/none`), Error, `"${folder}/none": No such file`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
