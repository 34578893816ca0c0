#!/usr/bin/env bash
# Makes a Debian tree for another machine, once: tree.sh SUITE ARCHITECTURE prints its folder. Takes minutes; needs root.
set -euo pipefail
here=$(readlink -f "$(dirname "$0")")
cd "$here/../.."
suite=${1:?"usage: $0 SUITE ARCHITECTURE"}
architecture=${2:?"usage: $0 SUITE ARCHITECTURE"}
roots=$(readlink -m "${CARGO_TARGET_DIR:-target}")/lab/roots
tree=$roots/$suite-$architecture
# The same as in the trees for this machine.
packages=$(sed -n 's/^const PACKAGES: &str = "\(.*\)";$/\1/p' crates/lab/src/base.rs)

if ! [ -d "$tree" ]; then
  for program in mmdebstrap arch-test; do
    command -v "$program" >/dev/null || { echo "cross: needs $program: apt-get install $program" >&2; exit 1; }
  done
  mirror=$(packaging/cross/fetch.sh mirror)
  mkdir -p "$roots"
  rm -rf --one-file-system "$tree.half"
  echo "cross: making a Debian $suite for $architecture in $tree" >&2
  packaging/cross/foreign.sh mmdebstrap --quiet --mode=root --arch="$architecture" --variant=apt --format=directory \
    --include="$packages" "$suite" "$tree.half" "$mirror" >&2
  mv "$tree.half" "$tree"
fi
echo "$tree"
