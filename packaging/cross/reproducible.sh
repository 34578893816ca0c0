#!/usr/bin/env bash
# Builds release programs twice, as two people would (another folder, registry, umask, hour), and compares every byte of
# programs and debug files: reproducible.sh TARGET PACKAGE...
#
# Both are of the tree as it is now, with the same compilers, and say the same time where one is said: that of the commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 1 ] || { echo "usage: $0 TARGET PACKAGE..." >&2; exit 2; }
target=$1
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# The tools that cross builds fetch are the same for both.
tools=$(readlink -m "${CARGO_TARGET_DIR:-target}")/tools
work=$(mktemp -d "${TMPDIR:-/tmp}/belay-reproducible-XXXXXX")
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# copy_for PERSON FOLDER: the tree as it is now, and a registry at a place of its own.
copy_for() {
  mkdir -p "$work/$1/$2" "$work/$1/cargo" "$work/$1/out/tools"
  ln -s "$cargo_home/registry" "$work/$1/cargo/registry"
  [ ! -d "$tools/cross" ] || ln -s "$tools/cross" "$work/$1/out/tools/cross"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -c 2>/dev/null | tar -x -C "$work/$1/$2"
}

# build_as PERSON FOLDER UMASK PACKAGE...
build_as() {
  (
    umask "$3"
    export CARGO_HOME=$work/$1/cargo CARGO_TARGET_DIR=$work/$1/out
    cd "$work/$1/$2"
    shift 3
    packaging/cross/build.sh "$target" "$@"
  )
}

shift
copy_for first src
copy_for second a/longer/path/to/the/same
build_as first src 022 "$@"
build_as second a/longer/path/to/the/same 077 "$@"

differ=0
for package; do
  place=out/release
  [ "$target" = native ] || place=out/$target/release
  [ "$package" != belay-server ] || place=${place%release}server
  for file in "$package" "$package.debug"; do
    if cmp "$work/first/$place/$file" "$work/second/$place/$file"; then
      (cd "$work/first/$place" && sha256sum "$file")
    else
      differ=1
    fi
  done
done
[ "$differ" = 0 ] || { echo "reproducible: two builds for $target differ" >&2; exit 1; }
echo "reproducible: both builds for $target gave the same bytes"
