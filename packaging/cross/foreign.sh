#!/usr/bin/env bash
# Runs a command as root where programs for arm64 and armhf start like this machine's own: foreign.sh COMMAND...
#
# qemu-user is made known to the kernel through a mount that only the command sees. What is made known holds for the
# machine as long as that mount does, so both end with the command. The same goes for the place where qemu looks for the
# libraries of such programs: Debian's cross compilers bring them.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "cross: $0 needs root" >&2; exit 1; }
for program in qemu-aarch64-static qemu-arm-static update-binfmts; do
  command -v "$program" >/dev/null || { echo "cross: needs $program: apt-get install qemu-user-static binfmt-support" >&2; exit 1; }
done
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rmdir "$scratch"' EXIT

# shellcheck disable=SC2016
unshare --mount --propagation private bash -euc '
  at=/proc/sys/fs/binfmt_misc
  [ -e "$at/register" ] || mount -t binfmt_misc binfmt_misc "$at"
  for machine in qemu-aarch64 qemu-arm; do
    [ -e "$at/$machine" ] || update-binfmts --enable "$machine"
    grep -q "^flags:.*F" "$at/$machine" || { echo "cross: $machine is not set up for other roots (flag F)" >&2; exit 1; }
  done
  mount -t tmpfs -o size=16m tmpfs "$1"
  mkdir "$1/upper" "$1/work"
  mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" overlay /etc
  mkdir -p /etc/qemu-binfmt
  ln -sfn /usr/aarch64-linux-gnu /etc/qemu-binfmt/aarch64
  ln -sfn /usr/arm-linux-gnueabihf /etc/qemu-binfmt/arm
  shift
  exec "$@"
' foreign "$scratch" "$@"
