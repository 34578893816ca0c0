# Debian packages of agent, server and belayctl, and their trial in fresh Debian roots.

.PHONY: deb
deb: ## make the three .debs in target/debian and check them by lintian (TARGET=aarch64-unknown-linux-gnu packs a cross build)
	$(need-rust)
	$(need-debian)
	@packaging/deb/build.sh '$(abspath $(TARGET_DIR))' '$(TARGET)'

.PHONY: deb-test
deb-test: deb ## install, upgrade, remove and purge the .debs in fresh Debian roots (needs root)
	@[ "$$(id -u)" = 0 ] || { echo "make deb-test needs root: it mounts and changes root." >&2; exit 1; }
	$(call need,mmdebstrap,apt-get install mmdebstrap)
	cargo test --locked --workspace --features failpoints,booted --test packages </dev/null
