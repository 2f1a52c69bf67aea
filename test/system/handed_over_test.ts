/** Socket activation of rpcbind, sd_listen_fds(3). */

import { assertEquals, assertMatch } from "@std/assert";
import { READY } from "../support/statd.ts";
import { OUR_RPCBIND, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_RPCBIND, "/usr/sbin/rpcinfo", "/usr/bin/python3"];

/**
 * Service manager: opens the sockets of conf/rpcbind.socket, starts the program twice, and keeps
 * the sockets open in between. Arguments: `dual` or `single`, then the program.
 */
const MANAGER = `
import os, socket as s, struct, sys
def opened(family, kind, name, only=1):
    one = s.socket(family, kind)
    if family == s.AF_INET6: one.setsockopt(s.IPPROTO_IPV6, s.IPV6_V6ONLY, only)
    # PassPacketInfo=yes
    if family == s.AF_INET6: one.setsockopt(s.IPPROTO_IPV6, s.IPV6_RECVPKTINFO, 1)
    if family == s.AF_INET: one.setsockopt(s.IPPROTO_IP, 8, 1)
    one.bind(name)
    if kind == s.SOCK_STREAM: one.listen(100)
    return one
only = 0 if sys.argv[1] == "dual" else 1
sockets = [] if only == 0 else [
    opened(s.AF_UNIX, s.SOCK_STREAM, "/run/rpcbind.sock"),
    opened(s.AF_UNIX, s.SOCK_STREAM, "\\0/run/rpcbind.sock"),
    opened(s.AF_INET, s.SOCK_DGRAM, ("0.0.0.0", 111)),
    opened(s.AF_INET, s.SOCK_STREAM, ("0.0.0.0", 111))]
sockets += [opened(s.AF_INET6, kind, ("::", 111), only) for kind in (s.SOCK_DGRAM, s.SOCK_STREAM)]
if only: os.chmod("/run/rpcbind.sock", 0o666)
early = s.socket(s.AF_INET, s.SOCK_DGRAM)
if only: early.sendto(struct.pack(">10I", 7, 0, 2, 100000, 4, 0, 0, 0, 0, 0), ("127.0.0.1", 111))
for life in (1, 2):
    pid = os.fork()
    if pid == 0:
        high = [os.dup2(one.fileno(), 50 + i) for i, one in enumerate(sockets)]
        for i, fd in enumerate(high): os.dup2(fd, 3 + i)
        os.closerange(3 + len(high), 200)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
        os.execv(sys.argv[2], sys.argv[2:])
    if "-d" in sys.argv and life == 1 and early.recv(100)[:4] == struct.pack(">I", 7): print("early answered", flush=True)
    ended, status = os.waitpid(pid, 0)
    print("life", life, "ended", os.waitstatus_to_exitcode(status), flush=True)
`;

systemTest("rpcbind serves sockets of a service manager, and leaves them open", NEEDS, async (
  newHost,
) => {
  const host = await newHost();
  const manager = host.start("python3", "-c", MANAGER, "single", OUR_RPCBIND, "-w", "-d");
  await manager.line(/early answered/); // the call was sent before rpcbind ran
  for (const life of [1, 2]) {
    await manager.line(READY);
    const ways = ["udp 127.0.0.1", "tcp 127.0.0.1", "udp6 ::1", "tcp6 ::1"];
    for (const way of [...ways, ...ways]) {
      const answer = await host.output("rpcinfo", "-T", ...way.split(" "), "100000", "4");
      assertMatch(answer, /ready and waiting/, way);
    }
    assertMatch(await host.output("rpcinfo"), /100000 +4 +local/); // over the UNIX socket
    const pid = (await host.output("pidof", "rpcbind")).trim();
    const listening = await host.output("ss", "-Hlnp", "src", ":111");
    assertEquals(listening.split("\n").filter((line) => line.includes(`pid=${pid},`)).length, 4);
    await host.output("kill", pid);
    await manager.line(new RegExp(`life ${life} ended 0`));
  }
  assertEquals(await manager.ended, 0);
});

systemTest("rpcbind refuses sockets that it cannot serve, in one line", NEEDS, async (newHost) => {
  const host = await newHost();
  const manager = host.start("python3", "-c", MANAGER, "dual", OUR_RPCBIND, "-w", "-f");
  await manager.line(/rpcbind: Cannot serve descriptor 3: .*BindIPv6Only=ipv6-only/);
  await manager.line(/life 2 ended 1/);
  const background = host.start("python3", "-c", MANAGER, "single", OUR_RPCBIND, "-w");
  await background.line(/only in the foreground: add -f/);
  await background.line(/life 2 ended 1/);
});
