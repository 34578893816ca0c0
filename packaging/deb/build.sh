#!/usr/bin/env bash
# Makes the three packages in TARGET_DIR/debian, and has lintian look at them: build.sh TARGET_DIR [RUST_TARGET]
#
# Without RUST_TARGET it builds what is packed, for this machine. With one it packs what a cross build left in
# TARGET_DIR/RUST_TARGET. The bytes of a package depend on its contents alone: its times are those of the changelog.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$1
triple=${2-}
cargo_deb_version=3.8.0
debs=$out/debian
# Of the two kinds of armhf, the one for the first Pis must not take the other's place.
case $triple in arm-*) debs=$debs/armv6 ;; esac

cargo_deb=$out/tools/bin/cargo-deb
if [ "$("$cargo_deb" --version 2>/dev/null)" != "cargo-deb $cargo_deb_version" ]; then
  echo "deb: cargo-deb $cargo_deb_version is not there, so it is built into $out/tools, once"
  CARGO_TARGET_DIR="$out/tools/cargo-deb-build" \
    cargo install --quiet cargo-deb --version "$cargo_deb_version" --locked --root "$out/tools"
  rm -rf "$out/tools/cargo-deb-build"
fi

# The programs, each with the profile that it is built with.
programs=("belay-agent release" "belayctl release" "belay-server server")
[ -n "$triple" ] || packaging/cross/build.sh native "${programs[@]%% *}"

# The same flags as the tests', so that what they built is used.
cargo build --locked --workspace --features failpoints --bin manuals
SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^ -- .*>  //p' packaging/deb/changelog | head -n 1)" +%s)
export SOURCE_DATE_EPOCH
version=$(sed -n '1s/.*(\(.*\)-[0-9]*).*/\1/p' packaging/deb/changelog)
grep -qx "version = \"$version\"" Cargo.toml || {
  echo "packaging/deb/changelog begins with another version than Cargo.toml says: $version." >&2
  exit 1
}

# The packages say which libc they need, for what a build machine has must not count; so that must be true.
libc=$(sed -n 's/^depends = "libc6 (>= \([0-9.]*\)).*/\1/p' Cargo.toml)
fits() {
  local newest
  newest=$(readelf --version-info "$1" | sed -n 's/.*Name: GLIBC_ABI_DT_RELR.*/2.36/p; s/.*Name: GLIBC_\([0-9][0-9.]*\).*/\1/p' | sort -V | tail -n 1)
  [ "$(printf '%s\n' "$newest" "$libc" | sort -V | tail -n 1)" = "$libc" ] && return
  echo "$1 needs libc6 $newest, but its package says that $libc is enough." >&2
  exit 1
}

# What a program is made of beside our own code, and under which licences.
libraries() {
  cargo tree --locked -p "$1" --edges normal,no-proc-macro ${triple:+--target "$triple"} --prefix none --format '{p}: {l}' |
    sed -E 's/ \((\*|proc-macro)\)//g; / \(\//d; s/^(\S+) v/\1 /' | LC_ALL=C sort -u
}

made=()
for program in "${programs[@]}"; do
  read -r name profile <<<"$program"
  built=$out/${triple:+$triple/}$profile
  if ! [ -e "$built/$name" ]; then
    echo "deb: $name is NOT packed, for $built/$name is not there (make cross)" >&2
    continue
  fi
  fits "$built/$name"
  "$out/debug/manuals" "$built/manuals"
  libraries "$name" >"$built/manuals/libraries-$name"
  made+=("$("$cargo_deb" --quiet --locked --no-build --no-strip -p "$name" --profile "$profile" \
    ${triple:+--target "$triple"} --output "$debs/")")
done
[ "${#made[@]}" -gt 0 ] || exit 1

for deb in "${made[@]}"; do
  printf '%s: %s bytes, installed %s kB, needs %s\n' "$deb" "$(stat -c %s "$deb")" \
    "$(dpkg-deb -f "$deb" Installed-Size)" "$(dpkg-deb -f "$deb" Depends)"
done
if command -v lintian >/dev/null; then
  # It finds words in machine code, others in each build.
  lintian --allow-root --suppress-tags spelling-error-in-binary --display-info --fail-on error,warning,info "${made[@]}"
  echo "deb: lintian finds nothing that is not explained in the packages' overrides"
else
  echo "deb: lintian is not installed, so the packages were NOT checked (apt-get install lintian)"
fi
