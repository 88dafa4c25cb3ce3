module github.com/roamwire/roamwire/ocpi

go 1.26.0

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/google/go-cmp v0.7.0
	github.com/shopspring/decimal v1.6.0
	pgregory.net/rapid v1.3.0
)

require code.dny.dev/ssrf v0.3.0

require golang.org/x/text v0.43.0
