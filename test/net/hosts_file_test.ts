import { assertEquals } from "@std/assert";
import { hostsFileFirst, hostsFileIsFirst, parseHosts } from "../../lib/net/hosts_file.ts";
import { FakeResolver } from "../support/fake_resolver.ts";

const pure = { permissions: "none" } as const;

Deno.test("parseHosts() merges lines, and skips malformed ones", pure, () => {
  const hosts = parseHosts(`# comment
10.0.0.1 Peer.example peer # alias
fd00::1\tpeer.example
127.2 strange
10.0.0.3
`);
  assertEquals(hosts.get("peer.example"), {
    canonicalName: "Peer.example",
    addresses: ["10.0.0.1", "fd00::1"],
  });
  assertEquals(hosts.get("peer")?.addresses, ["10.0.0.1"]);
  assertEquals(hosts.size, 2);
});

Deno.test("hostsFileIsFirst() follows nsswitch.conf", pure, () => {
  assertEquals(hostsFileIsFirst(""), false);
  assertEquals(hostsFileIsFirst("hosts: files [SUCCESS=merge] dns\n"), false);
  assertEquals(hostsFileIsFirst("hosts: files[success = continue] dns\n"), false);
  assertEquals(hostsFileIsFirst("hosts: files\n"), true);
  assertEquals(hostsFileIsFirst("passwd: files\nhosts:\t files mdns4 dns\n"), true);
  assertEquals(hostsFileIsFirst("hosts: dns files\n"), false);
});

Deno.test(
  "hostsFileFirst() asks the resolver only for names missing in the file",
  pure,
  async () => {
    const resolver = new FakeResolver();
    resolver.addHost("other.example", ["10.0.0.2"]);
    let text = "10.0.0.1 peer.example\n";
    let isFirst = true;
    const files = {
      hosts: () => ({ text, version: text }),
      nsswitch: () => isFirst ? "hosts: files dns\n" : "hosts: dns files\n",
    };
    const first = hostsFileFirst(resolver, files);
    const value = { canonicalName: "peer.example", addresses: ["10.0.0.1"] };
    assertEquals(await first.addressesOf("PEER.example"), { outcome: "found", value });
    assertEquals((await first.addressesOf("other.example")).outcome, "found");
    assertEquals(resolver.asked, ["other.example"]);
    text = "";
    assertEquals((await first.addressesOf("peer.example")).outcome, "notFound");
    isFirst = false;
    text = "10.0.0.1 peer.example\n";
    assertEquals(
      (await hostsFileFirst(resolver, files).addressesOf("peer.example")).outcome,
      "notFound",
    );
  },
);
