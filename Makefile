# Every command a developer needs; `make` alone lists them. CI runs .ci/run, which is `make test` and `make check`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The time each fuzz target gets.
FUZZTIME ?= 5s

# Static and reproducible: no C, no paths of this machine. The commit is in the binary (go version -m, reports of weir
# load).
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)'

# What only benches, peers and tools need stands in modules of its own, so that who imports weir does not list it. Each
# check runs in all of them.
MODULES := . $(sort $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path './.ci/*')))
define in-each-module
@for module in $(MODULES); do [ "$$module" = . ] || echo "in $$module"; (cd "$$module" && $(1)) || exit 1; done
endef
# The same for tests. Those that miss a program are skipped at a desk. go test shows nothing of it: the last line does.
define test-each-module
@export WEIR_SKIPPED=$$(mktemp); \
trap 'sort -u "$$WEIR_SKIPPED" | awk -f "$(CURDIR)/.ci/skipped.awk"; rm -f "$$WEIR_SKIPPED"' EXIT; \
for module in $(MODULES); do [ "$$module" = . ] || echo "in $$module"; (cd "$$module" && $(1)) || exit 1; done
endef
STATICCHECK := $(GO) tool -modfile=$(CURDIR)/.ci/tools/go.mod staticcheck

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/weir and bin/everything, static
	$(BUILD) -o bin/ ./cmd/...

.PHONY: run
run: build ## Build and serve with the defaults; prints lines to try
	./bin/weir serve

.PHONY: test
test: ## Every test, those with real clients too
	$(call test-each-module,$(GO) test -timeout 15m ./...)

# What takes minutes, and no place in CI: tests that say needs.Slow.
.PHONY: slow
slow: export WEIR_SLOW := 1
slow: ## Every test, those that take minutes too (up to an hour)
	$(call test-each-module,$(GO) test -count=1 -timeout 90m ./...)

.PHONY: race
race: ## Every test under the race detector
	$(call test-each-module,$(GO) test -race -timeout 25m ./...)

# Go's fuzzer now and then calls the end of its time a failure, without an input that fails: that is none.
.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (5s)
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	for module in $(MODULES); do cd "$(CURDIR)/$$module"; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
	  for target in $$({ grep -hoEs '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go || true; } | sed 's/^func //'); do \
	    echo "fuzz $$target $(FUZZTIME)"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir 2>&1 | tee "$$log" || \
	      { grep -q '^ *context deadline exceeded$$' "$$log" && ! grep -q 'Failing input' "$$log"; } || exit 1; \
	  done; \
	done; done

.PHONY: lint
lint: ## gofmt, go vet, staticcheck (pinned in .ci/tools/go.mod)
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(call in-each-module,$(GO) vet ./...)
	$(call in-each-module,$(STATICCHECK) ./...)

.PHONY: tidy
tidy: ## Sizes, surfaces, imports, columns, retired words, every go.mod (docs/CONTRIBUTING.md)
	$(call in-each-module,$(GO) mod tidy -diff)
	cd .ci/tools && $(GO) mod tidy -diff
	$(GO) test -run 'Tidy' ./cmd ./cmd/tidy

.PHONY: docs
docs: ## Write docs/CONFIG.md, docs/SYSCTL.md and the tables of docs/METRICS.md anew from the code
	$(GO) generate ./cmd

.PHONY: conformance
conformance: ## The public MCP conformance suite, both required sets and the latest release's, against cmd/everything
	$(GO) test -count 1 -run Conformance -v ./cmd/everything

.PHONY: bench
bench: ## The load benches (loadtest/bench)
	$(GO) run ./loadtest/bench

.PHONY: overload
overload: build ## The scoreboard of overload, 15 minutes; JSON in docs/reports/scoreboard.json, text and page beside it
	$(GO) run ./loadtest/bench -runs 1 -seconds 8 -out docs/reports/scoreboard.json overload \
	  > docs/reports/scoreboard.txt || true
	$(GO) run ./loadtest/bench -from docs/reports/scoreboard.json -markdown > docs/reports/scoreboard.md

.PHONY: overload-short
overload-short: build ## The same of fewer cells and shorter steps, 3 minutes; nothing is written
	$(GO) run ./loadtest/bench -runs 1 -seconds 2 overload

.PHONY: bench-docs
bench-docs: ## Draw and write the record of docs/benchmarks.json into docs/plots and docs/BENCHMARKS.md
	$(GO) run ./loadtest/bench -from docs/benchmarks.json -plots docs/plots -document docs/BENCHMARKS.md

.PHONY: bench-100k
bench-100k: build ## 100,000 connections in one process, in a guest kernel if need be; report in bin/reports/100k
	loadtest/guest/run.sh bin/weir bin/reports/100k

.PHONY: bench-1m
bench-1m: build ## 1,000,000 connections in one process, in a guest of 15 GiB if need be; report in bin/reports/1m
	loadtest/guest/run.sh bin/weir bin/reports/1m 1000000

.PHONY: bench-100k-native
bench-100k-native: build ## 102,000 connections in six processes behind one port; report in bin/reports/100k-native
	loadtest/guest/native.sh bin/weir bin/reports/100k-native

.PHONY: dist
dist: ## What is handed out, in bin/dist: binaries, archives, .deb, .rpm, SBOMs, checksums; amd64 and arm64
	GO=$(GO) .ci/dist/dist.sh bin/dist $(VERSION)

.PHONY: image
image: build ## A container image of bin/weir, weir:VERSION, by buildah, podman or docker, whichever is there
	@for builder in buildah podman docker; do if command -v $$builder >/dev/null; then \
	  $$builder build -t weir:$(VERSION) -f docs/deploy/Dockerfile bin; exit; fi; \
	done; echo "make image: none of buildah, podman and docker is installed (Debian: buildah)"; exit 1

.PHONY: check
check: build lint tidy race fuzz ## What CI runs after make test: build, lint, tidy, tests with -race, fuzz
