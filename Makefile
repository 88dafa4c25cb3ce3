# The habits of this repository. Each is one command, so that CI and people do the same.

LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: test race lint bench torture soak demo generate check

test: ## the README's test command
	go test ./ocpi/... ./node/...

race: ## the packages where goroutines meet
	go test -race -short -timeout 30m ./ocpi/ocpiserver/... ./ocpi/ocpiclient/... ./ocpi/handshake/... ./ocpi/ocpitest/... ./node/...

lint: ## vet, the linter with the import rules, and whether generated files are current
	go vet ./ocpi/... ./node/...
	go run $(LINT) run ./ocpi/... ./node/...
	go run ./ocpi/internal/gen -check

bench: ## the figures of docs/benchmarks.md, side by side; takes some minutes
	go run ./node/bench

torture: ## two nodes killed 200 times while data moves between them; takes some minutes
	ROAMWIRE_TORTURE_KILLS=200 go test ./node/cmd/roamwire -run '^TestTorture$$' -v -timeout 30m

soak: ## a partner that is away for an hour while 20,000 objects change 100,000 times; takes an hour
	go run ./node/bench -away 1h

demo: ## a node with sample data
	go run ./node/cmd/roamwire demo

generate: ## write the generated files from ocpi/spec
	go run ./ocpi/internal/gen

check: test race lint ## what CI runs, without the benchmarks
