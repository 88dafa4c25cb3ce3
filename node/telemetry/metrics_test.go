package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"

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
