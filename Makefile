# One way in: what CI runs is what a person runs.
.DEFAULT_GOAL := help
PROMPT ?= a timelapse of a city skyline at dusk
DEMO := demo
CARGO ?= cargo
MINUTES ?= 30
# Where cargo builds.
TARGET = $$($(CARGO) metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
# Where the command lies once it is built.
COMMAND = $(TARGET)/debug/infrai

# AddressSanitizer needs nightly features, which RUSTC_BOOTSTRAP allows in a stable compiler.
SANITIZER ?= none
FUZZ_OPTIONS = --sanitizer $(SANITIZER)
ifneq ($(SANITIZER),none)
export RUSTC_BOOTSTRAP = 1
endif

# Where `make python` installs.
DEVELOP = $(or $(VIRTUAL_ENV),$(CURDIR)/.cache/python/dev)
PIP_WHEEL = python3 -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir

# LANG is also the shell's locale: only `make conformance LANG=rust` names a language.
LANGUAGE := $(if $(filter command line,$(origin LANG)),$(LANG),all)

.PHONY: help
help: ## Show what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: command
command:
	@echo "Building the command (a few minutes the first time) …"
	@$(CARGO) build --locked --package infrai-cli

.PHONY: demo
demo: command ## Turn a sentence into a playable MP4 on the embedded sandbox (PROMPT="…" for your own)
	@mkdir -p $(DEMO)
	@"$(COMMAND)" --sandbox --data-dir $(DEMO)/sandbox video generate "$(PROMPT)" --output $(DEMO)/video.mp4 --overwrite

.PHONY: sandbox
sandbox: command ## Serve the sandbox on this machine until Ctrl-C (PORT=4010: there)
	@exec "$(COMMAND)" sandbox $(if $(PORT),--port $(PORT))

.PHONY: test
test: ## Run every test of every language; ends with "N passed, N failed"
	@python3 scripts/test.py

.PHONY: check
check: ## What to run before a commit, under two minutes once built: format, lints, layers, the core, conformance, Python and Node
	@python3 scripts/test.py format words layers versions clippy conformance-rust
	@$(CARGO) test --locked --quiet --package infrai --lib
	@$(MAKE) --no-print-directory python
	@cd bindings-python && INFRAI_CLI="$$(../scripts/programs)/infrai" "$(DEVELOP)/bin/python" -m pytest -q -m core
	@bindings-node/run-tests --quick

.PHONY: python
python: ## Install the Python package for development, into the active environment or .cache/python/dev: Python changes need no rebuild
	@[ -n "$(VIRTUAL_ENV)" ] || [ -e "$(DEVELOP)/bin/python" ] || python3 -m venv "$(DEVELOP)"
	@"$(DEVELOP)/bin/python" -m pip install --quiet --disable-pip-version-check maturin==1.16.0 --requirement bindings-python/tests/requirements.txt
	@python3 scripts/pages.py python
	@cd bindings-python && PATH="$(DEVELOP)/bin:$$PATH" VIRTUAL_ENV="$(DEVELOP)" maturin develop --locked --quiet
	@echo 'Installed for "$(DEVELOP)/bin/python"'

.PHONY: node
node: ## Build the npm package for development: `npm install …/bindings-node` then links a project to the checkout
	@node bindings-node/scripts/local.mjs --develop

.PHONY: test-long
test-long: ## The long tests and measurements: half an hour of torture, fuzzing, and the benchmarks
	@cargo clippy --locked -p infrai-uniffi-bindgen -- -D warnings
	@$(MAKE) --no-print-directory torture MINUTES=$(MINUTES)
	@$(MAKE) --no-print-directory fuzz SECONDS=300
	@$(MAKE) --no-print-directory bench LONG=1

.PHONY: test-rust
test-rust: ## Run the tests of the core, the sandbox, the command and the scripted server
	@python3 scripts/test.py rust docs

.PHONY: test-python
test-python: ## Test the Python package from its wheel, on every CPython from 3.10 that is here
	@python3 scripts/test.py python conformance-python

.PHONY: test-node
test-node: ## Test the npm package from its tarball, on every Node.js that can be had, and the provider for the AI SDK
	@python3 scripts/test.py node conformance-node ai-sdk

.PHONY: test-kotlin
test-kotlin: ## Test the Kotlin package with this machine's Maven and JDK; FETCH_TOOLCHAINS=1 (as root) installs them
	@python3 scripts/test.py kotlin conformance-kotlin

.PHONY: test-swift
test-swift: ## Test the Swift package with the swift of this machine; FETCH_TOOLCHAINS=1 (as root) fetches one
	@python3 scripts/test.py swift conformance-swift

.PHONY: test-sandbox-page
test-sandbox-page: ## Test the sandbox's page in the Chromium or Chrome of this machine; FETCH_TOOLCHAINS=1 (as root) installs one
	@python3 scripts/test.py sandbox-page

.PHONY: conformance
conformance: ## Run the conformance scenarios: LANG=rust for one language
	@python3 scripts/test.py $(if $(filter all,$(LANGUAGE)),conformance,conformance-$(LANGUAGE))

.PHONY: torture
torture: ## Break everything around the SDK; writes docs/reliability.md (MINUTES=30; SEED=1: again; ONLY=money: some sections)
	@python3 tests/torture/torture.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) --only "$(ONLY)"

.PHONY: sanitize
sanitize: ## Run the native code under AddressSanitizer and valgrind (ONLY=valgrind: some of it); says what is missing for it
	@python3 tests/torture/sanitize.py --only "$(ONLY)"

.PHONY: bench
bench: ## Measure beside other clients; writes benches/RESULTS.md (LONG=1: thoroughly; ONLY=python-calls: some sections)
	@python3 benches/bench.py $(if $(LONG),--long) $(if $(REALTIME),--realtime) --only "$(ONLY)"

.PHONY: lint
lint: ## Check formatting, lints, licences and what the repository may not say
	@python3 scripts/test.py format clippy words layers deny

.PHONY: workflows
workflows: ## Check the workflows: zizmor, actionlint (which Go builds), and our own rules
	@scripts/tool zizmor --offline --quiet --min-severity=medium .github
	@$(if $(shell command -v go),go,scripts/tool go) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes=
	@python3 scripts/check_workflows.py

.PHONY: packages
packages: ## Build the packages for this machine into target/packages, and look into each: wheels, npm tarballs, crates, jar
	@rm -rf target/packages && mkdir -p target/packages
	@$(PIP_WHEEL) target/packages ./bindings-python
	@node bindings-node/scripts/local.mjs --out target/packages
	@scripts/notices.py bindings-python/cli-wheel
	@scripts/release_build.py $(PIP_WHEEL) target/packages ./bindings-python/cli-wheel
	@scripts/mcpb.py target/packages/infrai_cli-*.whl "$$(rustc -vV | sed -n 's/^host: //p')" target/packages
	@$(CARGO) package --locked --no-verify --allow-dirty --quiet --package infrai --package infrai-render --package infrai-sandbox --package infrai-cli
	@cp $(TARGET)/package/*-$$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml).crate target/packages
	@! scripts/toolchains/kotlin --check || bindings-kotlin/scripts/release.py jar target/packages
	@scripts/contents.py --local target/packages

.PHONY: fuzz
fuzz: ## Fuzz each target for two minutes (SECONDS=600: longer; TARGETS="url json": some; SANITIZER=address: with ASan)
	@scripts/tool cargo-fuzz build --fuzz-dir fuzz --target-dir target/fuzz $(FUZZ_OPTIONS)
	@for target in $(or $(TARGETS),$(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))); do \
	  mkdir -p "target/fuzz/corpus/$$target"; \
	  scripts/tool cargo-fuzz run --fuzz-dir fuzz --target-dir target/fuzz $(FUZZ_OPTIONS) "$$target" "target/fuzz/corpus/$$target" "fuzz/corpus/$$target" -- \
	    -max_total_time=$(or $(SECONDS),120) -timeout=20 -rss_limit_mb=4096 -max_len=4096 $$(ls "fuzz/dictionaries/$$target.dict" 2>/dev/null | sed 's/^/-dict=/') || exit 1; \
	done

.PHONY: audit
audit: ## Ask the advisory databases about every locked dependency (needs to reach them)
	@bad=0; \
	for manifest in Cargo.toml fuzz/Cargo.toml; do scripts/tool cargo-deny --manifest-path $$manifest check --config .cargo/deny.toml advisories || bad=1; done; \
	for file in $$(git ls-files '*requirements*.txt'); do scripts/tool pip-audit --disable-pip --no-deps --requirement $$file || bad=1; done; \
	for lock in $$(git ls-files '*package-lock.json'); do (cd "$$(dirname "$$lock")" && npm audit --package-lock-only) || bad=1; done; \
	exit $$bad

.PHONY: sbom
sbom: ## Write a CycloneDX bill of materials for each package into target/sbom
	@rm -rf target/sbom && mkdir -p target/sbom
	@scripts/tool cargo-cyclonedx --format json --all --target all --spec-version 1.5
	@mv core/infrai.cdx.json sandbox/*.cdx.json sandbox/render/*.cdx.json cli/*.cdx.json bindings-python/*.cdx.json bindings-node/*.cdx.json bindings-uniffi/*.cdx.json target/sbom/
	@rm -f $$(git ls-files --others '*.cdx.json' ':!target' ':!.cache')
	@# Not one names a folder of the machine.
	@python3 -c 'import pathlib; [f.write_text(f.read_text().replace(pathlib.Path().resolve().as_uri() + "/", "").replace(pathlib.Path().resolve().as_uri(), ".")) for f in pathlib.Path("target/sbom").iterdir()]'
	@ls target/sbom

.PHONY: format
format: ## Format the sources
	@$(CARGO) fmt --all

.PHONY: doc
doc: ## Build the Rust documentation
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --workspace --exclude infrai-uniffi-bindgen --lib

.PHONY: site
site: ## Build the documentation's site, in English and Chinese, into target/site (SERVE=1: show it, and follow changes)
	@python3 scripts/site/build.py $(if $(SERVE),--serve)

.PHONY: references
references: ## Build the references of the Rust, Swift and Kotlin packages, which `make site` then takes along
	@python3 scripts/site/references.py

.PHONY: clean
clean: ## Remove everything that was built, fetched or made by the demo
	@scripts/toolchains/swift --clean
	@$(CARGO) clean
	@rm -rf .cache .build bindings-kotlin/target $(DEMO)
