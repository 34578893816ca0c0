#!/usr/bin/env bash
# Runs a command with exactly the oldest supported rustc, wherever the machine has it: oldest-rustc.sh 1.95 COMMAND...
set -euo pipefail
floor=${1:?"usage: $0 VERSION COMMAND..."}
shift

series() {
  "$@" --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\)\..*/\1/p'
}

if [ "$(series "${RUSTC:-rustc}")" = "$floor" ]; then
  echo "rustc here is $floor, the oldest supported"
elif [ "$(series rustup run "$floor" rustc)" = "$floor" ]; then
  unset RUSTC
  export RUSTUP_TOOLCHAIN=$floor
elif [ "$(series rustup run "$floor.0" rustc)" = "$floor" ]; then
  unset RUSTC
  export RUSTUP_TOOLCHAIN=$floor.0
else
  echo "the rustc here is $(series "${RUSTC:-rustc}"); this needs $floor, the oldest supported: rustup toolchain install $floor" >&2
  exit 1
fi
exec "$@"
