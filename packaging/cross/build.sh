#!/usr/bin/env bash
# Builds release programs: the same bytes from every folder and at every time, symbols in a file beside each.
#
# build.sh TARGET PACKAGE...    TARGET is native, aarch64-unknown-linux-gnu, armv7-unknown-linux-gnueabihf or
#                               arm-unknown-linux-musleabihf; what another machine needs is fetched first
#
# target/release (or target/TARGET/release; server/ instead of release/ for belay-server) then holds PROGRAM, stripped,
# and PROGRAM.debug for debuggers.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/cross/pins.sh

target=${1:?"usage: $0 TARGET PACKAGE..."}
shift
[ $# -gt 0 ] || { echo "usage: $0 TARGET PACKAGE..." >&2; exit 2; }
folder=$(readlink -m "${CARGO_TARGET_DIR:-target}")
tools=$folder/tools/cross
rust_flags=()
c_flags=()
link_flags=(-Clink-arg=-Wl,--build-id=sha1)

need() {
  command -v "$1" >/dev/null || { echo "cross: needs $1: apt-get install $2" >&2; exit 1; }
}

# Where this is built must not be seen in what is built.
hide() {
  rust_flags+=("--remap-path-prefix=$1=$2")
  c_flags+=("-ffile-prefix-map=$1=$2")
}

flags_for_everywhere() {
  hide "$PWD" /belay
  hide "$folder" /belay/target
  local cargo_home=${CARGO_HOME:-$HOME/.cargo} registry
  hide "$cargo_home" /cargo
  # Compilers work in the registry's folders, and know them by their real names.
  registry=$(readlink -m "$cargo_home/registry")
  [ "$registry" = "$cargo_home/registry" ] || hide "$registry" /cargo/registry
  export LC_ALL=C.UTF-8 TZ=UTC ZERO_AR_DATE=1
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
  export SOURCE_DATE_EPOCH
}

# Code that recurs becomes a function; functions of equal code become one; relocations are packed (glibc 2.36 and later
# read them; this and the line before need lld). The server's panics unwind, so it keeps its tables, and is not small.
smaller=(
  -Cllvm-args=-enable-machine-outliner
  -Clink-arg=-Wl,--icf=all
  -Clink-arg=-Wl,-z,pack-relative-relocs
  -Clink-arg=-Wl,--no-eh-frame-hdr
  -Clink-arg=-Wl,-T,packaging/cross/no-unwind-tables.ld
)

# Debian's rustc has the standard libraries of other machines; cargo is whichever the machine has.
debian_rustc() {
  packaging/cross/fetch.sh rust
  export RUSTC=$tools/rust/rustc
  unset RUSTUP_TOOLCHAIN
}

# gcc_toolchain PREFIX PACKAGES: Debian's cross compiler links and compiles for the target.
gcc_toolchain() {
  need "$1-gcc" "$2"
  local name=${target//-/_}
  export "CARGO_TARGET_${name^^}_LINKER=$1-gcc" "CC_$name=$1-gcc" "AR_$name=$1-ar"
  link_flags+=("-Clink-arg=-B$tools/rust" -Clink-arg=-fuse-ld=lld)
  binutils=$1-
}

# Debian's ARM compilers know no processor older than ARMv7, so zig links for the first Pis and compiles the C parts,
# and cargo builds the standard library too.
zig_toolchain() {
  need arm-linux-gnueabihf-objcopy binutils-arm-linux-gnueabihf
  packaging/cross/fetch.sh zig
  PATH=$tools/zig/bin:$PATH
  export RUSTC_BOOTSTRAP=1
  # zig brings its own start files and libc.
  rust_flags+=("-Clink-self-contained=no")
  hide "$tools/rust/usr/lib/rustlib/src/rust" /rust
  cargo_build=(cargo-zigbuild rustc -Z build-std=std,panic_abort)
  binutils=arm-linux-gnueabihf-
}

# Whether rustc's linker takes what only lld understands.
links_with_lld() {
  local scratch linked=1
  scratch=$(mktemp -d)
  echo 'fn main() {}' >"$scratch/empty.rs"
  "${RUSTC:-rustc}" -Clink-arg=-Wl,--icf=all -o "$scratch/empty" "$scratch/empty.rs" 2>/dev/null && linked=0
  rm -r "$scratch"
  return "$linked"
}

cargo_build=(cargo rustc)
binutils=
flags_for_everywhere
case $target in
  native)
    # rustup's rustc for amd64 links with an lld of its own; others are told to use the machine's.
    if ! links_with_lld; then
      need ld.lld lld
      link_flags+=(-Clink-arg=-fuse-ld=lld)
    fi
    ;;
  aarch64-unknown-linux-gnu)
    debian_rustc
    gcc_toolchain aarch64-linux-gnu "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    ;;
  armv7-unknown-linux-gnueabihf)
    debian_rustc
    gcc_toolchain arm-linux-gnueabihf "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
    ;;
  arm-unknown-linux-musleabihf)
    debian_rustc
    zig_toolchain
    # zig's linker knows none of the others.
    smaller=(-Cllvm-args=-enable-machine-outliner)
    ;;
  *) echo "cross: unknown target $target" >&2; exit 2 ;;
esac

place=$folder
if [ "$target" != native ]; then
  cargo_build+=(--target "$target")
  place=$folder/$target
fi
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${rust_flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
export CFLAGS="${CFLAGS:+$CFLAGS }${c_flags[*]}"

# Takes the symbols of a program into a file beside it, which debuggers find by the program's build id.
split() {
  "${binutils}objcopy" --only-keep-debug "$1" "$1.debug"
  "${binutils}strip" --strip-all -o "$1.new" "$1"
  (cd "$(dirname "$1")" && "${binutils}objcopy" --add-gnu-debuglink="$(basename "$1").debug" "$1.new")
  # A new file: cargo's own copy keeps its symbols.
  chmod 755 "$1.new"
  chmod 644 "$1.debug"
  mv "$1.new" "$1"
}

for package; do
  # The server is built for speed.
  profile=release
  [ "$package" != belay-server ] || profile=server
  flags=("${link_flags[@]}")
  [ "$profile" = server ] || flags+=("${smaller[@]}")
  "${cargo_build[@]}" --locked --profile "$profile" -p "$package" --bin "$package" -- "${flags[@]}"
  split "$place/$profile/$package"
  printf '%s for %s: %s bytes\n' "$package" "$target" "$(stat -c %s "$place/$profile/$package")"
done
