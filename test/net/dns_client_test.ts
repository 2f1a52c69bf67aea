import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeAnswer, DnsClient, encodeQuery } from "../../lib/net/dns_client.ts";
import type { DatagramSocket, Endpoint, Origin } from "../../lib/rpc/transport.ts";

const pure = { permissions: "none" } as const;
const SERVER = { address: "10.0.0.53", port: 53 };

/** Sockets whose other end is a function from a question to answers. */
function world(answer: (query: Uint8Array) => { data: Uint8Array; from?: Endpoint }[]) {
  let random = 0;
  const open = (): DatagramSocket => {
    let deliver = (_data: Uint8Array, _from: Origin) => {};
    return {
      local: { address: "0.0.0.0", port: 1 },
      send(data) {
        for (const { data: reply, from = SERVER } of answer(data.slice())) {
          deliver(reply, { isLocal: false, ...from });
        }
        return undefined;
      },
      receive(given) {
        deliver = given;
        return new Promise(() => {});
      },
      poll() {},
      close() {},
    };
  };
  return new DnsClient(SERVER, { open, random: () => random++ });
}

/** The answer to a query: flags, and records as owner, type and data. */
function reply(query: Uint8Array, records: readonly number[][], flags = 0x8180): Uint8Array {
  const bytes = [...query, ...records.flat()];
  bytes[2] = flags >> 8;
  bytes[3] = flags & 255;
  bytes[7] = records.length;
  return Uint8Array.from(bytes);
}

/** Record; its owner is the queried name by default. */
function record(type: number, data: readonly number[], owner: readonly number[] = [0xc0, 12]) {
  return [...owner, 0, type, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 255, ...data];
}

function name(text: string): number[] {
  const labels = text.split(".").map((label) => [label.length, ...new TextEncoder().encode(label)]);
  return [...labels.flat(), 0];
}

const never = new AbortController().signal;

Deno.test("DnsClient gives the addresses of a name, through its aliases", pure, async () => {
  const answers: Record<string, readonly number[][]> = {
    "a.b": [record(1, [10, 0, 0, 1]), record(1, [10, 0, 0, 2])],
    "c.d": [record(5, name("E.f")), record(1, [10, 0, 0, 3], name("e.F"))],
    "g.h": [record(1, [10, 0, 0, 4], name("other.example"))],
    "i.j": [],
  };
  const client = world((query) => {
    const asked = Object.keys(answers).find((key) =>
      new TextDecoder().decode(query).includes(String.fromCharCode(...name(key).slice(0, -1)))
    )!;
    return [{ data: reply(query, answers[asked]!) }];
  });
  assertEquals(await client.ask("A.b", "A", never), ["10.0.0.1", "10.0.0.2"]);
  assertEquals(await client.ask("c.d.", "A", never), ["10.0.0.3"]);
  assertEquals(await client.ask("g.h", "A", never), [], "what was not asked for does not count");
  assertEquals(await client.ask("i.j", "A", never), []);
});

Deno.test("DnsClient gives IPv6 addresses, and nothing for an invalid name", pure, async () => {
  const data = [0xfd, ...new Array(14).fill(0), 1];
  const client = world((query) => [{ data: reply(query, [record(28, data)]) }]);
  assertEquals(await client.ask("a.b", "AAAA", never), ["fd00:0:0:0:0:0:0:1"]);
  const nobody = world((query) => [{ data: reply(query, [], 0x8183) }]);
  assertEquals(await nobody.ask("a.b", "A", never), []);
});

Deno.test("DnsClient rejects answers that are not plain", pure, async () => {
  for (const flags of [0x8182, 0x8185, 0x8380]) { // SERVFAIL, REFUSED, truncated
    const client = world((query) => [{ data: reply(query, [record(1, [1, 2, 3, 4])], flags) }]);
    await assertRejects(() => client.ask("a.b", "A", never), Error);
  }
  await assertRejects(() => world(() => []).ask("a..b", "A", never), Error, "not a domain name");
});

Deno.test(
  "DnsClient accepts only the server's answers to its question",
  pure,
  async () => {
    const forged = record(1, [6, 6, 6, 6]);
    const client = world((query) => {
      const [otherId, otherName, isQuery] = [
        query.slice(),
        query.slice(),
        reply(query, [forged], 0x100),
      ];
      otherId[0]! ^= 1;
      otherName[13]! ^= 1;
      return [
        { data: reply(query, [forged]), from: { address: "10.0.0.6", port: 53 } },
        { data: reply(query, [forged]), from: { address: "10.0.0.53", port: 5353 } },
        { data: reply(otherId, [forged]) },
        { data: reply(otherName, [forged]) },
        { data: isQuery },
        { data: query.slice(0, 5) },
        { data: reply(query, [forged]).slice(0, -2) },
        { data: reply(query, [record(1, [10, 0, 0, 1])]) },
      ];
    });
    assertEquals(await client.ask("a.b", "A", never), ["10.0.0.1"]);
  },
);

Deno.test("DnsClient ends a question with its signal, and then hears no answer", pure, async () => {
  const limit = new AbortController();
  const answer = world(() => []).ask("a.b", "A", limit.signal);
  limit.abort();
  await assertRejects(() => answer, Error, "no answer in time");
  await assertRejects(() => world(() => []).ask("a.b", "A", limit.signal), Error);
});

Deno.test("decodeAnswer() survives every prefix and every changed byte", pure, () => {
  const query = encodeQuery(1, "a.b", 1);
  const whole = reply(query, [record(5, name("e.f")), record(1, [10, 0, 0, 3], [0xc0, 12])]);
  const decode = (bytes: Uint8Array) => {
    try {
      return decodeAnswer(new DataView(bytes.buffer, 0, bytes.length), { name: "a.b", type: 1 });
    } catch (error) {
      assert(error instanceof RangeError, String(error));
      return undefined;
    }
  };
  for (let length = 12; length < whole.length; length++) decode(whole.slice(0, length));
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 12, 0xc0, 0xff]) {
      const changed = whole.slice();
      changed[at] = value;
      decode(changed);
    }
  }
  const circle = reply(query, [record(1, [1, 2, 3, 4], [0xc0, query.length])]);
  assertEquals(decode(circle), undefined);
});
