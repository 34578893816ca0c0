# Releases: the bytes that are shipped, for this machine and for arm.

CROSS        := aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf arm-unknown-linux-musleabihf
# An ARMv6 is too small for a server and needs no operator's tool.
cross-programs = belay-agent $(if $(findstring musl,$(1)),,belayctl belay-server)

.PHONY: release
release: ## build the programs as they are shipped: small, reproducible, symbols in files of their own
	$(need-rust)
	$(call need,objcopy,apt-get install binutils)
	packaging/cross/build.sh native belay-agent belayctl belay-server

.PHONY: cross
cross: ## build releases for arm64, armhf and ARMv6 (Pi 1 and Zero); compilers are fetched into the target folder
	$(need-rust)
	$(need-debian)
	@set -e; $(foreach target,$(CROSS),packaging/cross/build.sh $(target) $(call cross-programs,$(target));) true

.PHONY: cross-test
cross-test: ## run what `make cross` built under qemu: on sandboxes, in an arm64 Debian, in a booted one (needs root)
	@[ "$$(id -u)" = 0 ] || { echo "make cross-test needs root: foreign roots are mounted, and the kernel is told of qemu." >&2; exit 1; }
	$(need-rust)
	$(need-debian)
	cargo build --locked --workspace $(FEATURES)
	packaging/cross/try.sh '$(TARGET_DIR)' $(CROSS)
	packaging/cross/tree.sh bookworm arm64
	packaging/deb/build.sh '$(abspath $(TARGET_DIR))' aarch64-unknown-linux-gnu
	packaging/cross/foreign.sh cargo test --locked --workspace --features failpoints,booted --test arm </dev/null

.PHONY: reproducible
reproducible: ## build the release twice in different folders and compare the bytes (PROGRAMS='belay-agent', TARGET=native)
	$(need-rust)
	packaging/cross/reproducible.sh '$(or $(TARGET),native)' $(or $(PROGRAMS),belay-agent)

.PHONY: msrv
msrv: ## build all programs with exactly the oldest supported rustc, whatever the machine has beside it
	$(need-rust)
	@packaging/cross/oldest-rustc.sh '$(RUST_FLOOR)' cargo build --locked --workspace
