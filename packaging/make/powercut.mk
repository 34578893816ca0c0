# What proves that the power may go at any instant. docs/verification.md tells how, and what came of it last.

POWERCUT = '$(TARGET_DIR)/debug/powercut' --target '$(TARGET_DIR)' --seed '$(SEED)'
# Says in one sentence what is missing before anything is built for nothing.
need-powercut = $(need-rust) \
	$(newline)@[ "$$(id -u)" = 0 ] || { echo "make $@ needs root: images are mounted and booted in containers." >&2; exit 1; } \
	$(newline)@[ -e /dev/loop-control ] || { echo "make $@ needs loop devices: there is no /dev/loop-control here." >&2; exit 1; }
need-agent-deb = @ls '$(TARGET_DIR)'/debian/belay-agent_*_amd64.deb >/dev/null 2>&1 || { echo "make $@ needs the agent's package: make deb." >&2; exit 1; }

.PHONY: powercut
powercut: ## try N=20 disks that a power cut may leave, chosen by SEED=1, each booted and judged; CASE=n for one
	$(need-powercut)
	$(need-agent-deb)
	cargo build --locked --workspace $(FEATURES) --bin powercut
	@$(POWERCUT) run $(if $(CASE),--case '$(CASE)',-n '$(if $(filter file,$(origin N)),20,$(N))')

.PHONY: verify-long
verify-long: ## try every disk that a power cut may leave (SHARD=i/n for a part, SEED=1); goes on where it was stopped
	$(need-powercut)
	$(need-agent-deb)
	cargo build --locked --workspace $(FEATURES) --bin powercut
	@$(POWERCUT) run $(if $(SHARD),--shard '$(SHARD)')

.PHONY: powercut-live
powercut-live: ## cut the power of ten live machines while they unpack, configure, capture and commit; CASE=n for one
	$(need-powercut)
	$(need-agent-deb)
	cargo build --locked --workspace $(FEATURES) --bin powercut
	@$(POWERCUT) kill $(if $(CASE),--case '$(CASE)')
