package main

import (
	"bufio"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Every optional member is tried with and without, and every value of an enum, wherever it stands.
func TestTrialsLeaveNothingOut(t *testing.T) {
	s, err := readTables(ocpi.V230)
	if err != nil {
		t.Fatal(err)
	}
	with, without, values := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for document := range s.trials("Location") {
		for _, m := range s.definitions["Location"].members {
			_, there := document[m.name]
			with[m.name] = with[m.name] || there
			without[m.name] = without[m.name] || !there
		}
		for _, text := range texts(document, "/evses/0/connectors/0/standard") {
			values[text] = true
		}
	}
	for _, m := range s.definitions["Location"].members {
		required := slices.Contains(s.definitions["Location"].Required, m.name)
		if !with[m.name] || without[m.name] == required {
			t.Errorf("%s: with %t, without %t", m.name, with[m.name], without[m.name])
		}
	}
	for _, value := range append(s.definitions["ConnectorType"].Examples, unlisted) {
		if !values[value] {
			t.Errorf("no connector %s", value)
		}
	}
}

// Samples are valid, so that what is lost is lost of what may be said.
func TestSamplesAreValid(t *testing.T) {
	for _, all := range []bool{minimal, full} {
		s, err := readTables(ocpi.V230)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(s.sample("Location", all))
		if err != nil {
			t.Fatal(err)
		}
		if _, findings, err := v230.DecodeLocation(raw); err != nil {
			t.Errorf("%v %v", err, findings)
		}
	}
}

func TestTheReportSaysWhatIsLost(t *testing.T) {
	var text strings.Builder
	out := bufio.NewWriter(&text)
	if err := report(out); err != nil {
		t.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"### From 2.3.0 to 2.2.1",
		"| EVSE | `connectors/*` | `MCS`, `SAE_J3400`, others | 2.2.1 does not list the standard …, the connector is left out |",
		"|  | `help_phone` |  | 2.2.1 has no help_phone here |",
	} {
		if !strings.Contains(text.String(), line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
}
