#!/usr/bin/env bash
# Toolchain, build, run, test, install, uninstall: the one script a newcomer calls.

set -euo pipefail

usage() {
  cat <<'END'
usage: ./install.sh COMMAND

  run [ARG…]     build if needed, then serve in the foreground from a new, empty state directory;
                 ARGs go to rpc.statd (-P DIR keeps the state in DIR)
  test [FILE…]   format check, lint, type check, build, all tests or those FILEs
  build [--arch ARCH]         make dist/rpc.statd, dist/sm-notify, dist/nsmctl, dist/start-statd; for
                 another ARCH, x86_64 or aarch64, in dist/ARCH
  install [--prefix DIR]      put them in DIR/sbin, default /usr/local, with units and manual pages;
                              honours DESTDIR
  uninstall [--prefix DIR]    remove them, put back what they replaced
  release        make the archives, Debian packages and image of a release in dist/
  clean          remove dist/, with all that was built; the fetched toolchain stays in .toolchain/
  toolchain      only fetch the toolchain
  deno ARG…      call the project's deno

JITLESS=1 ./install.sh build   for systems that allow no memory to be writable and executable

Own tools instead of fetched ones: DENO=program DENORT_BIN=file JSR_URL=url ./install.sh …
END
}

unset CDPATH # cd would go elsewhere, and print where
here=$(cd "$(dirname "$0")" && pwd -P)
tools=$here/.toolchain
embedded=(main.ts deno.json lib LICENSE conf/NOTICES .ci/{as_scripts.mjs,load_scripts.mjs,make_code_caches.mjs,rehearsal.ts})
peers=(rpcbind nfs-common tcpd iproute2 mandoc libfaketime zsh fish python3-prometheus-client
  netbase curl busybox psmisc procps nftables strace kmod
  e2fsprogs)
# Browser (0.3 GB) for one test file: fetched for the whole suite and for that file only.
browser=(chromium)
browser_tests=test/nsmctl/report_browser_test.ts
# Debian packages whose programs drive the product in tests; only unpacked, since installing starts services.
drivers=(resource-agents ctdb libpopt0 prometheus)
# Debian packages of cluster managers, with the libraries that a minimal Debian lacks; only unpacked.
managers=(resource-agents cluster-glue crmsh pacemaker pacemaker-common pacemaker-cli-utils
  pacemaker-resource-agents corosync ctdb tdb-tools gawk xsltproc libxml2-utils sudo
  libcorosync-common4 libqb100 libcfg7 libcmap4 libcpg4 libknet1 libnozzle1 libquorum5 libvotequorum8
  libstatgrab10 libnl-3-200 libnl-route-3-200 libxml2 libxslt1.1 libsigsegv2 libnet1 libltdl7
  libpils2 libplumb2 liblrm2 libplumbgpl2 libstonith1 libopenhpi3 libopenipmi0 libsnmp40 libpci3
  libcrmcommon34 libpe-rules26 libcib27 libcrmservice28 libstonithd26 libcrmcluster29 liblrmd28
  libpe-status28 libpacemaker1 libpopt0 liblmdb0 libtalloc2 libtdb1 libtevent0 libldb2 libwbclient0
  samba-libs python3-lxml python3-parallax python3-dateutil iputils-ping
  python3-yaml libyaml-0-2 python3-six libglib2.0-0 libdbus-1-3 libncurses6 libmpfr6 libicu72)
# Debian packages of NFS servers, which register with rpcbind; only unpacked.
servers=(nfs-kernel-server quota nfs-ganesha nfs-ganesha-mem libntirpc4.3 liburcu8 libwbclient0
  libldap-2.5-0 libsasl2-2 libnl-3-200 libnl-genl-3-200 libevent-core-2.1-7 libsqlite3-0)
# axe-core, accessibility rules for the page of nsmctl report; for tests only. MPL-2.0.
axe="axe-core@4.10.3"

# shellcheck source=.ci/installation.sh
source "$here/.ci/installation.sh"
# shellcheck source=.ci/toolchain.sh
source "$here/.ci/toolchain.sh"
# shellcheck source=.ci/image.sh
source "$here/.ci/image.sh"
# shellcheck source=.ci/release.sh
source "$here/.ci/release.sh"

sha512[$axe]=Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg==

# ---- build ---------------------------------------------------------------------------------------

stale() {
  [[ ! -x dist/rpc.statd ||
    -n $(find "${embedded[@]}" install.sh -newer dist/rpc.statd -print -quit) ]]
}

v8_flags=(
  # a single thread, so that the privilege drop covers all threads
  --single-threaded
  # Without Turbofan: calls wait for the compiler in the only thread. Turbofan takes 12 ms for a function,
  # 40 ms for several; Maglev takes 1 ms, for code slower by a fifth.
  --maglev --no-turbofan
  # threshold of Turbofan: an idle program does not need the compiler's 3 MB
  --invocation-count-for-maglev=3000 --invocation-count-for-maglev-osr=1000
  # little memory: a small young generation, and compact code. --lite-mode has both, but disables
  # optimisation, which triples the cost of a call.
  --max-semi-space-size=1 --optimize-for-size
  # collect (20 ms) only after the heap has doubled: not during a storm of notices
  --heap-growing-percent=100
  # no early collections: they took 80 of 350 ms when telling 1,000 peers
  --initial-old-space-size=48
  # No objects allocated in old space because earlier ones of that kind lived long, as records do that the start
  # reads: those of a removal are garbage at once, and 50,000 of them made a full collection due.
  --no-allocation-site-pretenuring
  # gc(): statd collects when idle
  --expose-gc
)
# Interpreter only, for systems without memory that is both writable and executable, or that cannot commit
# 0.6 GB. Throughput is a fifth to a half (4,000 to 14,000 SM_NULL a second against 20,000 to 29,000).
if [[ ${JITLESS-} ]]; then v8_flags+=(--jitless); fi

# Architecture of an ELF file (elf(5), e_machine).
machine_of() {
  case $(od -An -td2 -j18 -N2 "$1") in
    *62) echo x86_64 ;;
    *183) echo aarch64 ;;
  esac
}

# Replaces names of variables in the runtime that it reads before our first instruction: SSLKEYLOGFILE makes
# it write a file, DENO_LOG makes it log, and a DENO_TOKIO_ variable that is no number makes it exit. The new
# names begin with NUL, which no environment can contain.
without_variables() { # DENORT
  local name
  for name in SSLKEYLOGFILE DENO_LOG DENO_TOKIO; do
    LC_ALL=C grep -qa "$name" "$1" || die "\"$1\" does not have $name: find out what it reads instead"
  done
  LC_ALL=C sed 's/SSLKEYLOGFILE/\x00SLKEYLOGFILE/g; s/DENO_\(LOG\|TOKIO\)/\x00ENO_\1/g' "$1"
}

# Compiles an entry below $tools/stage with the runtime and the flags of the product.
compile_entry() { # ENTRY OUTPUT ARCH DENORT OPTION…
  local entry=$1 output=$2 arch=$3 denort=$4
  shift 4
  # no code cache of Deno: the program would execute bytecode from a file in $TMPDIR, whoever owns it
  # no prompt: a missing permission must fail, not ask a terminal
  (cd "$tools/stage" && DENORT_BIN=$denort "$DENO" compile --quiet -A --unstable-net --no-config --no-prompt --no-code-cache \
    --target "$arch-unknown-linux-gnu" --v8-flags="$(IFS=,; echo "${v8_flags[*]}")" "$@" --output "$output" "$entry")
  [[ $(machine_of "$output") == "$arch" ]] || die "DENORT_BIN is not for $arch: correct or unset it"
}

# Code caches, made by the runtime itself, and so only for this machine's architecture: an emulator that some
# machines have (binfmt_misc) must not change the bytes of a release.
make_code_caches() { # ARCH DENORT
  local maker=$tools/make-code-caches scripts=$tools/stage/scripts
  if [[ $1 == "$machine" ]]; then
    compile_entry make_code_caches.mjs "$maker" "$1" "$2"
    "$maker" "$scripts" make
    "$maker" "$scripts" check
    rm "$maker"
  else
    say "This machine is not $1, so that the program starts without code caches: 20 ms later"
    find "$scripts" -name '*.script' | while IFS= read -r script; do : >"${script%script}cache"; done
    rm "$scripts"/rehearsal.*
  fi
}

# Modules are bundled: a file for each command, and one for their common parts. 150 separate modules take
# 20 ms and 2 MB more to load. Each file becomes a script with a code cache, which saves another 8 to 15 ms;
# without its blanks, since V8 keeps the text. More is not minified: that drops "using" of variables used
# once, and with it the disposal. For reproducible builds all are compiled in a temporary folder with fixed
# times, since the program's file table holds times and relative paths.
compile() { # FOLDER ARCH
  say "Building $1/rpc.statd"
  local stage=$tools/stage scripts=$tools/stage/scripts name denort= made=$tools/rpc.statd
  rm -rf "$stage"
  mkdir -p "$scripts" "$1"
  touch "$tools/build-began"
  "$DENO" bundle --quiet --code-splitting --outdir "$scripts" main.ts .ci/rehearsal.ts
  sed 's|"\.\./chunk-|"./chunk-|' "$scripts/.ci/rehearsal.js" >"$scripts/rehearsal.js"
  rm -r "$scripts/.ci"
  "$DENO" run --quiet --no-config --allow-read="$scripts" --allow-write="$scripts" .ci/as_scripts.mjs "$scripts"
  "$(bundler)" "$scripts"/*.js --minify-whitespace --line-limit=120 --outdir="$scripts" --allow-overwrite --log-level=warning
  for name in "$scripts"/*.js; do mv "$name" "${name%js}script"; done
  cp --parents LICENSE conf/NOTICES "$stage"
  cp .ci/load_scripts.mjs "$stage/main.js"
  cp .ci/make_code_caches.mjs "$stage"
  if [[ ${DENORT_BIN-} ]]; then
    denort=$tools/denort-in-use
    without_variables "$DENORT_BIN" >"$denort"
  else
    say "The runtime that is fetched now heeds SSLKEYLOGFILE and DENO_LOG as it starts"
  fi
  make_code_caches "$2" "$denort"
  find "$stage" -exec touch -d "@${SOURCE_DATE_EPOCH:-0}" {} +
  compile_entry main.js "$made" "$2" "$denort" --include LICENSE --include conf/NOTICES --include scripts
  rm -f "$tools/denort-in-use"
  if [[ $2 == "$machine" ]]; then make_completion "$made"; fi
  touch -r "$tools/build-began" "$made"
  mv "$made" "$1/rpc.statd" # never strip it: the payload lies behind the last section
  for name in $links; do ln -sfn rpc.statd "$1/$name"; done
}

# Output: own architecture in dist, any other in a folder below it.
folder_of() { if [[ $1 == "$machine" ]]; then echo dist; else echo "dist/$1"; fi; }

build() {
  local arch=$machine folder
  case ${1-} in
    "") ;;
    --arch) arch=${2-} ;;
    --arch=*) arch=${1#*=} ;;
    *) die "unknown argument \"$1\": only --arch ARCH is understood" ;;
  esac
  [[ -n ${denort_sha256[$arch]-} ]] || die "architecture \"$arch\" is not x86_64 or aarch64"
  folder=$(folder_of "$arch")
  toolchain "$arch"
  (flock 9; compile "$folder" "$arch") 9>"$tools/build-lock"
}

# One build is enough for several runs at once.
build_if_stale() {
  stale || return 0
  toolchain
  (flock 9; if stale; then compile dist "$machine"; fi) 9>"$tools/build-lock"
}

# Each script is put in its place at once: an install may be copying it.
make_completion() { # PROGRAM
  local shell program new=$tools/completion-new
  ln -sfn "$1" "$tools/nsmctl"
  for shell in bash zsh fish; do
    mkdir -p "dist/completion/$shell"
    for program in rpc.statd $links; do
      "$tools/nsmctl" completion "$shell" "$program" >"$new"
      mv "$new" "dist/completion/$shell/$program"
    done
  done
  rm "$tools/nsmctl"
}

# ---- run -----------------------------------------------------------------------------------------

run() {
  build_if_stale
  local state
  state=$(mktemp -d /tmp/nsm.XXXXXX)
  mkdir "$state/sm" "$state/sm.bak"
  if ((EUID == 0)); then # statd drops its privileges to the owner of the state directory
    if id statd >/dev/null 2>&1; then chown -R statd: "$state"; else chown -R nobody: "$state"; fi
  fi
  exec dist/rpc.statd -F -d -P "$state" --no-notify "$@"
}

# ---- test ----------------------------------------------------------------------------------------

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# A subshell with a policy-rc.d that lets no service start; the original policy is restored.
apt_install() (
  policy=/usr/sbin/policy-rc.d
  trap 'rm -f "$policy"; if [[ -e $policy.nsm-kept ]]; then mv "$policy.nsm-kept" "$policy"; fi' EXIT
  if [[ -e $policy && ! -e $policy.nsm-kept ]]; then mv "$policy" "$policy.nsm-kept" || exit; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit
  get=(apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 install "$@")
  export DEBIAN_FRONTEND=noninteractive
  "${get[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${get[@]}" >/dev/null; }
) </dev/null

install_peers() { # PACKAGE…
  local missing=() package
  for package; do is_installed "$package" || missing+=("$package"); done
  ((${#missing[@]})) || return 0
  if ((EUID == 0)) && have apt-get; then
    say "Installing ${missing[*]}, services not started"
    (flock 9 && apt_install "${missing[@]}") 9>"$tools/apt-lock" && return
    say "Cannot install ${missing[*]}: tests that need them are skipped"
  else
    say "Not installing ${missing[*]} (takes root on Debian): tests that need them are skipped"
  fi
}

# Unpacks packages in a folder below .toolchain.
fetch_unpacked() { # NAME PACKAGE…
  local name=$1 folder=$tools/tmp-$1 file
  shift
  if [[ $(cat "$tools/$name/packages" 2>/dev/null) == "$*" ]] || ! have apt-get || ! have dpkg-deb; then return 0; fi
  say "Fetching $*, unpacked only"
  rm -rf "$folder"
  mkdir "$folder" "$folder/unpacked"
  if (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$@" >/dev/null 2>&1); then
    for file in "$folder"/*.deb; do dpkg-deb --extract "$file" "$folder/unpacked"; done
    if [[ -d $folder/unpacked/lib ]]; then cp -a "$folder/unpacked/lib" "$folder/unpacked/usr"; fi
    echo "$*" >"$folder/unpacked/packages"
    rm -rf "${tools:?}/$name"
    mv "$folder/unpacked" "$tools/$name"
  else
    say "Cannot fetch $*: tests that need them are skipped"
  fi
  rm -rf "$folder"
}

gates_failed=0
gate() {
  local name=$1
  shift
  echo "== $name"
  "$@" || { gates_failed=$((gates_failed + 1)) && echo "== $name: FAILED"; }
}

# Copy of the program for tests that start it as another user, who may not enter the project's folder.
enterable_dist() {
  local folder=$here/dist
  while [[ $folder ]]; do
    if [[ $(stat -c %A "$folder") != *x ]]; then
      cp -a dist "$1/dist" && echo "$1/dist" && return
    fi
    folder=${folder%/*}
  done
  echo "$here/dist"
}

run_tests() {
  local log status=0 passed failed skipped shared
  log=$(mktemp)
  shared=$(mktemp -d /tmp/nsm-test.XXXXXX)
  chmod 755 "$shared"
  NSM_DIST=$(enterable_dist "$shared")
  export NSM_DIST
  # gc(): fuzz tests collect garbage before they compare heap sizes.
  "$DENO" test -A --no-check --v8-flags=--expose-gc "${@:-test}" 2>&1 | tee "$log" || status=1
  count() { sed -nE "s/^(ok|FAILED) \|.* ([0-9]+) $1.*/\2/p" "$log" | tail -n 1; }
  passed=$(count passed) failed=$(count failed) skipped=$(count ignored)
  rm -r "$log" "$shared"
  failed=$((${failed:-0} + gates_failed))
  if ((status && !failed)); then failed=1; fi # a test file that fails to load counts no failed test
  printf '%d passed, %d failed%s\n' "${passed:-0}" "$failed" "${skipped:+, $skipped skipped}"
  ((failed == 0))
}

# Fetches axe-core to .toolchain; a subshell, since a failure only skips tests.
fetch_axe() (
  [[ -d $tools/axe-core ]] && exit
  work=$(mktemp -d "$tools/tmp-axe-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  open_package "$axe" "$work/axe-core" && mv "$work/axe-core" "$tools/axe-core"
)

run_all() {
  toolchain
  install_peers "${peers[@]}"
  if ((!$#)) || [[ " $* " == *"$browser_tests"* ]]; then install_peers "${browser[@]}"; fi
  fetch_unpacked drivers "${drivers[@]}"
  fetch_unpacked managers "${managers[@]}"
  fetch_unpacked servers "${servers[@]}"
  fetch_axe || say "Cannot fetch $axe: tests that need it are skipped"
  export NO_COLOR=1
  gate "Format check" "$DENO" fmt --check --quiet
  gate "Lint" "$DENO" lint --quiet
  gate "Type check" "$DENO" check --quiet
  if stale; then gate "Build" "$here/install.sh" build; fi
  echo "== Tests"
  run_tests "$@"
}

command=${1-}
(($#)) && shift
if [[ $command == deno ]]; then # stays in the caller's folder
  toolchain
  exec "$DENO" "$@"
fi
cd "$here"
case $command in
  run) run "$@" ;;
  test) run_all "$@" ;;
  build) build "$@" ;;
  install)
    build_if_stale
    install_all "$@"
    ;;
  uninstall) uninstall_all "$@" ;;
  release) release "$@" ;;
  clean) rm -rf dist "$tools/stage" "$tools/cache" ;;
  toolchain) toolchain ;;
  help | -h | --help) usage ;;
  *) usage >&2 && exit 2 ;;
esac
