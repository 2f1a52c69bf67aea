import { assertEquals } from "@std/assert";
import { mayAsk, resolverRules } from "../../lib/net/resolver_rules.ts";

const pure = { permissions: "none" } as const;
const NSSWITCH = "passwd: files\nhosts: files dns\n";

function rules(resolvConf: string | undefined, nsswitch: string | undefined = NSSWITCH) {
  return resolverRules({ nsswitch, resolvConf, isChangedByEnvironment: false });
}

/** Whether a name is looked up at the server, and not left to the C library. */
function isAsked(name: string, resolvConf: string, nsswitch = NSSWITCH): boolean {
  const found = rules(resolvConf, nsswitch);
  return found !== undefined && mayAsk(name, found);
}

Deno.test("field 15: names with fewer dots than ndots are completed first", pure, () => {
  const server = "nameserver 10.0.0.53\n";
  const cases = [
    ["", "a", false],
    ["", "a.b", true],
    ["options ndots:2\nsearch example.net\n", "a.b", false],
    ["options ndots:2\n", "a.b.c", true],
    ["options ndots:2\n", "a.b.", true],
    ["options timeout:1 ndots:3 edns0\n", "a.b.c", false],
    ["options\tndots:2\n", "a.b", false],
    ["options ndots:2\noptions ndots:1\n", "a.b", true],
    ["options ndots:99\n", "a.b.c", false],
    ["options ndots:0\n", "a", false],
    ["#options ndots:2\n;options ndots:2\n", "a.b", true],
    [" options ndots:2\n", "a.b", true],
  ] as const;
  for (const [lines, name, asked] of cases) {
    assertEquals(isAsked(name, server + lines), asked, `${lines}${name}`);
    assertEquals(isAsked(name, lines + server), asked, `${lines}${name}, before`);
  }
});

Deno.test("field 15: the first server is asked, as the C library reads it", pure, () => {
  const servers = [
    ["nameserver 10.0.0.53\nnameserver 10.0.0.54\n", "10.0.0.53"],
    ["domain a.b\nnameserver\tfd00::53\n", "fd00::53"],
    ["nameserver 10.0.0.53 # the old one\n", "10.0.0.53"],
    ["# nameserver 10.0.0.1\nnameserver 10.0.0.53\n", "10.0.0.53"],
    ["nameserver fe80::1%eth0\n", undefined],
    ["nameserver\n", undefined],
    ["nameserver ns.example\n", undefined],
    ["", undefined],
  ] as const;
  for (const [text, server] of servers) assertEquals(rules(text)?.server, server, text);
  assertEquals(rules(undefined), undefined);
});

Deno.test("field 15: names outside of these rules are left to the C library", pure, () => {
  const server = "nameserver 10.0.0.53\n";
  for (const option of ["no-aaaa", "use-vc", "rotate", "what-comes-next", "ndots", "ndots:x"]) {
    assertEquals(isAsked("a.b", `${server}options ${option}\n`), false, option);
  }
  for (const name of ["-a.b", "a..b", "a.b c", "\xe9.b", "10.1", "127.0.0.1", "x.0x7f", "a,b.c"]) {
    assertEquals(isAsked(name, server), false, name);
  }
  for (const name of ["a_b.c", "_sip.a.b", "A.B", "a.b-c"]) {
    assertEquals(isAsked(name, server), true);
  }
  const changed = { nsswitch: NSSWITCH, resolvConf: server, isChangedByEnvironment: true };
  assertEquals(resolverRules(changed), undefined);
});

Deno.test("field 15: nsswitch.conf decides who is asked, in which order", pure, () => {
  const server = "nameserver 10.0.0.53\n";
  const orders = [
    ["files dns", true],
    ["dns files", true],
    ["  files\tdns   # and no more", true],
    ["files mdns4_minimal [NOTFOUND=return] dns", true],
    ["files mdns4_minimal [ notfound = return ] dns myhostname", true],
    ["files", false],
    ["files mdns4 dns", false],
    ["files resolve [!UNAVAIL=return] dns", false],
    ["files [NOTFOUND=return] dns", false],
    ["files [SUCCESS=merge] dns", false],
    ["files myhostname dns", false],
    ["ldap dns", false],
    ["files dnssec", false],
    ["", false],
  ] as const;
  for (const [order, asked] of orders) {
    assertEquals(isAsked("a.b", server, `hosts: ${order}\n`), asked, order);
  }
  assertEquals(isAsked("a.b", server, ""), false);
  assertEquals(isAsked("a.b", server, "hosts: files dns\nhosts: files\n"), false);
  const mdns = "hosts: files mdns4_minimal [NOTFOUND=return] dns\n";
  assertEquals(isAsked("a.local", server, mdns), false);
  assertEquals(isAsked("a.local", server), true);
});
