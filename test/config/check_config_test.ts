import { assertEquals } from "@std/assert";
import { loadSmNotifySettings, loadStatdSettings } from "../../lib/config/load.ts";
import { MemoryFiles } from "../support/memory_files.ts";

function start(args: readonly string[], conf: string) {
  const files = new MemoryFiles({ "/etc/nfs.conf": conf, "/srv/nsm/state": "" });
  return { programName: "x", args, env: new Map([["RPC_STATD_NO_NOTIFY", "1"]]), files };
}

const CONF = `[statd]
port = 2049
ha-callout = "/x #1"
no-such = 1
udp = perhaps
[statd "x"]
port = 5
[lockd]
grace-time = 90
[nfsd]
threads = 8
`;

Deno.test(
  "checkConfig() shows settings, origins and faults",
  { permissions: "none" },
  () => {
    const args = ["-F", "-P/srv/nsm", "--check-config", "-n", "nodeb"];
    assertEquals(loadStatdSettings(start(args, `nfs.statd.no_such\n${CONF}`)), {
      kind: "exit",
      status: 1,
      stderr: "",
      stdout: `# command line only
# --foreground: yes                      # option -F
# --no-syslog: no                        # default
# --notify-mode: no                      # default

[statd]
port = 2049                              # /etc/nfs.conf:3
outgoing-port = 0                        # default
name = nodeb                             # option -n
state-directory-path = /srv/nsm          # option -P
# pid-file =                             # default
volatile-fallback = no                   # default
no-notify = yes                          # environment RPC_STATD_NO_NOTIFY
ha-callout = "/x #1"                     # /etc/nfs.conf:4
# events-program =                       # default
ha-callout-timeout = 30                  # default
debug = 0                                # default
verbose = 1                              # default
log-format = text                        # default
send-using-tcp = no                      # default
events = 4096                            # default
simu-crash-allowed = yes                 # default
mon-reserved-port = no                   # default
notify-source-check = warn               # default
notify-state-check = warn                # default
# listen-addresses =                     # default
udp = yes                                # default
tcp = yes                                # default
# status-group =                         # default
# metrics =                              # default

[lockd]
port = 0                                 # default
udp-port = 0                             # default

[rpcbind]
mode = no                                # default

# warning: /etc/nfs.conf:6: udp: neither yes nor no: perhaps
# note: /etc/nfs.conf:1: nfs.statd.no_such: no such setting
# note: /etc/nfs.conf:5: no-such: no such setting in [statd]
# note: /etc/nfs.conf:8: port: no such setting in [statd "x"]
`,
    });
  },
);

Deno.test("checkConfig() is content with unknown keys", { permissions: "none" }, () => {
  const outcome = loadSmNotifySettings(start(["--check-config"], "[sm-notify]\nx=1\n[y]\nz=1\n"));
  assertEquals(outcome, {
    kind: "exit",
    status: 0,
    stderr: "",
    stdout: `# command line only
# --no-syslog: no                        # default
# --only:                                # default
# --identity:                            # default
# --dry-run: no                          # default
# --json: no                             # default

[sm-notify]
force = no                               # default
retry-time = 15                          # default
retry-schedule = linux                   # default
# deadline =                             # default
update-state = yes                       # default
# outgoing-port =                        # default
# outgoing-addr =                        # default
source = own                             # default
peer-port = 0                            # default
# instance-id =                          # default
lift-grace = yes                         # default
debug = 0                                # default

[statd]
state-directory-path = /var/lib/nfs      # default
verbose = 1                              # default
log-format = text                        # default
send-using-tcp = no                      # default
events = 4096                            # default

# note: /etc/nfs.conf:2: x: no such setting in [sm-notify]
`,
  });
});
