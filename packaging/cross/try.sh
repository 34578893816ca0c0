#!/usr/bin/env bash
# Runs the agents that `make cross` built, under qemu-user: try.sh TARGET_DIR TARGET...
#
# Each says its version, checks settings, and tells the whole story of `make demo` for one device: updates, a failing
# package, a failing health check, ways back, on real apt. Needs root, because apt starts the agent too.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(readlink -f "${1:?"usage: $0 TARGET_DIR TARGET..."}")
shift
fail() {
  echo "cross: $*" >&2
  exit 1
}

# The newest version of glibc that a program asks for; Debian 12 has 2.36.
glibc_of() {
  objdump -p "$1" | sed -n 's/.* GLIBC_\([0-9.]*\)$/\1/p' | sort -V | tail -n 1
}

try() {
  local target=$1 program=$out/$1/release/belay-agent emulator glibc
  [ -x "$program" ] || fail "no $program: run make cross"
  case $target in
    aarch64-*) emulator=(qemu-aarch64-static -L /usr/aarch64-linux-gnu) ;;
    armv7-*) emulator=(qemu-arm-static -cpu cortex-a7 -L /usr/arm-linux-gnueabihf) ;;
    # The processor of the first Pi and of the Zero: what was built for a later one is killed on it.
    arm-*) emulator=(qemu-arm-static -cpu arm1176) ;;
    *) fail "unknown target $target" ;;
  esac
  glibc=$(glibc_of "$program")
  printf '\n== %s: %s bytes, needs %s\n' "$target" "$(stat -c %s "$program")" "${glibc:+glibc }${glibc:-nothing}"
  [ -z "$glibc" ] || [ "$(printf '%s\n' "$glibc" 2.36 | sort -V | tail -n 1)" = 2.36 ] || fail "glibc $glibc is newer than Debian 12's"
  "${emulator[@]}" "$program" --version | grep -x 'belay-agent [0-9.]*' || fail "$target says no version"
  "${emulator[@]}" "$program" --config config/agent.toml config check
  if "${emulator[@]}" "$program" --config /dev/null/none config check 2>/dev/null; then
    fail "$target finds settings valid that are not there"
  fi
  # What the agent starts of itself runs on qemu's default processor; the agent runs on this one.
  install -m 755 "$program" "$scratch/$target"
  printf '#!/bin/sh\nexec %s %s "$@"\n' "${emulator[*]}" "$scratch/$target" >"$scratch/belay-agent"
  chmod 755 "$scratch/belay-agent"
  packaging/cross/foreign.sh "$out/debug/demo" "$scratch/belay-agent"
}

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
chmod 755 "$scratch"

for target; do
  try "$target"
done
