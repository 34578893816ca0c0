# Everything that a person or a machine does with this tree. CI calls these targets and nothing else.
#
# One profile (dev) and one set of features serve lints and tests, so what is built once is used by both.
# CARGO_TARGET_DIR is honoured. Nothing here installs anything on the machine. Only what mounts, boots or packs for other
# machines needs root, and says so.

FEATURES     := --features failpoints
TARGET_DIR   := $(or $(CARGO_TARGET_DIR),target)
# How long all tests together may take before they are ended.
TEST_MINUTES ?= 40
# How many times `make soak` kills everything, and the seed of the instants; a failure prints the seed to use.
N            ?= 1000
SEED         ?= 1

# On a terminal the tests stay in its process group, so that Ctrl-C reaches them; CI ends the whole group.
BOUNDED      := timeout --kill-after=20 $(if $(CI),,--foreground)

.DEFAULT_GOAL := help

# Says in one sentence what is missing: $(call need,program,what to do)
need = @command -v $(1) >/dev/null || { echo "make $@ needs $(1): $(2)." >&2; exit 1; }
need-rust  = $(call need,cargo,install a Rust toolchain of at least $(RUST_FLOOR) from https://rustup.rs) \
	$(newline)$(call need,cc,apt-get install gcc libc6-dev)
need-debian = $(call need,apt-get,this is a tool for Debian and what descends from it) \
	$(newline)$(call need,dpkg-deb,apt-get install dpkg) \
	$(newline)$(call need,setsid,apt-get install util-linux)
RUST_FLOOR = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
define newline


endef

.PHONY: help
help: ## show this list
	@printf 'make ...\n'
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target words; do printf '  %-13s %s\n' "$$target" "$$words"; done

.PHONY: build
build: ## build all programs and the test kit
	$(need-rust)
	cargo build --locked --workspace

.PHONY: demo
demo: build ## tell the story on real apt in sandboxes: one device that goes back offline, then a server and a fleet
	$(need-debian)
	@'$(TARGET_DIR)/debug/demo' '$(TARGET_DIR)/debug/belay-agent' '$(TARGET_DIR)/debug/belay-server' '$(TARGET_DIR)/debug/belayctl'

.PHONY: test
test: ## run all tests (real apt and dpkg, on sandbox roots)
	$(need-rust)
	$(need-debian)
	@echo "test: installs nothing on this machine; a dpkg-repack that is missing is downloaded and unpacked privately"
	@[ "$$(id -u)" != 0 ] || echo "test: you are root, so everything in a sandbox runs as user 65534 (nobody), and root's own tests on a copy of / in memory"
	cargo test --locked --workspace $(FEATURES) --no-run
	$(BOUNDED) $(TEST_MINUTES)m cargo test --locked --workspace $(FEATURES) --no-fail-fast </dev/null

.PHONY: s3
s3: ## test artifacts in a bucket of a real S3 server (moto, downloaded into the target folder)
	$(need-rust)
	$(call need,python3,apt-get install python3-venv)
	BELAY_REQUIRE_S3=1 cargo test --locked --workspace $(FEATURES) --lib -- artifacts::tests::bucket

.PHONY: check
check: ## check format, lints, documentation, licences
	$(need-rust)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace $(FEATURES) --no-deps --document-private-items
	@if cargo deny --version >/dev/null 2>&1; then \
		echo "cargo deny: one copy of each library on a device, licences and sources of everything"; \
		cargo deny --locked --all-features check bans && \
		cargo deny --locked --workspace --all-features check licenses sources; \
	else \
		echo "check: cargo-deny is not installed, so licences and duplicates were NOT checked (cargo install cargo-deny)"; \
	fi

.PHONY: soak
soak: ## kill everything N=1000 times at random instants (SEED=1, CASE=n for one of them); old or new each time
	$(need-rust)
	$(need-debian)
	cargo build --locked --workspace $(FEATURES)
	@N='$(N)' SEED='$(SEED)' CASE='$(CASE)' REPEAT='$(REPEAT)' JOBS='$(JOBS)' \
		'$(TARGET_DIR)/debug/soak' '$(TARGET_DIR)/debug/belay-agent'

.PHONY: kill-server
kill-server: ## kill the server KILLS=100 times under load (SEED=1), on both databases; nothing acknowledged is lost
	$(need-rust)
	KILLS='$(or $(KILLS),100)' SEED='$(SEED)' cargo test --locked --workspace $(FEATURES) --test suite -- --nocapture --test-threads=1 killed::

.PHONY: simulate
simulate: ## simulate agents and server in virtual time (SEEDS=20, DEVICES=200; SEED=n replays one)
	$(need-rust)
	SEEDS='$(or $(SEEDS),20)' DEVICES='$(or $(DEVICES),200)' cargo test --locked --workspace $(FEATURES) --test suite -- simulation::every --nocapture

.PHONY: fuzz-bundles
fuzz-bundles: ## unpack CASES=1000000 hostile archives, read as many descriptions and manifests; release speed
	$(need-rust)
	CASES='$(or $(CASES),1000000)' PROPTEST_CASES='$(or $(CASES),1000000)' cargo test --locked --release --features failpoints \
		-p belay-agent -p belay-protocol --lib -- unpack::tests::hostile description::tests trust::tests bundle::manifest

.PHONY: fuzz-api
fuzz-api: ## ask the server everything its OpenAPI document allows (SEED=1, EXAMPLES=25); fetches schemathesis from PyPI
	$(need-rust)
	$(call need,python3,apt-get install python3 python3-venv)
	$(call need,curl,apt-get install curl)
	cargo build --locked --workspace
	@SEED='$(SEED)' EXAMPLES='$(or $(EXAMPLES),25)' $(BOUNDED) 10m \
		crates/server/tests/openapi/fuzz.sh '$(TARGET_DIR)/debug/belay-server' '$(TARGET_DIR)'

.PHONY: size
size: ## build the agent as it is shipped and print how many bytes it takes
	$(need-rust)
	packaging/cross/build.sh native belay-agent

.PHONY: bench
bench: ## measure the server's polls against bare programs, as ratios in one run (DEVICES=100000, SECONDS=4)
	$(need-rust)
	DEVICES='$(or $(DEVICES),100000)' SECONDS='$(or $(SECONDS),4)' \
		cargo bench --locked --profile server -p belay-server --bench polls

.PHONY: clean
clean: ## remove what was built
	$(need-rust)
	cargo clean

include packaging/make/*.mk
