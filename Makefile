# One way in: what CI runs is what a person runs.
.DEFAULT_GOAL := help
PROMPT ?= a timelapse of a city skyline at dusk
DEMO := demo
CARGO ?= cargo
MINUTES ?= 30
# Where the command lies once it is built.
COMMAND = $$($(CARGO) metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/infrai

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

.PHONY: test-rust
test-rust: ## Run the tests of the core, the sandbox, the command and the scripted server
	@python3 scripts/test.py rust docs

.PHONY: test-python
test-python: ## Test the Python package from its wheel, on every CPython from 3.10 that is here
	@python3 scripts/test.py python conformance-python

.PHONY: test-node
test-node: ## Test the npm package from its tarball, on every Node.js that can be had
	@python3 scripts/test.py node

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

.PHONY: release-check
release-check: ## Build, look into, install and try every package of a release (half an hour; ONLY=python,npm: some)
	@python3 scripts/release-check $(if $(ONLY),--only "$(ONLY)")

.PHONY: fuzz
fuzz: ## Fuzz each target for two minutes (SECONDS=600: longer; TARGETS="url json": some; SANITIZER=address: with ASan)
	@python3 scripts/fuzz --seconds $(or $(SECONDS),120) --sanitizer $(or $(SANITIZER),none) $(TARGETS)

.PHONY: audit
audit: ## Ask the advisory databases about every locked dependency (needs to reach them)
	@python3 scripts/audit

.PHONY: sbom
sbom: ## Write a CycloneDX bill of materials for each package into target/sbom, and check it
	@python3 scripts/sbom

.PHONY: format
format: ## Format the sources
	@$(CARGO) fmt --all

.PHONY: doc
doc: ## Build the Rust documentation
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --workspace --lib

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
