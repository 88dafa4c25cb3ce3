package main

import (
	"strings"
	"testing"

	"github.com/roamwire/roamwire/node/exchange"
)

// Partners decide on most of what is printed, and none of it looks like a message that there never was.
func TestNoLineOfTheLogCanBeForged(t *testing.T) {
	const forged = "x\n2026-11-23 10:00:00 in  greenwheels PUT\t200 1000\u2028\r\x1b[2J"
	record := exchange.Record{
		Partner: forged, Method: forged, URL: "/" + forged + "?" + forged, Module: "locations", Object: forged, RequestID: forged, CorrelationID: forged,
		Findings: []string{forged}, Quirks: []string{forged}, Losses: []string{forged}, Error: forged, Request: "{\n\t\"a\":1\n}" + forged, RequestSize: 10, Response: forged, ResponseSize: 10,
	}
	for _, bodies := range []bool{false, true} {
		var out strings.Builder
		if err := (&logPrinter{out: &out, bodies: bodies}).print([]exchange.Record{record}); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsAny(text, "\r\x1b\u2028") {
			t.Errorf("a terminal obeys %q", text)
		}
		lines := strings.Split(text, "\n")
		if want := map[bool]int{false: 2, true: 2 + 4 + 4 + 2}[bodies]; len(lines) != want {
			t.Errorf("%d lines, want %d:\n%s", len(lines), want, text)
		}
		for i, line := range lines[2:] {
			if !strings.HasPrefix(line, "    ") {
				t.Errorf("line %d is %q", i+2, line)
			}
		}
		if strings.Contains(strings.Join(lines[:min(len(lines), 6)], ""), "\t") {
			t.Errorf("there are tabs in %q", text)
		}
	}
}
