# shellcheck shell=bash
# shellcheck disable=SC2154 # links is install.sh's
# What install and uninstall of install.sh do; sourced there.
#
# lib/nsm/installed has a line for each file, link and folder that we made, oldest first: what it was and
# its path. What stood in the place of a file is kept below lib/nsm/replaced. A file of a Debian package
# is diverted to there, so that upgrades of the package go there too.

prefix=/usr/local
parse_prefix() {
  case ${1-} in
    "") ;;
    --prefix) prefix=${2-} ;;
    --prefix=*) prefix=${1#*=} ;;
    *) die "unknown argument \"$1\": only --prefix DIR is understood" ;;
  esac
  [[ $prefix == /* ]] || die "prefix \"$prefix\" is not an absolute path: give --prefix /a/folder"
  prefix=${prefix%/} root=${DESTDIR-}
  record=$root$prefix/lib/nsm/installed
  replaced=$prefix/lib/nsm/replaced
}

mark() {
  if [[ -L $1 ]]; then
    echo "link:$(readlink "$1")"
  elif [[ -f $1 ]]; then
    sha256sum <"$1" | sed 's/^/sha256:/; s/ .*//'
  fi
}
is_there() { [[ -e $1 || -L $1 ]]; }
is_ours() { grep -qxF "$(mark "$root$1") $1" "$record" 2>/dev/null; }

# ---- files of packages ---------------------------------------------------------------------------

in_dpkg() { "$1" --admindir "$root/var/lib/dpkg" "${@:2}"; }

# /usr/sbin/x is /sbin/x too where that folder is a link, and a package may know it by either name.
names_of() {
  local short=${1#/usr}
  echo "$1"
  if [[ $short != "$1" && $root${1%/*} -ef $root${short%/*} ]]; then echo "$short"; fi
}

# The name by which a package knows PATH.
packaged_name() {
  have dpkg-divert && [[ -d $root/var/lib/dpkg ]] || return 1
  local name
  for name in $(names_of "$1"); do
    if in_dpkg dpkg-query -S "$name" >/dev/null 2>&1; then echo "$name" && return; fi
  done
  return 1
}

# Both names, since a later version of the package may use the other one. The file goes by the first.
divert() { # --add or --remove, PATH, name to move the file by
  local name rename
  for name in "$3" $(names_of "$2" | grep -vxF "$3"); do
    if [[ $name == "$3" ]]; then rename=--rename; else rename=--no-rename; fi
    mkdir -p "$root$replaced${name%/*}"
    in_dpkg dpkg-divert --instdir "$root/" --quiet --local "$rename" \
      --divert "$replaced$name" "$1" "$name"
  done
}

is_diverted() {
  have dpkg-divert && [[ -d $root/var/lib/dpkg &&
    $(in_dpkg dpkg-divert --truename "$1") == "$replaced$1" ]]
}

# ---- one file ------------------------------------------------------------------------------------

make_folder() {
  local folder=$1 missing=()
  mkdir -p "$root/"
  while [[ ! -d $root$folder ]]; do
    missing=("folder $folder" "${missing[@]}")
    folder=$(dirname "$folder")
  done
  mkdir -p "$root$1"
  if ((${#missing[@]})); then printf '%s\n' "${missing[@]}" >>"$record"; fi
}

keep() {
  local name
  if is_there "$root$replaced$1"; then
    say "Replacing $root$1 again, which somebody changed"
  elif name=$(packaged_name "$1"); then
    divert --add "$1" "$name"
    say "Diverted $root$1"
  else
    mkdir -p "$root$replaced${1%/*}"
    cp -a "$root$1" "$root$replaced$1"
    say "Kept a copy of $root$1"
  fi
}

# place MODE SOURCE PATH, where MODE "link" makes a link to SOURCE, and SOURCE "-" is standard input
place() {
  local mode=$1 source=$2 path=$3
  local new=$root$path.nsm-new
  make_folder "${path%/*}"
  if [[ $mode == link ]]; then
    ln -sfn "$source" "$new"
  elif [[ $source == - ]]; then
    install -m "$mode" /dev/stdin "$new"
  else
    install -m "$mode" "$source" "$new"
  fi
  if is_there "$root$path" && ! is_ours "$path"; then keep "$path"; fi
  path=$path awk 'substr($0, index($0, " ") + 1) != ENVIRON["path"]' "$record" >"$record.new"
  echo "$(mark "$new") $path" >>"$record.new"
  mv "$record.new" "$record"
  mv -fT "$new" "$root$path"
}

take_away() {
  local name
  rm "$root$1"
  if is_diverted "$1"; then
    name=$(names_of "$1" | while read -r name; do
      if is_there "$root$replaced$name"; then echo "$name"; fi
    done)
    divert --remove "$1" "${name:-$1}"
  elif is_there "$root$replaced$1"; then
    mv -T "$root$replaced$1" "$root$1"
  fi
}

# ---- all of them ---------------------------------------------------------------------------------

with_paths() {
  local text
  text=$(<"$1")
  printf '%s\n' "${text//@sbindir@/"$prefix/sbin"}"
}

place_all() {
  local name page folder
  place 755 dist/rpc.statd "$prefix/sbin/rpc.statd"
  for name in "${links[@]}"; do place link rpc.statd "$prefix/sbin/$name"; done
  for name in rpc-statd.service rpc-statd-notify.service; do
    with_paths "conf/$name" | place 644 - "$prefix/lib/systemd/system/$name"
  done
  for name in sysusers tmpfiles; do
    place 644 "conf/nsm.$name" "$prefix/lib/$name.d/nsm.conf"
  done
  for page in conf/*.[58]; do
    folder=$prefix/share/man/man${page##*.}
    gzip -9n <"$page" | place 644 - "$folder/${page##*/}.gz"
  done
  for page in statd.8 sm-notify.8; do
    place link "$page.gz" "$prefix/share/man/man8/rpc.$page.gz"
  done
  for name in LICENSE conf/NOTICES conf/nfs.conf; do
    place 644 "$name" "$prefix/share/doc/nsm/${name##*/}"
  done
}

# What follows from the files, on the system that runs.
settle() {
  [[ -z $root ]] && ((EUID == 0)) || return 0
  if [[ $1 == install ]] && have systemd-sysusers && have systemd-tmpfiles; then
    systemd-sysusers "$prefix/lib/sysusers.d/nsm.conf"
    systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/nsm.conf"
  fi
  if [[ -d /run/systemd/system ]]; then systemctl daemon-reload; fi
}

install_all() {
  parse_prefix "$@"
  if stale; then build; fi
  if ! make_folder "$prefix/lib/nsm" 2>/dev/null || [[ ! -w $root$prefix/lib/nsm ]]; then
    die "cannot write below $root$prefix: run as root or choose another --prefix"
  fi
  touch "$record"
  place_all
  settle install
  say "Installed rpc.statd, ${links[*]} in $root$prefix/sbin"
}

uninstall_all() {
  parse_prefix "$@"
  [[ -f $record ]] || die "nothing to uninstall below $root$prefix: was another --prefix used?"
  local was path left=0 folders=()
  while read -r was path; do
    if [[ $was == folder ]]; then
      folders=("$path" "${folders[@]}")
    elif is_ours "$path"; then
      take_away "$path"
    elif is_there "$root$path"; then
      left=1
      say "Left alone $root$path: it is not what install put there"
    fi
  done <"$record"
  settle uninstall
  if ((left)); then die "not all removed: what was replaced stays in $root$replaced"; fi
  rm -r "$record" "$root$replaced" 2>/dev/null || true
  for path in "${folders[@]}"; do
    rmdir --ignore-fail-on-non-empty "$root$path" 2>/dev/null || true
  done
}
