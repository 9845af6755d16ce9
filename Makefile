# `make` lists what there is to do.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run run-full test client check smoke load bench bench-peers clean

URL ?= http://127.0.0.1:8080
# The program tells its revision as `build_info`.
BUILD = REJOIN_REVISION=$$(git describe --always --dirty 2>/dev/null || echo unknown) cargo build --release --locked

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build for release and serve on http://127.0.0.1:8080 (the first build takes some minutes)
	$(BUILD)
	exec target/release/rejoin serve

run-full: ## The same on a Postgres and a Redis of its own, which end with it
	$(BUILD)
	set -a; eval "$$(SERVICES_FOR=$$$$ scripts/services up)"; SESSION_REDIS_READTHROUGH_ENABLED=true exec target/release/rejoin serve

test: ## Everything that must pass before a change lands
	scripts/prepare
	cargo fmt --check
	promtool check config --lint=all --lint-fatal config/prometheus/prometheus.yml
	promtool test rules config/prometheus/tests/*.yml
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked
	npm --prefix clients/js ci --no-audit --no-fund
	npm --prefix clients/js test
	npm --prefix web ci --no-audit --no-fund
	scripts/with-server scripts/smoke
	urls=$$(SERVICES_FOLDER=$${TMPDIR:-/tmp}/rejoin-smoke-$$$$ SERVICES_FOR=$$$$ scripts/services up); set -a; eval "$$urls"; \
	export SESSION_REDIS_READTHROUGH_ENABLED=true; scripts/with-server scripts/smoke; \
	unset DATABASE_URL; scripts/with-server npm --prefix web test

client: ## Build the JavaScript client and test it, against a server too
	scripts/prepare
	cargo build --locked
	npm --prefix clients/js ci --no-audit --no-fund
	npm --prefix clients/js test

check: ## Lints, documentation, licences and origins of what we depend on
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

smoke: ## Check a running server: make smoke URL=http://127.0.0.1:8080
	scripts/smoke $(URL)

load: ## Put servers of their own under load, each scenario for half a minute; pages go to target/load
	$(BUILD)
	mkdir -p target/load
	for scenario in "play --games 200" "play --games 200 --rate 2" "storm --cold none" "storm --cold all" "idle --connections 2000" away churn mixed; do \
		echo; read -r name _ <<< "$$scenario"; \
		target/release/rejoin load $$scenario --spawn --report "target/load/$$name.html"; \
	done

bench: ## Measure a shard's memory, then a server of its own: six games, fifty times over
	cargo bench --locked
	$(BUILD)
	REJOIN=target/release/rejoin scripts/with-server target/release/rejoin smoke --rounds 50 --timeout 600

bench-peers: ## Measure Rejoin beside Socket.IO and Centrifugo, a quarter of an hour; writes docs/performance.md
	cargo bench --locked --bench peers -- --write docs/performance.md

clean: ## Remove what was built; games and secrets in data/ stay
	cargo clean
