# Everything is done from here: `make` lists the targets.

SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
# Each step uses all cores by itself.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The interpreter that .venv is made of, and where it and the cargo tools of the gates go.
PYTHON ?= python3
VENV ?= .venv
TOOLS ?= .cache/tools
AZURITE ?= .cache/azurite
export RAVELER_AZURITE := $(abspath $(AZURITE))

BIN := $(VENV)/bin
STEP := tools/step
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin

# What the extension is built from. Python files are not: they are imported from python/ as they stand.
SOURCES := Cargo.toml Cargo.lock pyproject.toml \
	$(shell find crates -name Cargo.toml -o -path '*/src/*' -name '*.rs')

# Every cargo command sees the interpreter of the build, or PyO3 would be compiled again for each.
export PYO3_PYTHON := $(abspath $(BIN)/python)
# Tests and lints need lines in a backtrace, not variables in a debugger: half the time, a fifth of the disk.
export CARGO_PROFILE_DEV_DEBUG := line-tables-only

# Loom replaces the atomics of everything below it, so its build stands apart.
LOOM_CRATES := -p raveler-sync -p raveler-shm
LOOM := env RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true cargo

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- use

.PHONY: install demo
install: $(VENV)/.raveler ## Build raveler in release mode into .venv (PYTHON= chooses the interpreter)
	@echo "raveler is in $(VENV): $(BIN)/raveler doctor tells about this machine"

demo: install $(VENV)/.demo ## Index the standard library: fetch, parse, write at once, beside the same by hand
	@$(STEP) "demo" $(BIN)/python examples/index_library.py --index .cache/library.sqlite
	@$(STEP) "search" $(BIN)/python examples/index_library.py --index .cache/library.sqlite search heappush "*_lock" fsum

# ---- test

.PHONY: test test-rust test-loom test-python servers soak
test: test-rust test-loom test-python ## Run every test but the soak

# The binding is conversion only and links with no interpreter: pytest tests it.
test-rust: $(VENV)/.made
	@if cargo nextest --version >/dev/null 2>&1; then \
		$(STEP) "rust tests" cargo nextest run --locked --workspace --all-features --exclude raveler-python && \
		$(STEP) "rust doc tests" cargo test --locked --quiet --doc --workspace --all-features --exclude raveler-python; \
	else \
		$(STEP) "rust tests" cargo test --locked --quiet --workspace --all-features --exclude raveler-python; \
	fi

test-loom: $(VENV)/.made
	@$(STEP) "loom models" $(LOOM) test --locked --quiet --release $(LOOM_CRATES) --lib --tests

# CPython's own executor tests come with its 3.13: where this machine has one, they run on it.
test-python: install $(VENV)/.lint $(AZURITE)/.made
	@python313="$$($(BIN)/python tools/find_python.py 3.13)"; \
	if [ -n "$$python313" ]; then \
		$(STEP) "raveler for CPython 3.13" env CARGO_TARGET_DIR=target/py313 \
			$(MAKE) --no-print-directory install PYTHON="$$python313" VENV=.venv-3.13 || exit 1; \
		export RAVELER_PY313="$(CURDIR)/.venv-3.13"; \
	else \
		echo "no CPython 3.13 found: its own executor tests are skipped (pyenv install 3.13 brings it)"; \
	fi; \
	$(STEP) "python tests" $(BIN)/python -m pytest
	@$(STEP) "examples in the documents" $(BIN)/python tools/doc_examples.py README.md docs/*.md docs/guide/*.md

# Servers that no Python package carries; their tests are skipped, with this target named, where they are missing.
servers: $(AZURITE)/.made ## Install nginx and MariaDB (as root, on Debian) and the Azure emulator for the I/O tests
	@$(STEP) "servers from Debian" tools/install_servers.sh

soak: install $(VENV)/.test ## Kill 10,000 workers during 1,000,000 tasks (minutes)
	@$(STEP) "soak" $(BIN)/python -m pytest -m soak --timeout 3600

# ---- measure

.PHONY: bench-parallel bench-io bench-flow
bench-parallel: install $(VENV)/.bench ## Measure every figure beside its peers (minutes; ARGS= goes to the runner)
	@$(BIN)/python -m bench.parallel $(ARGS)

bench-io: install $(VENV)/.bench ## Measure requests, transfers and databases beside their peers (ARGS= goes to the runner)
	@$(BIN)/python -m bench.io $(ARGS)

bench-flow: install $(VENV)/.bench ## Measure pipelines: the main job, each item, memory, the journal (ARGS= too)
	@$(BIN)/python -m bench.flow $(ARGS)

# ---- lint: cheap first; `make -k lint` shows all that is wrong

.PHONY: lint lint-shape lint-rustfmt lint-ruff lint-typos lint-imports lint-machete lint-deny lint-mypy lint-pyright \
	lint-clippy lint-clippy-loom lint-stubs fmt lock
lint: ## Run the gates: format, lints, layers, types, licences, spelling
lint: lint-shape lint-rustfmt lint-ruff lint-typos lint-imports lint-machete lint-deny lint-mypy lint-pyright
lint: lint-clippy lint-clippy-loom lint-stubs

lint-shape: $(VENV)/.made
	@$(STEP) "file shape" $(BIN)/python tools/file_shape.py
	@$(STEP) "document paths" $(BIN)/python tools/doc_paths.py

lint-rustfmt:
	@$(STEP) "rustfmt" cargo fmt --all --check

lint-ruff: $(VENV)/.lint
	@$(STEP) "ruff" $(BIN)/ruff check --quiet
	@$(STEP) "ruff format" $(BIN)/ruff format --quiet --check

lint-typos: $(VENV)/.lint
	@$(STEP) "typos" $(BIN)/typos

lint-imports: $(VENV)/.lint
	@$(STEP) "import layers" env PYTHONPATH=python $(BIN)/lint-imports --no-cache

lint-machete: $(TOOLS)/cargo-machete-0.9.2/bin/cargo-machete
	@$(STEP) "cargo-machete" $< crates

# Advisories are not asked for: their database is a repository of its own, which a build must not depend on.
lint-deny: $(TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
	@$(STEP) "cargo-deny" $< --log-level error check licenses bans sources

lint-mypy: $(VENV)/.lint
	@$(STEP) "mypy" $(BIN)/mypy

lint-pyright: $(VENV)/.lint
	@$(STEP) "pyright" $(BIN)/pyright --pythonpath $(BIN)/python

lint-clippy: $(VENV)/.made
	@$(STEP) "clippy" cargo clippy --locked --quiet --workspace --all-targets --all-features -- -D warnings

lint-clippy-loom: $(VENV)/.made
	@$(STEP) "clippy under loom" $(LOOM) clippy --locked --quiet --release $(LOOM_CRATES) --lib --tests -- -D warnings

lint-stubs: install $(VENV)/.lint
	@$(STEP) "stubtest" $(BIN)/stubtest raveler._raveler --allowlist tools/stubtest-allowed.txt

fmt: $(VENV)/.lint ## Format Rust and Python, and apply what ruff can mend
	@cargo fmt --all
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

lock: $(VENV)/.lint ## Write requirements/*.txt from *.in (ARGS=--upgrade takes the newest versions)
	@tools/lock.sh $(abspath $(BIN)/uv) $(ARGS)

# ---- documents

.PHONY: docs
docs: install $(VENV)/.docs ## Write the reference into site/: the Python API and the crates
	@$(STEP) "rust reference" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --workspace --no-deps
	@rm -rf site && mkdir site && cp -r target/doc site/rust
	@$(STEP) "python reference" $(BIN)/pdoc --docformat google --output-directory site/python raveler
	@echo "open site/python/index.html and site/rust/raveler/index.html"

# ---- clean

.PHONY: clean
clean: ## Remove everything that make made, but for the cargo tools in .cache
	rm -rf .venv .venv-3.13 target site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find python tests bench examples tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	rm -f python/raveler/*.so

# ---- what the targets stand on; each stamp says that its step was done with these inputs

$(VENV)/.made: requirements/build.txt
	@tools/check-tools.sh $(PYTHON)
	@$(STEP) "virtual environment" $(PYTHON) -m venv --clear $(VENV)
	@$(STEP) "build tools" $(PIP) install --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/.test $(VENV)/.bench $(VENV)/.demo $(VENV)/.docs: $(VENV)/.%: requirements/%.txt $(VENV)/.made
	@$(STEP) "$* tools" $(PIP) install --require-hashes -r $<
	@touch $@

# pyright fetches its own body from npm when it first starts: here, not in a test that has a timeout.
$(VENV)/.lint: requirements/lint.txt $(VENV)/.made
	@$(STEP) "lint tools" $(PIP) install --require-hashes -r $<
	@$(STEP) "pyright" $(BIN)/pyright --version
	@touch $@

$(VENV)/.raveler: $(SOURCES) $(VENV)/.made
	@$(STEP) "raveler, release build" $(MATURIN) develop --quiet --release --locked
	@$(BIN)/python -m compileall -q python/raveler
	@touch $@

$(TOOLS)/cargo-machete-%/bin/cargo-machete:
	@$(STEP) "build cargo-machete" cargo install --quiet --locked --root $(TOOLS)/cargo-machete-$* cargo-machete@$*

$(TOOLS)/cargo-deny-%/bin/cargo-deny:
	@$(STEP) "build cargo-deny" cargo install --quiet --locked --root $(TOOLS)/cargo-deny-$* cargo-deny@$*

# Without npm the tests of Azure say so and are skipped; nothing else needs it.
$(AZURITE)/.made:
	@mkdir -p $(AZURITE)
	@if command -v npm >/dev/null; then \
		$(STEP) "Azure emulator" npm install --silent --no-audit --no-fund --prefix $(AZURITE) azurite@3.35.0; \
	else \
		echo "no npm found: the tests of Azure are skipped"; \
	fi
	@touch $@
