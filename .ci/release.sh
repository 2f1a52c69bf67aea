# shellcheck shell=bash
# shellcheck disable=SC2154 # here, tools, links and DENO are of the scripts that source this one
# Release: archives, Debian packages, a container image, checksums and a list of contents, in dist/.
# Sourced by install.sh.
#
# Reproducible: times are the commit's, owners root, orders sorted, so that two clones of a commit give
# identical bytes. Files of the image from Debian's mirror are listed in the SBOM.

release_time() {
  echo "${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 0)}"
}

# archive FILE FOLDER NAME…: tar file of names in FOLDER, independent of this machine
archive() {
  local file=$1 folder=$2
  shift 2
  tar --create --file "$file" --directory "$folder" --format=gnu --sort=name --mtime="@$epoch" \
    --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$@"
}

# ---- the archive for everybody -------------------------------------------------------------------

# Files that install needs, in the project's layout.
lay_out() { # ARCH FOLDER
  local built name
  built=$(folder_of "$1")
  mkdir -p "$2"
  cp -a "$built/rpc.statd" "$2"
  for name in $links; do cp -a "$built/$name" "$2"; done
  cp -a dist/completion conf docs LICENSE README.md CHANGELOG.md "$2"
  { echo '#!/bin/sh' && echo 'set -eu' && cat .ci/installation.sh .ci/release_main.sh; } \
    >"$2/install.sh"
  chmod 755 "$2/install.sh"
}

pack() { # NAME of a folder in $work
  archive "$work/$1.tar" "$work" "$1"
  gzip -9n <"$work/$1.tar" >"dist/$1.tar.gz"
  rm "$work/$1.tar"
}

make_tarball() { # ARCH
  lay_out "$1" "$work/nsm-$version-$1"
  pack "nsm-$version-$1"
}

# Archive with the interpreter-only program; see JITLESS in install.sh.
make_jitless_tarball() { # ARCH
  local name=nsm-$version-$1-jitless
  (v8_flags+=(--jitless) && toolchain "$1" && compile "$work/jitless" "$1")
  cp -a "$work/nsm-$version-$1" "$work/$name"
  mv "$work/jitless/rpc.statd" "$work/$name/rpc.statd"
  pack "$name"
  rm -r "$work/jitless" "${work:?}/$name"
}

# ---- the Debian package --------------------------------------------------------------------------

debian_name() { sed 's/x86_64/amd64/; s/aarch64/arm64/' <<<"$1"; }

# Path of the package's file that replaces one of nfs-common.
diverted() {
  local name
  for name in rpc.statd sm-notify start-statd; do printf '/usr/sbin/%s ' "$name"; done
  for name in $units; do printf '/usr/lib/systemd/system/%s ' "$name"; done
  for name in statd sm-notify rpc.statd rpc.sm-notify; do
    printf '/usr/share/man/man8/%s.8.gz ' "$name"
  done
}

lay_debian() { # FOLDER ARCH: a system with the program installed, and what dpkg wants to know
  local doc=$1/usr/share/doc/nsm name text
  (cd "$work/nsm-$version-$2" && DESTDIR=$1 sh ./install.sh --prefix /usr >/dev/null 2>&1)
  # One executable in the package: postinst copies it to sm-notify. rpcbind belongs to another package.
  ln -sfn rpc.statd "$1/usr/sbin/sm-notify"
  rm -f "$1/usr/sbin/rpcbind" "$1/usr/share/man/man8/rpcbind.8.gz" \
    "$1/usr/lib/systemd/system/rpcbind."* "$1"/usr/share/*/*completions*/*rpcbind*
  rm -r "$1/usr/lib/nsm" "$1/usr/lib/sysusers.d" "$1/usr/lib/tmpfiles.d" "$doc/LICENSE"
  mkdir -p "$1/DEBIAN" "$1/usr/share/lintian/overrides" "$1/usr/lib/nsm"
  ln -s ../../sbin/rpc.statd "$1/usr/lib/nsm/rpcbind"
  cp .ci/deb/lintian-overrides "$1/usr/share/lintian/overrides/nsm"
  text=$(<.ci/deb/copyright)
  text=${text//@copyright@/$(sed -n 's/^Copyright (c) //p' LICENSE)}
  text=${text//@license@/$(sed '1,4d; s/^$/./; s/^/ /' LICENSE)}
  printf '%s\n' "$text" >"$doc/copyright"
  cp CHANGELOG.md "$doc"
  printf 'nsm (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' "$version" \
    "$(sed -n 's/^Maintainer: //p' .ci/deb/control)" "$(LC_ALL=C date -u -d "@$epoch" -R)" |
    gzip -9n >"$doc/changelog.gz"
  for name in preinst postinst postrm; do
    text=$(<".ci/deb/$name")
    text=${text//@diverted@/$(diverted)}
    text=${text//@sandbox_for@/$(sed -n '/^sandbox_for()/,/^}/p' .ci/installation.sh)}
    printf '%s\n' "$text" >"$1/DEBIAN/$name"
  done
  (cd "$1" && find usr -type f | sort | xargs md5sum) >"$1/DEBIAN/md5sums"
  sed "s/@version@/$version/; s/@arch@/$(debian_name "$2")/
    s/@size@/$(du -sk --apparent-size "$1/usr" | cut -f1)/" .ci/deb/control >"$1/DEBIAN/control"
  chmod -R u=rwX,go=rX "$1"
  chmod 755 "$1"/DEBIAN/p*
}

make_deb() { # ARCH
  local folder=$work/deb-$1
  have dpkg-deb || die "a Debian package is made by dpkg-deb: install dpkg"
  mkdir "$folder"
  lay_debian "$folder" "$1"
  # Format for dpkg of Debian 11 and later; one thread, since the number of threads changes the bytes.
  SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group -Zxz -z4 --threads-max=1 --build "$folder" \
    "dist/nsm_${version}_$(debian_name "$1").deb" >/dev/null
  rm -r "$folder"
}

# ---- all of it -----------------------------------------------------------------------------------

list_contents() {
  "$DENO" run --quiet --no-config --allow-read=. --allow-write=dist "$here/.ci/sbom.mjs" \
    "dist/nsm-$version.spdx.json" "$version" "$epoch" "$work/libraries"
}

release() {
  local arch
  ((!$#)) || die "unknown argument \"$1\": release takes none"
  export LC_ALL=C # the order of sort and of file names
  unset TAR_OPTIONS GZIP
  umask 022
  version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' deno.json)
  epoch=$(release_time)
  rm -f dist/nsm[-_]* dist/Containerfile dist/SHA256SUMS
  for arch in x86_64 aarch64; do build --arch "$arch"; done
  work=$(mktemp -d "$tools/tmp-XXXXXX")
  : >"$work/libraries"
  for arch in x86_64 aarch64; do
    say "Packing for $arch"
    make_tarball "$arch"
    make_jitless_tarball "$arch"
    make_deb "$arch"
  done
  make_image
  cp conf/containers/Containerfile dist
  touch -d "@$epoch" dist/Containerfile
  list_contents
  (cd dist && sha256sum nsm[-_]* Containerfile >SHA256SUMS)
  rm -rf "$work"
  say "Made in dist/: $(cd dist && echo nsm[-_]* Containerfile SHA256SUMS)"
}
