#!/usr/bin/env bash
# Fetches what cross builds need into target/tools/cross, as any user, without touching this machine's packages.
#
# fetch.sh rust    rustc with the standard libraries for arm64 and armhf, and lld, from this machine's Debian archives
# fetch.sh zig     zig and cargo-zigbuild, from the package index pip is set to
# fetch.sh mirror  only prints the address of the Debian archive that this machine uses
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/cross/pins.sh
tools=$(readlink -m "${CARGO_TARGET_DIR:-target}")/tools/cross

need() {
  command -v "$1" >/dev/null || { echo "cross: needs $1: $2" >&2; exit 1; }
}

# apt with a state of its own: the machine's sources, also for arm64, and an empty list of installed packages.
apt_private() {
  APT_CONFIG=$tools/apt/apt.conf apt-get -qq "$@"
}

prepare_apt() {
  local state=$tools/apt
  mkdir -p "$state"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
  : >"$state/status"
  cat >"$state/apt.conf" <<END
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Etc "$state/etc";
Acquire::Languages "none";
END
  archives | while read -r uri suite; do
    echo "deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
  done >"$state/etc/sources.list"
  [ -s "$state/etc/sources.list" ] || { echo "cross: no Debian archive among this machine's apt sources (apt-get update?)" >&2; exit 1; }
  apt_private update
}

# "URI SUITE" of every Debian archive that the machine itself installs from.
archives() {
  apt-get indextargets --format "\$(ORIGIN) \$(COMPONENT) \$(REPO_URI) \$(RELEASE)" 'Created-By: Packages' |
    sed -n 's/^Debian main //p' | sort -u
}

fetch_rust() {
  local into=$tools/rust
  [ "$(cat "$into/complete" 2>/dev/null)" != "$RUST_DEB $LLVM_DEB" ] || return 0
  rm -rf "$into"
  need dpkg-deb "apt-get install dpkg"
  need curl "apt-get install curl"
  [ "$(. /etc/os-release && echo "$VERSION_CODENAME") $(dpkg --print-architecture)" = "bookworm amd64" ] || {
    echo "cross: these builds start from Debian 12 (bookworm) on amd64, whose archive has rustc $RUST_DEB" >&2
    exit 1
  }
  echo "cross: fetching rustc $RUST_DEB from Debian into $into"
  prepare_apt
  local debs=$tools/debs
  rm -rf "$debs"
  mkdir -p "$debs"
  (
    cd "$debs"
    apt_private download "rustc-web=$RUST_DEB" "libstd-rust-web-$RUST_SERIES=$RUST_DEB" "rust-web-src=$RUST_DEB" \
      "libstd-rust-web-dev:amd64=$RUST_DEB" "libstd-rust-web-dev:arm64=$RUST_DEB" \
      "libllvm$LLVM_SERIES=$LLVM_DEB" "lld-$LLVM_SERIES=$LLVM_DEB"
  )
  fetch_armhf_std "$debs"
  local deb
  for deb in "$debs"/*.deb; do
    dpkg-deb -x "$deb" "$into"
  done
  rm -r "$debs"
  write_wrapper "$into" rustc usr/bin/rustc
  write_wrapper "$into" ld.lld "usr/lib/llvm-$LLVM_SERIES/bin/ld.lld"
  "$into/rustc" --version
  echo "$RUST_DEB $LLVM_DEB" >"$into/complete"
}

# Beside its arm64 sister in the pool; whoever serves it, only these bytes are taken.
fetch_armhf_std() {
  local sister url file
  sister=$(apt_private download --print-uris "libstd-rust-web-dev:arm64=$RUST_DEB" | cut -d\' -f2)
  url=${sister%_arm64.deb}_armhf.deb
  file=$1/libstd-rust-web-dev_armhf.deb
  curl -fsSL --retry 3 -o "$file" "$url"
  echo "$RUST_ARMHF_SHA256  $file" | sha256sum --check --quiet
}

# write_wrapper FOLDER NAME PROGRAM: a program that finds its own libraries wherever it was unpacked.
write_wrapper() {
  cat >"$1/$2" <<END
#!/bin/sh
# $2 of Debian, unpacked privately.
here=\$(dirname "\$(readlink -f "\$0")")
LD_LIBRARY_PATH=\$here/usr/lib/x86_64-linux-gnu:\$here/usr/lib/llvm-$LLVM_SERIES/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "\$here/$3" "\$@"
END
  chmod 755 "$1/$2"
}

fetch_zig() {
  local into=$tools/zig
  [ "$(cat "$into/complete" 2>/dev/null)" != "$ZIG $ZIGBUILD" ] || return 0
  rm -rf "$into"
  need python3 "apt-get install python3 python3-venv"
  echo "cross: fetching zig $ZIG and cargo-zigbuild $ZIGBUILD into $into"
  python3 -m venv "$into"
  "$into/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "ziglang==$ZIG" "cargo-zigbuild==$ZIGBUILD"
  echo "$ZIG $ZIGBUILD" >"$into/complete"
}

case ${1:-} in
  rust) fetch_rust ;;
  zig) fetch_zig ;;
  mirror) archives | awk -v own="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == own { print $1; exit }' ;;
  *) echo "usage: $0 rust|zig|mirror" >&2; exit 2 ;;
esac
