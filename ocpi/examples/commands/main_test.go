package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestItTellsItsStory(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `CPO: app wants START_SESSION at LOC1
eMSP: the CPO says ACCEPTED
eMSP: the command ended as ACCEPTED
CPO: app wants START_SESSION at BROKEN
eMSP: the CPO says ACCEPTED
eMSP: the command ended as TIMEOUT
eMSP: a session of 21.0 kWh, which began with START_SESSION
eMSP: a CDR of 13.0 kWh
CPO: the eMSP knows the card at the charger: false
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
