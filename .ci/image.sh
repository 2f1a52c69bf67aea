# shellcheck shell=bash
# shellcheck disable=SC2154 # tools, version, epoch and work are of the scripts that source this one
# Image: OCI image layout from scratch with the program and its libraries, for both architectures in one
# index. Sourced by install.sh.

# Debian packages with the libraries, from this machine's apt mirrors.
libraries=(libc6 libgcc-s1)

# Separate apt state, since the architecture may differ from the machine's.
apt_for() { # ARCH PROGRAM ARG…
  local arch folder=$tools/debs-$1
  arch=$(debian_name "$1")
  mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial"
  "$2" -q -o Dir::State="$folder/state" -o Dir::Cache="$folder/cache" \
    -o Dir::State::status=/dev/null -o APT::Sandbox::User="" \
    -o APT::Architecture="$arch" -o APT::Architectures="$arch" "${@:3}"
}

fetch_libraries() { # ARCH
  local folder=$tools/debs-$1
  [[ -e $folder/complete ]] && return
  if ! have apt-get; then die "the image needs Debian's libraries: make the release on Debian"; fi
  say "Fetching ${libraries[*]} for $1 from Debian's mirror"
  rm -rf "$folder"
  apt_for "$1" apt-get update >/dev/null 2>&1
  (cd "$folder" && apt_for "$1" apt-get download "${libraries[@]}" >/dev/null) ||
    die "cannot fetch ${libraries[*]} for $1: check the network, and the mirror in /etc/apt"
  rm -r "$folder/state" "$folder/cache"
  touch "$folder/complete"
}

# blob FILE: moves a file to its place; prints "sha256:HEX SIZE".
blob() {
  local digest size
  digest=$(sha256sum <"$1")
  digest=${digest%% *}
  size=$(stat -c %s "$1")
  mv "$1" "$image/blobs/sha256/$digest"
  echo "sha256:$digest $size"
}

descriptor() { # TYPE DIGEST SIZE [MORE]
  printf '{"mediaType":"application/vnd.oci.image.%s","digest":"%s","size":%s%s}' "$@"
}

timestamp() { date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ; }

config_of() { # ARCH DIFF_ID
  cat <<END
{"created":"$(timestamp)","architecture":"$(debian_name "$1")","os":"linux","config":{
"User":"65534:65534","Entrypoint":["/usr/sbin/rpc.statd"],"Cmd":["-F","-d"],
"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/","StopSignal":"SIGTERM",
"Volumes":{"/var/lib/nfs":{}},"Labels":{
"org.opencontainers.image.title":"nsm","org.opencontainers.image.version":"$version",
"org.opencontainers.image.licenses":"MIT","org.opencontainers.image.created":"$(timestamp)"}},
"rootfs":{"type":"layers","diff_ids":["$2"]},
"history":[{"created":"$(timestamp)","created_by":"install.sh release"}]}
END
}

# Folders for the user nobody (65534) keep their owner; all else belongs to root.
archive_root() { # FILE FOLDER
  archive "$1" "$2" --exclude=./var/lib/nfs --exclude=./run --exclude=./tmp .
  tar --append --file "$1" --directory "$2" --format=gnu --sort=name --mtime="@$epoch" \
    --owner=65534 --group=65534 --numeric-owner ./run ./tmp ./var/lib/nfs
}

image_for() { # ARCH: prints the descriptor of its manifest
  local arch=$1 base=$work/base-$1 root=$work/root-$1 deb diff layer config
  fetch_libraries "$arch"
  mkdir "$base"
  for deb in "$tools/debs-$arch"/*.deb; do
    dpkg-deb --extract "$deb" "$base"
    echo "$arch $(dpkg-deb --field "$deb" Package) $(dpkg-deb --field "$deb" Version)" \
      "$(sha256sum <"$deb" | cut -c1-64)" >>"$work/libraries"
  done
  sh conf/containers/make-root "$work/nsm-$version-$arch" "$base" "$root"
  archive_root "$work/layer.tar" "$root"
  diff=sha256:$(sha256sum <"$work/layer.tar" | cut -c1-64)
  gzip -9n <"$work/layer.tar" >"$work/layer.tar.gz"
  read -ra layer < <(blob "$work/layer.tar.gz")
  config_of "$arch" "$diff" >"$work/config"
  read -ra config < <(blob "$work/config")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,%s}' \
    "\"config\":$(descriptor config.v1+json "${config[@]}" "")" \
    "\"layers\":[$(descriptor layer.v1.tar+gzip "${layer[@]}" "")]" >"$work/manifest"
  read -ra config < <(blob "$work/manifest")
  descriptor manifest.v1+json "${config[@]}" \
    ",\"platform\":{\"architecture\":\"$(debian_name "$arch")\",\"os\":\"linux\"}"
  rm -r "$base" "$root" "$work/layer.tar"
}

index_of() { # DESCRIPTORS
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "$1"
}

make_image() {
  local image=$work/image one other index
  say "Packing the image"
  mkdir -p "$image/blobs/sha256"
  one=$(set -e; image_for x86_64)
  other=$(set -e; image_for aarch64)
  index_of "$one,$other" >"$work/index"
  read -ra index < <(blob "$work/index")
  printf '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
  # A single entry: without a name or architecture, tools then choose the right image.
  index_of "$(descriptor index.v1+json "${index[@]}" \
    ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"localhost/nsm:$version\"}")" >"$image/index.json"
  archive "dist/nsm-$version.oci.tar" "$image" blobs index.json oci-layout
}
