package v230_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi/v230"
)

func TestUnknownMembersAreFoundWhereverTheyAre(t *testing.T) {
	for body, want := range map[string][]string{
		`{"id":"L","evses":[{"uid":"E","connectors":[{"id":"1"}]}]}`:                   nil,
		`{"colour":1,"evses":[{"uid":"E"},{"x/y":2,"connectors":[{"z":{"id":"1"}}]}]}`: {"/colour", "/evses/1/x~1y", "/evses/1/connectors/0/z"},
		`{"evses":{"uid":"E","q":1},"coordinates":5}`:                                  {"/evses/q"},
		`[]`: nil,
	} {
		findings, err := v230.Unknown("location", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var pointers []string
		for _, f := range findings {
			pointers = append(pointers, f.Pointer)
		}
		if diff := cmp.Diff(want, pointers); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	if _, err := v230.Unknown("location", []byte(`{"a":1,"a":2}`)); err == nil {
		t.Error("the same member twice is nothing")
	}
	if _, err := v230.Unknown("parrot", []byte(`{}`)); err == nil {
		t.Error("there is an object parrot")
	}
}
