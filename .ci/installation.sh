# shellcheck shell=dash
# Installation: what install and uninstall do. Sourced by install.sh of the project, and the body of the
# install.sh in a release; plain sh, as an appliance may have no bash.
#
# lib/nsm/installed has a line for each file, link and folder made, oldest first: kind and path. Replaced
# files are kept below lib/nsm/replaced. A file of a Debian package is diverted to that folder, so that
# upgrades of the package go there, too.

say() { printf '%s\n' "$*" >&2; }
die() { say "install.sh: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

links="sm-notify nsmctl start-statd rpcbind"
units="rpc-statd.service rpc-statd-notify.service"
prefix=/usr/local
built=dist

parse_prefix() {
  case ${1-} in
    "") ;;
    --prefix) prefix=${2-} ;;
    --prefix=*) prefix=${1#*=} ;;
    *) die "unknown argument \"$1\": only --prefix DIR is understood" ;;
  esac
  case $prefix in
    /*) ;;
    *) die "prefix \"$prefix\" is not an absolute path: give --prefix /a/folder" ;;
  esac
  # Units and scripts hold the path as it is.
  case $prefix in
    *[!-A-Za-z0-9/._+@:]*) die "prefix \"$prefix\" may have letters, digits and -/._+@: only" ;;
  esac
  prefix=${prefix%/} root=${DESTDIR-}
  record=$root$prefix/lib/nsm/installed
  replaced=$prefix/lib/nsm/replaced
}

mark() {
  if [ -L "$1" ]; then
    echo "link:$(readlink "$1")"
  elif [ -f "$1" ]; then
    sha256sum <"$1" | sed 's/^/sha256:/; s/ .*//'
  fi
}
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
is_ours() { grep -qxF "$(mark "$root$1") $1" "$record" 2>/dev/null; }

# ---- files of packages ---------------------------------------------------------------------------

in_dpkg() { # PROGRAM ARG…
  local program=$1
  shift
  "$program" --admindir "$root/var/lib/dpkg" "$@"
}
has_dpkg() { have dpkg-divert && [ -d "$root/var/lib/dpkg" ]; }

# Merged /usr: /usr/sbin/x is also /sbin/x, and a package may list either name.
names_of() {
  local short=${1#/usr}
  echo "$1"
  if [ "$short" != "$1" ] && [ "$root${1%/*}" -ef "$root${short%/*}" ]; then echo "$short"; fi
}

# PATH as listed by its package.
packaged_name() {
  local name
  has_dpkg || return 1
  for name in $(names_of "$1"); do
    if in_dpkg dpkg-query -S "$name" >/dev/null 2>&1; then echo "$name" && return; fi
  done
  return 1
}

# Diverts both names, since a later version of the package may list the other one; moves the file by the first.
divert() { # --add or --remove, PATH, name to move the file by
  local name rename
  for name in "$3" $(names_of "$2" | grep -vxF "$3"); do
    if [ "$name" = "$3" ]; then rename=--rename; else rename=--no-rename; fi
    mkdir -p "$root$replaced${name%/*}"
    in_dpkg dpkg-divert --instdir "$root/" --quiet --local "$rename" \
      --divert "$replaced$name" "$1" "$name"
  done
}

is_diverted() { has_dpkg && [ "$(in_dpkg dpkg-divert --truename "$1")" = "$replaced$1" ]; }

# ---- one file ------------------------------------------------------------------------------------

# Missing folders of a path, outermost first.
missing_folders() {
  if [ ! -d "$root$1" ]; then
    missing_folders "$(dirname "$1")"
    echo "folder $1"
  fi
}

make_folder() {
  local missing
  mkdir -p "$root/" || return
  missing=$(missing_folders "$1")
  mkdir -p "$root$1" || return
  if [ "$missing" ]; then echo "$missing" >>"$record"; fi
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
  local mode=$1 source=$2 path=$3 new
  new=$root$path.nsm-new
  make_folder "${path%/*}"
  rm -f "$new"
  case $mode:$source in
    link:*) ln -s "$source" "$new" ;;
    *:-) cat >"$new" ;;
    *) cp --reflink=auto "$source" "$new" 2>/dev/null || cp "$source" "$new" ;;
  esac || {
    rm -f "$new"
    die "cannot write $root$path: what was installed before it can be removed by uninstall"
  }
  if [ "$mode" != link ]; then chmod "$mode" "$new"; fi
  if is_there "$root$path" && ! is_ours "$path"; then keep "$path"; fi
  path=$path awk 'substr($0, index($0, " ") + 1) != ENVIRON["path"]' "$record" >"$record.new"
  echo "$(mark "$new") $path" >>"$record.new"
  mv "$record.new" "$record"
  mv -f "$new" "$root$path"
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
    mv "$root$replaced$1" "$root$1"
  fi
}

# ---- all of them ---------------------------------------------------------------------------------

# Primary group of the user statd; empty without that user.
group_of_user() {
  if [ "$root" ]; then
    sed -n 's/^statd:[^:]*:[^:]*:\([^:]*\):.*/\1/p' "$root/etc/passwd" 2>/dev/null
  else
    id -g statd 2>/dev/null
  fi || true
}

# sysusers creates the user and its group, also the group for a user that has another primary group.
place_owner() {
  local group
  group=$(group_of_user)
  if [ ! "$group" ]; then place 644 conf/nsm.sysusers "$prefix/lib/sysusers.d/nsm.conf"; fi
  sed "s/:statd\$/:${group:-statd}/" conf/nsm.tmpfiles |
    place 644 - "$prefix/lib/tmpfiles.d/nsm.conf"
}

place_all() {
  local name page folder
  place 755 "$built/rpc.statd" "$prefix/sbin/rpc.statd"
  for name in $links; do
    case $name in
      # Separate files: tools that identify a process by its file must not confuse the daemons.
      sm-notify) place 755 "$built/rpc.statd" "$prefix/sbin/$name" ;;
      rpcbind) place_rpcbind ;;
      *) place link rpc.statd "$prefix/sbin/$name" ;;
    esac
  done
  for name in $units; do
    sed "s|@sbindir@|$prefix/sbin|" "conf/$name" |
      place 644 - "$prefix/lib/systemd/system/$name"
  done
  place_owner
  for page in conf/*.[578]; do
    folder=$prefix/share/man/man${page##*.}
    gzip -9n <"$page" | place 644 - "$folder/${page##*/}.gz"
  done
  for page in statd.8 sm-notify.8; do
    place link "$page.gz" "$prefix/share/man/man8/rpc.$page.gz"
  done
  for name in LICENSE conf/NOTICES conf/nfs.conf conf/*.schema.json conf/apparmor/* \
    conf/selinux/* conf/prometheus/* conf/grafana/*; do
    place 644 "$name" "$prefix/share/doc/nsm/${name##*/}"
  done
  sed "s|@sbindir@|$prefix/sbin|" conf/ocf/identity |
    place_for_others 755 - ocf/resource.d/nsm/identity lib
  for name in rpc.statd $links; do
    if [ "$name" = rpcbind ] && has_rpcbind; then continue; fi
    place_completion bash "$name" "$prefix/share/bash-completion/completions/$name"
    place_completion zsh "$name" "$prefix/share/zsh/vendor-completions/_$name"
    place_completion fish "$name" "$prefix/share/fish/vendor_completions.d/$name.fish"
  done
}

# Files that cluster managers look for below /usr only: linked from there if the manager is installed.
place_for_others() { # MODE SOURCE PATH FOLDER-OF-THE-PATH
  local path=$prefix/$4/$3 link=/usr/$4/$3
  place "$1" "$2" "$path"
  if [ "$path" != "$link" ] && [ -w "$root${link%/*/*}" ]; then place link "$path" "$link"; fi
}

# An rpcbind of any package is kept: to install ours, remove the package first.
has_rpcbind() {
  local name
  for name in $(names_of "$prefix/sbin/rpcbind"); do
    if is_there "$root$name" && ! is_ours "$name"; then return; fi
  done
  packaged_name "$prefix/sbin/rpcbind" >/dev/null
}

place_rpcbind() {
  local name
  if has_rpcbind; then
    say "Leaving the system's $prefix/sbin/rpcbind alone"
  else
    place 755 "$built/rpc.statd" "$prefix/sbin/rpcbind"
    if has_rpcbind_unit; then return; fi
    for name in rpcbind.service rpcbind.socket; do
      sed "s|@sbindir@|$prefix/sbin|" "conf/$name" |
        place 644 - "$prefix/lib/systemd/system/$name"
    done
  fi
}

# Units of another rpcbind stay in use: ours below /usr/local would hide them.
has_rpcbind_unit() {
  local unit
  for unit in /etc /usr/lib /lib; do
    unit=$unit/systemd/system/rpcbind.service
    if is_there "$root$unit" && ! is_ours "$unit"; then return; fi
  done
  return 1
}

# Completion scripts are printed by the program itself at build time.
place_completion() { # SHELL PROGRAM PATH
  if [ -f "$built/completion/$1/$2" ]; then place 644 "$built/completion/$1/$2" "$3"; fi
}

# ---- what follows from the files, on the system that runs ----------------------------------------

state_directory() {
  { "$prefix/sbin/rpc.statd" --check-config 2>/dev/null || true; } |
    sed -n 's/ *# .*//; s/^state-directory-path = *//p'
}

# Sandbox of the units: writable below /var/lib/nfs only, without homes and the system's /tmp.
sandbox_for() {
  cat <<END
# State directory named in nfs.conf, for the sandbox of the unit.
[Unit]
RequiresMountsFor="$1"

[Service]
ReadWritePaths="-$1"
END
  case $1/ in
    /home/* | /root/* | /run/user/*) printf 'ProtectHome=tmpfs\nBindPaths="-%s"\n' "$1" ;;
    /tmp/* | /var/tmp/*) printf 'BindPaths="-%s"\n' "$1" ;;
  esac
}

fit_sandbox() {
  local folder unit
  folder=$(state_directory)
  case $folder in
    "" | /var/lib/nfs | /var/lib/nfs/*) return ;;
  esac
  for unit in $units; do
    sandbox_for "$folder" |
      place 644 - "$prefix/lib/systemd/system/$unit.d/state-directory.conf"
  done
  say "The units may write to $folder, the state directory in nfs.conf; install again if that changes"
}

# Services are not restarted: locks may depend on them.
tell_of_old_program() {
  local pid program
  pid=$(cat /run/rpc.statd.pid 2>/dev/null) || return 0
  program=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 0
  if [ "$program" != "$prefix/sbin/rpc.statd" ]; then
    say "rpc.statd (process $pid) still runs $program: systemctl restart rpc-statd"
  fi
}

# Statuses of a shell for a program that may not be executed; and of a shell and the loader, where the C
# library is another one (musl) or a library is missing.
no_execution=126
no_library=127

# Hardened systems may refuse what Deno needs; Deno then dies by a trap before our first instruction.
tell_of_no_start() {
  local status=0
  "$prefix/sbin/rpc.statd" -v >/dev/null 2>&1 || status=$?
  case $status in
    0) return ;;
    "$no_execution")
      say "$prefix/sbin/rpc.statd may not be executed: is that file system mounted with noexec?"
      return
      ;;
    "$no_library")
      say "rpc.statd does not start on this system: it needs glibc 2.27 or later, and libgcc_s. Without" \
        "them (musl) take the image of the release"
      return
      ;;
  esac
  say "rpc.statd does not start on this system: try $prefix/sbin/rpc.statd -v. Where memory may not be both" \
    "writable and executable, or 0.6 GB may not be committed, install the archive whose name ends in -jitless"
}

settle() { # install or uninstall
  if [ "$root" ] || [ "$(id -u)" != 0 ]; then return; fi
  if [ "$1" = install ]; then
    if have systemd-sysusers && [ ! "$(group_of_user)" ]; then
      systemd-sysusers "$prefix/lib/sysusers.d/nsm.conf"
    fi
    if have systemd-tmpfiles; then systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/nsm.conf"; fi
    fit_sandbox
    tell_of_no_start
  fi
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
  tell_of_old_program
}

# Waits for another install or uninstall. An appliance may have no flock(1).
one_at_a_time() {
  if ! have flock || [ ! -d "$root/" ]; then return 0; fi
  exec 9<"$root/"
  if flock -n 9; then return 0; fi
  say "Waiting until another install has ended, which has locked $root/"
  flock 9
}

install_all() {
  parse_prefix "$@"
  umask 022 # all users may enter the folders
  mkdir -p "$root/" 2>/dev/null || true
  one_at_a_time
  if ! make_folder "$prefix/lib/nsm" 2>/dev/null || [ ! -w "$root$prefix/lib/nsm" ]; then
    die "cannot write below $root$prefix: run as root or choose another --prefix"
  fi
  touch "$record"
  place_all
  settle install
  local name installed=rpc.statd
  for name in $links; do
    if [ "$name" != rpcbind ] || ! has_rpcbind; then installed="$installed, $name"; fi
  done
  say "Installed $installed in $root$prefix/sbin"
}

# Removes the recorded files. Prints the recorded folders, innermost first.
take_all_away() {
  local was path folders="" newline="
"
  while read -r was path; do
    if [ "$was" = folder ]; then
      folders=$path$newline$folders
    elif is_ours "$path"; then
      take_away "$path"
    elif is_there "$root$path"; then
      say "Left alone $root$path: it is not what install put there"
      touch "$record.left"
    fi
  done <"$record"
  printf '%s' "$folders"
}

uninstall_all() {
  local folders path
  parse_prefix "$@"
  one_at_a_time
  [ -f "$record" ] || die "nothing to uninstall below $root$prefix: was another --prefix used?"
  folders=$(take_all_away)
  settle uninstall
  if [ -e "$record.left" ]; then
    rm "$record.left"
    die "not all removed: what was replaced stays in $root$replaced"
  fi
  rm -r "$record" "$root$replaced" 2>/dev/null || true
  echo "$folders" | while read -r path; do
    rmdir "$root$path" 2>/dev/null || true
  done
}
