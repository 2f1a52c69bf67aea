/**
 * Datagrams at our own sockets: over a link-local address, and with SIGIO blocked by the starter.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { TestHost } from "../support/namespace.ts";
import { message, nullCall } from "../support/nsm_calls.ts";
import { FOREGROUND, READY, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const OWN = "fd98::1";
const PEER = "fd98::2";

/** Runs its arguments with SIGIO blocked, as a starter may do. */
const BLOCK_SIGIO = "import os, signal, sys; " +
  "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO]); os.execv(sys.argv[1], sys.argv[1:])";

systemTest(
  "field 7: a link-local address answers callers of the link, whatever their address",
  NEEDS,
  async (newHost) => {
    const [host, peer] = [await newHost(), await newHost()];
    await TestHost.join(
      { host, addresses: [`${OWN}/64`, "fe80::51/64"] },
      { host: peer, addresses: [`${PEER}/64`, "fe80::52/64"] },
    );
    const statd = await startStatd(host);
    const agent = new Agent(peer);
    for (const from of [PEER, "fe80::52%cable"]) {
      const server = { address: "fe80::51%cable", port: STATD_PORT };
      await agent.datagram(message(nullCall), server, { address: from });
    }
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "trust 8: an address other than 127.0.0.1 is served even if the starter blocked SIGIO",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ addresses: ["10.99.0.1/32"] });
    const agent = new Agent(host);
    const statd = host.start("python3", "-c", BLOCK_SIGIO, OUR_STATD, ...FOREGROUND);
    await statd.line(READY);
    for (const address of ["127.0.0.1", "10.99.0.1"]) {
      await agent.datagram(message(nullCall), { address, port: STATD_PORT });
    }
    assertEquals(await statd.stop(), 0);
  },
);
