import { assertEquals } from "@std/assert";
import {
  innerId,
  isContained,
  processesIn,
  processOf,
  unitIn,
} from "../../lib/platform/processes.ts";

Deno.test("unitIn() is the service or scope of systemd that has a process", () => {
  const groups: readonly (readonly [string, string | undefined])[] = [
    ["0::/system.slice/rpc-statd.service\n", "rpc-statd.service"],
    ["4:memory:/\n1:name=systemd:/system.slice/rpc-statd.service\n0::/\n", "rpc-statd.service"],
    ["0::/user.slice/user-0.slice/session-1.scope\n", "session-1.scope"],
    ["0::/machine.slice/libpod-0123.scope/container\n", "libpod-0123.scope"],
    ["0::/system.slice/nsm.service/libpod-payload-0123\n", "nsm.service"],
    ["12:cpu:/\n0::/\n", undefined],
    ["", undefined],
  ];
  for (const [text, unit] of groups) assertEquals(unitIn(text), unit, text);
});

Deno.test("this process is in its own namespace of process ids, and has its id there", () => {
  assertEquals(isContained(Deno.pid), false);
  assertEquals(innerId(Deno.pid), Deno.pid);
  assertEquals(innerId(0), undefined);
});

Deno.test("processesIn() finds a process by its working directory and name", () => {
  const { name } = processOf(Deno.pid)!;
  const pids = (directory: string, name: string) =>
    processesIn(directory, name).map(({ pid }) => pid);
  assertEquals(pids(Deno.cwd(), name).includes(Deno.pid), true);
  assertEquals(pids(Deno.cwd(), `not-${name}`), []);
  assertEquals(pids("/proc/self/task", name), []);
  assertEquals(pids("/no/such/directory", name), []);
});
