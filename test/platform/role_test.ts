import { assertEquals, assertThrows } from "@std/assert";
import {
  parseInvocation,
  programNameOf,
  type Role,
  roleArgument,
} from "../../lib/platform/role.ts";

const pure = { permissions: "none" } as const;
const ROLES: Role[] = ["statd", "sm-notify", "nsmctl", "start-statd"];

for (const role of ROLES) {
  const name = programNameOf(role);

  Deno.test(`parseInvocation() finds ${role} by the name ${name}`, pure, () => {
    for (const calledAs of [name, `/usr/sbin/${name}`, `./${name}`]) {
      assertEquals(parseInvocation(calledAs, ["-F"]), {
        role,
        programName: name,
        calledAs,
        args: ["-F"],
      });
    }
  });

  Deno.test(`parseInvocation() prefers the argument for ${role} to the name`, pure, () => {
    const { args, ...rest } = parseInvocation("/bin/sm-notify", [roleArgument(role), "-d"]);
    assertEquals(rest, { role, programName: name, calledAs: "/bin/sm-notify" });
    assertEquals(args, ["-d"]);
  });
}

Deno.test(
  "parseInvocation() recognises a program by its name with a suffix or a dash",
  pure,
  () => {
    const names = {
      "sm-notify.dpkg-new": "sm-notify",
      "/usr/sbin/sm-notify~": "sm-notify",
      "-sm-notify": "sm-notify",
      "nsmctl-0.2": "nsmctl",
      "rpcbind 2": "rpcbind",
      "rpcbinder": "statd",
      "rpc.statd.old": "statd",
    };
    for (const [calledAs, role] of Object.entries(names)) {
      assertEquals(parseInvocation(calledAs, []).role, role, calledAs);
    }
  },
);

Deno.test("parseInvocation() takes an unknown name for statd, and keeps the name", pure, () => {
  for (const calledAs of ["my-statd", "/opt/my-statd"]) {
    const { role, programName } = parseInvocation(calledAs, []);
    assertEquals([role, programName], ["statd", "my-statd"]);
  }
  assertEquals(parseInvocation("", []).role, "statd");
});

Deno.test("parseInvocation() looks for the role in the first argument only", pure, () => {
  const args = ["-F", "--role=nsmctl"];
  assertEquals(parseInvocation("rpc.statd", args).role, "statd");
  assertEquals(parseInvocation("rpc.statd", args).args, args);
});

Deno.test("parseInvocation() refuses an unknown role", pure, () => {
  for (const name of ["", "lockd", "constructor"]) {
    assertThrows(() => parseInvocation("rpc.statd", [`--role=${name}`]), RangeError);
  }
});
