# Booted Debian systems on which the .debs run.

.PHONY: system-test
system-test: ## boot Debian systems with the .debs on them and try what only systemd shows (needs root; TEST=name for some)
	$(need-rust)
	@[ "$$(id -u)" = 0 ] || { echo "make system-test needs root: it boots containers." >&2; exit 1; }
	$(call need,systemd-nspawn,apt-get install systemd-container)
	$(call need,mmdebstrap,apt-get install mmdebstrap)
	$(call need,gpg,apt-get install gnupg)
	@$(MAKE) --no-print-directory deb
	cargo test --locked --workspace $(FEATURES),booted --test system --no-run
	$(BOUNDED) 20m cargo test --locked --workspace $(FEATURES),booted --test system -- --test-threads=4 $(TEST) </dev/null
