# The logic is in internal/build; this is the list of what there is.

GO ?= go

.DEFAULT_GOAL := help
.PHONY: help test lint unit integration shop fuzz bench tools clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

test: ## Everything that has to pass: lint, unit, integration
	@$(GO) run ./internal/build test

lint: ## gofmt, go vet, golangci-lint (pinned), package arrows, documents
	@$(GO) run ./internal/build lint

unit: ## Tests of the module, with the race detector where it makes sense
	@$(GO) run ./internal/build unit

integration: ## Suites against a real Nacos and a Java caller (JDK 17+, Maven)
	@$(GO) run ./internal/build integration

shop: ## A whole release on the built-in servers; ARGS="-fast"
	@$(GO) run ./examples/shop $(ARGS)

fuzz: ## Each fuzz target for FUZZTIME (10s)
	@$(GO) run ./internal/build fuzz

bench: ## Benchmarks with allocations
	@$(GO) run ./internal/build bench

tools: ## Build the pinned linter into bin/
	@$(GO) run ./internal/build tools

clean: ## Remove bin/
	@rm -rf bin
