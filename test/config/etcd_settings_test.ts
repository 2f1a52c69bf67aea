import { assertEquals, assertThrows } from "@std/assert";
import { etcdConfig } from "../../lib/config/etcd_settings.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const NO_ENV = { get: () => undefined };

function read(section: string) {
  return etcdConfig(NO_ENV, new MemoryFiles({ "/etc/nfs.conf": section }));
}

Deno.test("without a section there is no etcd, and a section has a few defaults", () => {
  assertEquals(read("[statd]\nport=1\n"), undefined);
  assertEquals(read("[etcd]\nendpoints = http://e1:2379/, https://[fd00::1]:2379\n"), {
    endpoints: ["http://e1:2379", "https://[fd00::1]:2379"],
    prefix: "/nsm",
    timeoutMs: 1500,
  });
});

Deno.test("all settings of etcd are taken", () => {
  const section = "[etcd]\nendpoints = https://e1:2379\nprefix = /nsm/prod/\nuser = nsm\n" +
    "password-file = /p\nca-file = /ca\ncert-file = /c\nkey-file = /k\ntimeout-ms = 900\n";
  assertEquals(read(section), {
    endpoints: ["https://e1:2379"],
    prefix: "/nsm/prod",
    user: "nsm",
    passwordFile: "/p",
    caFile: "/ca",
    certFile: "/c",
    keyFile: "/k",
    timeoutMs: 900,
  });
});

const FAULTS: Readonly<Record<string, string>> = {
  "endpoints = e1:2379": "is not as https://HOST:2379",
  "endpoints = https://u:p@e1": "is not as https://HOST:2379",
  "endpoints = https://e1/v3": "is not as https://HOST:2379",
  "prefix = /nsm": "endpoints are 1 to 16",
  "endpoints = http://e\nprefix = nsm": "is not as /nsm",
  "endpoints = http://e\nuser = nsm": "must be set together",
  "endpoints = http://e\ncert-file = /c": "must be set together",
  "endpoints = http://e\nca-file = ca.pem": "is an absolute path",
  "endpoints = http://e\ntimeout-ms = 5": "timeout-ms is 100 to 10000",
  "endpoints = http://e\nendpoint = http://f": '"endpoint" is not an etcd setting',
};

for (const [lines, reason] of Object.entries(FAULTS)) {
  Deno.test(`[etcd] ${JSON.stringify(lines)} is refused`, () => {
    assertThrows(() => read(`[etcd]\n${lines}\n`), Error, reason);
  });
}
