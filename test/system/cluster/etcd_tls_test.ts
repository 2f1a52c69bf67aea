/** Acceptance test 12 of identities, TLS: a real etcd that wants a client's certificate without a common name. */

import { assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD } from "../../support/etcd_cluster.ts";
import { ManyPeers } from "../../support/many_peers_client.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

const OPENSSL = "/usr/bin/openssl";
const ENDPOINT = "https://127.0.0.1:23790";
const SUCCESS = /^SUCCESS 00000000/;

/** Two CAs, and certificates of the first one for the server and a client. */
const CERTIFICATES = `
set -e
mkdir -m 755 /run/tls && cd /run/tls
for ca in ca other; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \\
    -subj "/O=$ca" -keyout $ca.key -out $ca.pem
done
for end in server client; do
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=nsm \\
    -keyout $end.key -out $end.csr
  echo subjectAltName=IP:127.0.0.1 >ext
  openssl x509 -req -in $end.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \\
    -extfile ext -out $end.pem
done
chmod 600 *.key
`;

function conf(ca: string, more: string): string {
  return '[identity "vip1"]\nnames = vip1\naddresses = 10.99.0.1\nledger = etcd\n' +
    `[etcd]\nendpoints = ${ENDPOINT}\nca-file = /run/tls/${ca}.pem\n${more}`;
}

systemTest(
  "acceptance 12: TLS with a client certificate; a wrong authority and a missing certificate are reported",
  [OUR_STATD, ETCD, OPENSSL],
  async (newHost) => {
    const host = await newHost({ addresses: ["10.99.0.1/32"] });
    await host.output("sh", "-c", CERTIFICATES);
    const etcd = host.start(
      ...[ETCD, "--data-dir", "/run/etcd", "--log-level", "info"],
      ...["--listen-client-urls", ENDPOINT, "--advertise-client-urls", ENDPOINT],
      ...["--listen-peer-urls", "http://127.0.0.1:23800"],
      ...["--cert-file", "/run/tls/server.pem", "--key-file", "/run/tls/server.key"],
      ...["--client-cert-auth", "--trusted-ca-file", "/run/tls/ca.pem"],
    );
    await etcd.line(/serving client requests/);
    const own = "cert-file = /run/tls/client.pem\nkey-file = /run/tls/client.key\n";
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      ["other", own, /certificate/i],
      ["ca", "", /certificate|alert/i],
      ["ca", own.replace("client.key", "server.key"), /is not the key of the first certificate/],
      ["missing", own, /"\/run\/tls\/missing.pem" of \[etcd\] cannot be read: No such file/],
    ];
    for (const [ca, more, reason] of wrong) {
      await host.write("/etc/nfs.conf", conf(ca, more));
      const node = new ClusterNode(host, "a");
      await node.start();
      const { code, stderr } = await node.nsmctl("acquire", "vip1", "--deadline", "1");
      assertEquals(code, 5);
      assertMatch(stderr, reason);
      await node.signal("TERM");
    }
    await host.write("/etc/nfs.conf", conf("ca", own));
    const node = new ClusterNode(host, "a");
    await node.start();
    await node.identity("acquire", "vip1");
    assertMatch(await node.mon("127.1.0.1"), SUCCESS);
    const peers = new ManyPeers(host);
    await peers.ready();
    await node.identity("acquire", "vip1");
    assertEquals((await node.notify("vip1")).summary["told"], 1);
  },
);
