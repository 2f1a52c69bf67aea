/** `nsmctl ctdb-script`: prints CTDB's event script that binds an identity to each public address. */

import { type Command, Status } from "./command.ts";

/** POSIX shell script that uses CTDB's library for event scripts. */
const SCRIPT = `#!/bin/sh
# Event script of CTDB: the locks of NFSv3 clients go with the public addresses. nsm-cluster(7) says how
# it is set up. It is installed under two names, and does what belongs to each:
#
#   09.nsm.script   takeip: this node is the owner before the address is there
#   61.nsm.script   releaseip: it lets go when the address is gone; ipreallocated: clients are told when
#                   NFS serves them; monitor: what was not done before is done now
#
# No event fails for the sake of a ledger: the address would be nowhere.
# shellcheck shell=dash

: "\${CTDB_BASE:=/etc/ctdb}"
# shellcheck source=/dev/null
. "$CTDB_BASE/functions"
load_script_options
: "\${CTDB_NSM_LEDGER:=}" "\${CTDB_NSM_NAMES:=}" "\${CTDB_NSM_RESTART_LOCKD:=yes}"

# In it a file for each identity that is held here, with the epoch of which clients were told.
ctdb_setup_state_dir service nsm
cd "$script_state_dir" || exit

id_of() { # ADDRESS
  echo "ip-$1" | tr : -
}

identity() {
  nsmctl identity "$@"
}

# Gives the daemon the definition, unless nfs.conf has it.
define() { # ID ADDRESS
  [ "$CTDB_NSM_LEDGER" ] || return 0
  local ledger="$CTDB_NSM_LEDGER"
  case $ledger in
    directory:*)
      # The folder above it is never made: where its file system is not mounted there is none.
      ledger=$ledger/$1
      [ -d "\${ledger#directory:}" ] || mkdir "\${ledger#directory:}" || return
      ;;
  esac
  identity add "$1" "--addresses=$2" "--ledger=$ledger" \${CTDB_NSM_NAMES:+"--names=$CTDB_NSM_NAMES"}
}

# CTDB gives an address to one node alone: the owner before has let go, or was banned, or is dead.
take() { # ID
  identity acquire "$1" --fenced --deadline=8 >/dev/null
}

acquire() { # ADDRESS
  local id
  id=$(id_of "$1")
  if define "$id" "$1" && take "$id"; then
    : >"$id"
    : >.changed
  else
    echo "$id is not held here: locks of new clients of $1 are lost if it moves"
    return 1
  fi
}

release() { # ID
  identity release "$1" --force --deadline=5
  rm -f "$1"
  : >.changed
}

# Ends in a moment, also after rpc.statd was started.
statd_answers() {
  local tries=10
  until identity list >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ $tries -eq 0 ]; then return 1; fi
    sleep 1
  done
}

# Y if the lock manager of the kernel's NFS server is in no grace period, N if it is in one.
grace_is_over() {
  head -c 1 /proc/fs/lockd/nlm_end_grace 2>/dev/null
}

# The kernel has one grace period for all addresses of a node, which begins when its lock manager does:
# all clients of this node lose their locks, and reclaim them. CTDB's callout for systemd restarts
# rpc.statd when it is asked for the lock manager, which then is in no grace period and refuses what is
# reclaimed. The lock manager ends and begins with the NFS server, so that is restarted next.
restart_lockd() {
  local id service late before services=nlockmgr
  nfs_callout_init "$script_state_dir"
  case $(cat /proc/fs/nfsd/threads 2>/dev/null) in [1-9]*) services="nlockmgr nfs" ;; esac
  for service in $services; do
    "$CTDB_NFS_CALLOUT" stop $service >/dev/null 2>&1 9>&-
    before=$(grace_is_over)
    late=
    for id in ip-*; do
      if [ -e "$id" ] && ! take "$id" 2>/dev/null; then late="$late $id"; fi
    done
    sleep 2 # right after its end it is not itself, says CTDB's own callout
    "$CTDB_NFS_CALLOUT" start $service >/dev/null 2>&1 9>&-
    if [ "$before" != N ] && [ "$(grace_is_over)" != Y ]; then break; fi
  done
  if [ "$services" != nlockmgr ] && [ "$(grace_is_over)" = Y ]; then
    echo "the kernel's lock manager has begun no grace period: clients cannot reclaim their locks. It" \\
      "runs on while this node mounts NFS version 3 itself, or if the callout for NFS does not restart it"
  fi
  # The callout has stopped rpc.statd meanwhile.
  if [ "$late" ]; then statd_answers; fi
  for id in $late; do
    take "$id" || echo "$id: clients of this node are not told that the lock manager was restarted"
  done
}

# Whoever was not reached stays on record. Where nobody could be told, the next monitor event tries again.
tell_of() { # ID
  local epoch code=0
  epoch=$(identity status "$1" | sed -n 's/.*epoch=\\([0-9]*\\).*/\\1/p')
  if [ "$epoch" ]; then
    if [ "$epoch" = "$(cat "$1")" ]; then return; fi
    identity notify "$1" --deadline=20 || code=$?
    case $code in 0 | 6) ;; *) epoch= ;; esac
  fi
  if [ -e "$1" ]; then echo $epoch >"$1"; fi
}

# An identity whose clients have to be told: its file has no epoch.
is_untold() {
  local id
  for id in ip-*; do
    if [ -e "$id" ] && ! grep -q . "$id"; then return; fi
  done
  return 1
}

# One run at a time: what changes meanwhile is told by the next one. Only one waits, as a callout may hang
# for hours.
tell() {
  local id
  exec 8>.next
  flock -n 8 || return 0
  exec 9>.lock
  flock 9
  exec 8>&-
  if [ -e .changed ]; then
    rm -f .changed .seen
    if [ "$CTDB_NSM_RESTART_LOCKD" = yes ]; then restart_lockd; fi
  fi
  for id in ip-*; do
    if [ -e "$id" ]; then tell_of "$id" & fi
  done
  wait
}

ctdb_check_args "$@"
case $0:$1 in
  */0*:init)
    # A ctdbd that ended without a word has left them.
    if [ ! -r "$CTDB_BASE/public_addresses" ]; then exit 0; fi
    sed 's/#.*//; s|[/[:space:]].*||; /^$/d' "$CTDB_BASE/public_addresses" | while read -r address; do
      identity release "$(id_of "$address")" --force --deadline=5 >/dev/null 2>&1
    done
    ;;
  */0*:takeip) acquire "$3" ;;
  */0*) ;;
  *:releaseip) release "$(id_of "$3")" ;;
  *:shutdown)
    for id in ip-*; do
      if [ -e "$id" ]; then release "$id"; fi
    done
    ;;
  *:ipreallocated)
    if [ -e .changed ]; then background_with_logging tell; fi
    ;;
  *:monitor)
    # An identity that was released by hand, or that a node took by mistake, is acquired again.
    if listed=$(identity list 2>/dev/null); then
      for id in ip-*; do
        if [ -e "$id" ] && ! echo "$listed" | grep -q "^$id  *held"; then rm -f "$id"; fi
      done
    fi
    own=$(ctdb_get_pnn)
    # shellcheck disable=SC2034
    $CTDB ip -X | while IFS="|" read -r none address node rest; do
      if [ "$node" != "$own" ] || [ -e "$(id_of "$address")" ]; then continue; fi
      acquire "$address"
    done
    # Nothing follows "ctdb moveip"; what is on its way is waited for until the next time.
    if [ -e .changed ] && [ -e .seen ]; then
      background_with_logging tell
    elif [ -e .changed ]; then
      : >.seen
    elif is_untold; then
      background_with_logging tell
    fi
    ;;
esac
exit 0
`;

export const ctdbScript: Command = {
  name: "ctdb-script",
  summary: "Print an event script for CTDB that moves locks with public addresses.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [],
  details: ["nsm-cluster(7) has its file names and its options."],
  example: "nsmctl ctdb-script > /etc/ctdb/events/legacy/09.nsm.script",
  takesPeers: false,
  run(_given, { terminal }) {
    terminal.print(SCRIPT);
    return Promise.resolve(Status.OK);
  },
};
