/** nsmctl import, export and repair. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { NsmctlHost, OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_NSMCTL, OUR_STATD];

systemTest(
  "cluster 19: export and import carry the lists to another host",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    await host.putRecord("sm", "client.example.net");
    await host.putRecord("sm.bak", "old.example.net");
    assertEquals((await host.run("export", "--directory", "/run/moved")).code, 0);
    const lines = await host.run("export");
    assertEquals(lines.stdout.trim().split("\n").map((line) => JSON.parse(line).monName), [
      "client.example.net",
      "old.example.net",
    ]);
    await host.host.write("/run/lists.jsonl", lines.stdout);
    await host.host.output("sh", "-c", "rm /var/lib/nfs/sm/c* /var/lib/nfs/sm.bak/o*");

    const dry = await host.run("import", "--dry-run", "/run/moved");
    assertEquals([dry.code, dry.stdout], [
      0,
      "Would add 2 records of 2 peers to the notify list.\n",
    ]);
    assertEquals((await host.run("import", "/run/moved")).code, 0);
    const names = async (list: string) =>
      (await host.host.output("ls", `/var/lib/nfs/${list}`)).trim().split("\n");
    assertEquals(await names("sm.bak"), ["client.example.net", "old.example.net"]);
    const owner = await host.host.output("stat", "-c", "%U", "/var/lib/nfs/sm.bak/old.example.net");
    assertEquals(owner, await host.host.output("stat", "-c", "%U", "/var/lib/nfs/sm.bak"));

    assertEquals((await host.run("import", "--as", "monitor", "/run/lists.jsonl")).code, 0);
    assertEquals(await names("sm"), ["client.example.net", "old.example.net"]);
    await host.startStatd();
    for (const own of ["/var/lib/nfs", "/var/lib/nfs/sm", "/proc/self/root/var/lib/nfs/sm.bak/."]) {
      const { code, stderr } = await host.run("import", own);
      assertEquals(code, 1);
      assertMatch(stderr, /is our own: its peers would be told of a reboot that did not happen/);
    }
    const refused = await host.run("import", "--as", "monitor", "/run/lists.jsonl");
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /stop it first, or import with --as notify/);
  },
);

systemTest(
  "cluster 19: import writes nothing outside of the directory, whatever the names",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    const names = [
      "../../../etc/evil",
      ".hidden",
      "a b",
      "good.example.net",
      "\u001b[2J",
      "x".repeat(300),
    ];
    const lines = names.map((monName) => JSON.stringify({ monName })).join("\n");
    await host.host.write("/run/lists.jsonl", lines);
    const { code, stdout, stderr } = await host.run("import", "/run/lists.jsonl");
    assertEquals(code, 1);
    assertMatch(stdout, /^Added 1 record of 1 peer/);
    assertEquals(stderr.trim().split("\n").length, names.length - 1);
    assert(!stderr.includes("\u001b"));
    const made = await host.host.run("find", "/etc", "/var/lib/nfs", "/run", "-name", "*evil*");
    assertEquals(made.stdout, "");
  },
);

systemTest(
  "cluster 19: repair fixes owner and permissions only",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    await host.host.output("sh", "-c", "rm /var/lib/nfs/state; $0 --no-notify", OUR_STATD);
    const fresh = await host.run("repair", "--dry-run");
    assertEquals(fresh.stdout, "Nothing to repair.\n", "what rpc.statd has made is right");
    await host.host.output("sh", "-c", "kill $(cat /run/rpc.statd.pid)");
    await host.putRecord("sm", "client.example.net");
    await host.putRecord("sm.bak", "old.example.net");
    await host.host.output(
      "sh",
      "-c",
      "cd /var/lib/nfs; chown root sm/client.example.net sm.bak; chmod 666 sm.bak/old.example.net; " +
        "ln -s /etc/hosts sm/link.example.net; ln sm/client.example.net sm/hard.example.net",
    );
    const dry = await host.run("repair", "--dry-run");
    assertMatch(dry.stdout, /Would change \/var\/lib\/nfs\/sm\.bak: owner 0:/);
    const mended = await host.run("repair");
    assertMatch(mended.stdout, /Changed .*sm\.bak\/old\.example\.net: permissions 666 to 644/);
    assertEquals(mended.code, 1);
    assertMatch(mended.stderr, /client\.example\.net: it has several names/);
    await host.host.output("sh", "-c", "rm /var/lib/nfs/sm/hard.example.net");
    assertEquals((await host.run("repair")).code, 0);
    assertEquals((await host.run("repair")).stdout, "Nothing to repair.\n");
    assertEquals((await host.host.output("stat", "-c", "%U", "/etc/hosts")).trim(), "root");
  },
);

systemTest(
  "trust 18: repair follows no link of the files' owner",
  NEEDS,
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const host = await NsmctlHost.create(newHost, resources);
    // Otherwise that user would become the owner of a file of root.
    await host.host.output(
      "sh",
      "-c",
      "mkdir /run/victim; echo secret >/run/victim/shadow; chmod 600 /run/victim/shadow; " +
        "cd /var/lib/nfs; chown statd .; rm -r sm; ln -s /run/victim sm; chown -h statd sm",
    );
    const { code, stderr } = await host.run("repair");
    assertEquals(code, 1);
    assertMatch(stderr, /Cannot repair \/var\/lib\/nfs\/sm: it is a link that another user may/);
    const facts = await host.host.output("stat", "-c", "%U %a", "/run/victim/shadow");
    assertEquals(facts.trim(), "root 600");
  },
);
