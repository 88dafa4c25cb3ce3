//go:build goexperiment.jsonv2 && !go1.27

package ocpi

// GOEXPERIMENT=jsonv2 on Go 1.26 swaps in an older encoding/json/v2 that drops the unknown members of an object
// without a word. Data would be lost, so the build stops here: unset GOEXPERIMENT, or use Go 1.27.
const _ = GOEXPERIMENT_jsonv2_on_go1_26_loses_unknown_members
