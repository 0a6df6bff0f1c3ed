# What people need is `make run` and `make test`; everything else is for contributors.
# Each of them sets up what it needs and asks nothing.

CARGO ?= cargo
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/sysflow
PATH := $(HOME)/.cargo/bin:$(PATH)
export PATH

.PHONY: run test check format lint deny bench bench-live setup setup-check install clean help

run: setup ## Watch this machine with the built-in rules (root), or judge the bundled recording (anybody else)
	@$(CARGO) build --release --quiet -p sysflow
	@if $(PROGRAM) doctor --json >/dev/null 2>&1; then \
		echo "$(PROGRAM) run    (this machine; Ctrl-C ends)"; exec $(PROGRAM) run; \
	else \
		echo "This machine cannot be watched by this user ($(PROGRAM) doctor tells why)."; \
		echo "As root: sudo $(PROGRAM) run. Judging the bundled recording of an intrusion instead."; \
		echo "$(PROGRAM) run --source examples/web-intrusion.sf"; \
		exec $(PROGRAM) run --source examples/web-intrusion.sf; \
	fi

test: setup ## Run all tests
	$(CARGO) test --workspace

check: format lint deny ## Format, lints, licences and duplicate crates

format: setup
	$(CARGO) fmt --all --check

lint: setup
	$(CARGO) clippy --workspace --all-targets -- -D warnings

deny: setup-check
	$(CARGO) deny --workspace check licenses bans sources

bench: setup ## Measure, and compare with the original's Python tools where they can be installed
	bench/run.sh

bench-live: setup ## Measure what live capture costs the programs that are watched (as root)
	bench/live.sh

install: setup ## Install the program for this user
	$(CARGO) install --locked --path crates/cli

setup: ## Install what is missing: compiler, Rust
	@scripts/setup.sh build

setup-check:
	@scripts/setup.sh check

clean:
	$(CARGO) clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort
