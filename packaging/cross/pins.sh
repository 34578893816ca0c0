# What the cross builds are made with, by version and digest. Sourced by the scripts beside it.
# shellcheck shell=bash disable=SC2034

# Debian's newest rustc for a stable release. Its standard libraries for other machines belong to exactly this build.
RUST_DEB=1.96.0+dfsg1-1~deb12u2
RUST_SERIES=1.96
# What it generates code with; its linker makes smaller programs than GNU's.
LLVM_SERIES=22
LLVM_DEB=1:22.1.8-1~deb12u1
# The armhf index of the security archive cannot be verified (it is stale), so this one file is held by its digest.
RUST_ARMHF_SHA256=b9f9dd1d03a903680f918cb2bba00a2a3d76558545d5e6a8061072ab461bb989
# From PyPI: a C compiler and linker with a libc for every machine, and what shows it to cargo.
ZIG=0.17.0
ZIGBUILD=0.24.0
