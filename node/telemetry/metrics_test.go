package telemetry_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/telemetry"
	"github.com/roamwire/roamwire/ocpi"
)

func TestDeviationsAreCountedByWhatTheyAre(t *testing.T) {
	m := telemetry.New()
	e := ocpi.Exchange{
		Partner: "greenwheels", Module: ocpi.ModuleCDRs, Method: "POST", HTTP: 201, Status: ocpi.StatusSuccess,
		Findings: []ocpi.Finding{{Pointer: "/stop_date_time", Code: ocpi.FindingMissing}},
		Quirks:   []string{"end-date-time", "numbers-as-strings"},
	}
	m.Observe(t.Context(), e)
	m.Observe(t.Context(), e)
	page := httptest.NewRecorder()
	m.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`roamwire_requests_total{http="201",method="POST",module="cdrs",partner="greenwheels",status="1000"} 2`,
		`roamwire_findings_total{code="missing",module="cdrs",partner="greenwheels"} 2`,
		`roamwire_quirks_total{module="cdrs",partner="greenwheels",quirk="end-date-time"} 2`,
		`roamwire_quirks_total{module="cdrs",partner="greenwheels",quirk="numbers-as-strings"} 2`,
	} {
		if !strings.Contains(page.Body.String(), line) {
			t.Errorf("there is no %s", line)
		}
	}
}

func TestLossesAreCountedByVersionAndDirection(t *testing.T) {
	m := telemetry.New()
	m.Observe(t.Context(), ocpi.Exchange{Module: ocpi.ModuleCDRs, Version: ocpi.V211, Losses: ocpi.Losses{In: 1, Out: 2}})
	m.Observe(t.Context(), ocpi.Exchange{Module: ocpi.ModuleCDRs, Version: ocpi.V230})
	m.Rendered(ocpi.ModuleCDRs, ocpi.V221, 3)
	page := httptest.NewRecorder()
	m.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`roamwire_losses_total{direction="in",module="cdrs",version="2.1.1"} 1`,
		`roamwire_losses_total{direction="out",module="cdrs",version="2.1.1"} 2`,
		`roamwire_losses_total{direction="stored",module="cdrs",version="2.2.1"} 3`,
	} {
		if !strings.Contains(page.Body.String(), line) {
			t.Errorf("there is no %s", line)
		}
	}
	if strings.Contains(page.Body.String(), `version="2.3.0"`) {
		t.Error("nothing is lost in the model's own version")
	}
}

func TestLanesAndPullsAreShownAsTheyAre(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	moves := telemetry.Moves{
		Lanes: []telemetry.Lane{
			{Partner: "greenwheels", Module: "cdrs", Backlog: 12, Held: 2, Parked: 1, Oldest: now.Add(-90 * time.Second), Sent: 7, LastSuccess: now.Add(-time.Hour), Waiting: true},
			{Partner: "greenwheels", Module: "locations"},
		},
		Pulls: []telemetry.Pull{{Partner: "greenwheels", Module: "tokens", LastFull: now.Add(-time.Minute), LastDelta: now, Objects: 120, Refused: 3, Failures: 4}},
	}
	var failure error
	m := telemetry.New()
	m.Follow(func(context.Context) (telemetry.Moves, error) { return moves, failure }, func() time.Time { return now })
	read := func() string {
		page := httptest.NewRecorder()
		m.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
		return page.Body.String()
	}
	page := read()
	for _, line := range []string{
		`roamwire_push_backlog{module="cdrs",partner="greenwheels"} 12`,
		`roamwire_push_oldest_seconds{module="cdrs",partner="greenwheels"} 90`,
		`roamwire_push_oldest_seconds{module="locations",partner="greenwheels"} 0`,
		`roamwire_push_held{module="cdrs",partner="greenwheels"} 2`,
		`roamwire_push_parked{module="cdrs",partner="greenwheels"} 1`,
		`roamwire_push_sent_total{module="cdrs",partner="greenwheels"} 7`,
		`roamwire_push_last_success_timestamp_seconds{module="cdrs",partner="greenwheels"} 996400`,
		`roamwire_push_waiting{module="cdrs",partner="greenwheels"} 1`,
		`roamwire_push_waiting{module="locations",partner="greenwheels"} 0`,
		`roamwire_pull_last_full_timestamp_seconds{module="tokens",partner="greenwheels"} 999940`,
		`roamwire_pull_last_delta_timestamp_seconds{module="tokens",partner="greenwheels"} 1e+06`,
		`roamwire_pull_objects{module="tokens",partner="greenwheels"} 120`,
		`roamwire_pull_refused{module="tokens",partner="greenwheels"} 3`,
		`roamwire_pull_failures{module="tokens",partner="greenwheels"} 4`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	failure = errors.New("the disk is gone")
	if page := read(); strings.Contains(page, "roamwire_push_backlog{") {
		t.Error("there is a backlog that could not be read")
	}
	failure = nil
	if page := read(); !strings.Contains(page, "roamwire_push_backlog{") || !strings.Contains(page, "roamwire_moves_unread_total 1\n") {
		t.Error("the failure is not told")
	}
}
