package node_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// billed is a CPO's node with a session that has ended, whose tariff has changed since it began.
func billed(t *testing.T) (n running, s v230.Session) {
	t.Helper()
	n = start(t, config(t))
	sample := ocpitest.Network(own)
	location := sample.Location(1)
	location.TimeZone = "Europe/Amsterdam"
	s = sample.Session(1)
	began := time.Date(2026, 6, 15, 19, 30, 0, 0, time.UTC)
	end := began.Add(time.Hour)
	s.ID, s.Status, s.Currency, s.StartDateTime, s.EndDateTime = "S", v230.SessionStatusCompleted, "EUR", ocpi.NewDateTime(began), new(ocpi.NewDateTime(end))
	s.LocationID, s.EVSEUID, s.ConnectorID = location.ID, location.EVSEs[0].UID, location.EVSEs[0].Connectors[0].ID
	s.KWh, s.TotalCost, s.LastUpdated = ocpi.NumberOf(22), nil, ocpi.NewDateTime(end)
	s.ChargingPeriods = []v230.ChargingPeriod{{StartDateTime: s.StartDateTime, Dimensions: []v230.CdrDimension{
		{Type: v230.CdrDimensionTypeEnergy, Volume: ocpi.NumberOf(22)}, {Type: v230.CdrDimensionTypeTime, Volume: ocpi.NumberOf(1)},
	}}}
	location.EVSEs[0].Connectors[0].TariffIDs = []ocpi.CiString{"T"}
	put(t, n.Objects.Locations, location)
	put(t, n.Objects.Sessions, s)
	tariff := v230.Tariff{
		CountryCode: "NL", PartyID: "GPE", ID: "T", Currency: "EUR", TaxIncluded: v230.TaxIncludedNo, LastUpdated: ocpi.NewDateTime(began.Add(-time.Hour)),
		Elements: []v230.TariffElement{
			{PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeEnergy, Price: ocpi.MustNumber("0.50"), VAT: new(ocpi.NumberOf(21)), StepSize: 1}},
				Restrictions: &v230.TariffRestrictions{StartTime: new("06:00"), EndTime: new("22:00")}},
			{PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeEnergy, Price: ocpi.MustNumber("0.30"), VAT: new(ocpi.NumberOf(21)), StepSize: 1}}},
		},
	}
	put(t, n.Objects.Tariffs, tariff)
	tariff.Elements, tariff.LastUpdated = tariff.Elements[:1], ocpi.NewDateTime(end)
	put(t, n.Objects.Tariffs, tariff)
	return n, s
}

// fromSession asks for a CDR.
func fromSession(t *testing.T, n running, body string) (status int, answer struct {
	CDR    v230.CDR
	Price  json.RawMessage
	Stored bool
	Detail string
}) {
	t.Helper()
	key, err := n.AddKey(t.Context(), strings.ReplaceAll(t.Name(), "/", "-")+time.Now().Format("150405.000000000"), backend.ScopeWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/cdrs/from-session", strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	n.API().ServeHTTP(w, request)
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&answer); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return w.Code, answer
}

// A CPO's system asks for the CDR of a session: with the tariff as it was when the session began, divided where the price changes.
func TestACDRIsMadeOfASessionThroughTheAPI(t *testing.T) {
	t.Parallel()
	n, s := billed(t)
	whole, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"by id":             `{"session_id":"S"}`,
		"by party and id":   `{"session_id":"NL/GPE/S"}`,
		"with its tariff":   `{"session_id":"S","tariff_ids":["t"]}`,
		"with another id":   `{"session_id":"S","id":"CDR7"}`,
		"the session whole": `{"session":` + string(whole) + `}`,
	} {
		status, answer := fromSession(t, n, body)
		var starts []string
		for _, p := range answer.CDR.ChargingPeriods {
			starts = append(starts, p.StartDateTime.String())
		}
		if diff := cmp.Diff([]string{"2026-06-15T19:30:00Z", "2026-06-15T20:00:00Z"}, starts); diff != "" || status != http.StatusOK || answer.Stored {
			t.Errorf("%s: %d %s %s", name, status, diff, answer.Detail)
			continue
		}
		wantID := ocpi.CiString("S")
		if name == "with another id" {
			wantID = "CDR7"
		}
		if cost := answer.CDR.TotalCost; cost.BeforeTaxes.String() != "8.80" || len(cost.Taxes) != 1 || cost.Taxes[0].Amount.String() != "1.85" || answer.CDR.ID != wantID {
			t.Errorf("%s: %+v %s", name, cost, answer.CDR.ID)
		}
	}
	if _, err := n.Objects.CDRs.Find(t.Context(), nil, "S"); err == nil {
		t.Error("it was stored")
	}
	for i, want := range []int{http.StatusCreated, http.StatusOK} {
		status, answer := fromSession(t, n, `{"session_id":"S","store":true}`)
		if status != want || !answer.Stored {
			t.Errorf("%d: %d %+v", i, status, answer.Detail)
		}
	}
	if cdr, err := n.Objects.CDRs.Find(t.Context(), nil, "S"); err != nil || cdr.TotalCost.BeforeTaxes.String() != "8.80" {
		t.Errorf("%+v %v", cdr.TotalCost, err)
	}
}

// A session goes on changing after its CDR is made, as when its cost is written into it. Its CDR stays, with the time at which it was made
// and what 2.1.1 has of the place.
func TestACDRThatIsMadeAgainIsTheSame(t *testing.T) {
	t.Parallel()
	n, s := billed(t)
	if status, answer := fromSession(t, n, `{"session_id":"S","store":true}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer.Detail)
	}
	first, err := n.Objects.CDRs.Find(t.Context(), nil, "S")
	if err != nil {
		t.Fatal(err)
	}
	s.TotalCost, s.LastUpdated = &first.TotalCost, ocpi.NewDateTime(s.LastUpdated.Time().Add(time.Hour))
	put(t, n.Objects.Sessions, s)
	if status, answer := fromSession(t, n, `{"session_id":"S","store":true}`); status != http.StatusOK || !answer.CDR.LastUpdated.Equal(first.LastUpdated) {
		t.Errorf("%d %s %s", status, answer.Detail, answer.CDR.LastUpdated)
	}
	again, err := n.Objects.CDRs.Find(t.Context(), nil, "S")
	if diff := cmp.Diff(first, again, cmp.Comparer(ocpi.Number.Equal), cmp.Comparer(ocpi.DateTime.Equal)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	s.ChargingPeriods, s.KWh, s.LastUpdated = slices.Clone(s.ChargingPeriods), ocpi.NumberOf(23), ocpi.NewDateTime(s.LastUpdated.Time().Add(time.Hour))
	s.ChargingPeriods[0].Dimensions = []v230.CdrDimension{{Type: v230.CdrDimensionTypeEnergy, Volume: s.KWh}, {Type: v230.CdrDimensionTypeTime, Volume: ocpi.NumberOf(1)}}
	put(t, n.Objects.Sessions, s)
	if status, answer := fromSession(t, n, `{"session_id":"S","store":true}`); status != http.StatusConflict || answer.Detail == "" {
		t.Errorf("another one: %d %s", status, answer.Detail)
	}
}

// Why there is no tariff for a session is told with what to do about it.
func TestWhyThereIsNoTariffForASession(t *testing.T) {
	t.Parallel()
	n, s := billed(t)
	free := sample.FreeTariff()
	free.CountryCode, free.PartyID, free.LastUpdated = "NL", "GPE", ocpi.NewDateTime(s.StartDateTime.Time().Add(-time.Hour))
	free.ID = "FREE"
	adHoc := free
	adHoc.ID, adHoc.Type = "ADHOC", new(v230.TariffTypeAdHocPayment)
	dollars := free
	dollars.ID, dollars.Currency = "USD", "USD"
	put(t, n.Objects.Tariffs, free, adHoc, dollars)
	location, err := n.Objects.Locations.Find(t.Context(), nil, string(s.LocationID))
	if err != nil {
		t.Fatal(err)
	}
	at := func(tariffs ...ocpi.CiString) func(*v230.Session, *v230.Location) {
		return func(_ *v230.Session, l *v230.Location) { l.EVSEs[0].Connectors[0].TariffIDs = tariffs }
	}
	of := func(change func(*v230.Session)) func(*v230.Session, *v230.Location) {
		return func(s *v230.Session, l *v230.Location) { at("T")(s, l); change(s) }
	}
	for _, test := range []struct {
		name, tariffs string
		change        func(*v230.Session, *v230.Location)
		want          string
	}{
		{"connector without one", "", at(), "has no tariff"},
		{"connector without one, and one is named", `,"tariff_ids":["T"]`, at(), ""},
		{"one that is not there", "", at("GONE"), "GONE"},
		{"one for others", "", at("ADHOC"), "ADHOC"},
		{"one of several", "", at("T", "FREE"), "any of T, FREE could have applied"},
		{"one in another currency", "", at("USD"), "is in USD, the session in EUR"},
		{"one from later on", "", of(func(s *v230.Session) {
			s.StartDateTime = ocpi.NewDateTime(s.StartDateTime.Time().Add(-24 * time.Hour))
			s.EndDateTime, s.ChargingPeriods = new(ocpi.NewDateTime(s.StartDateTime.Time().Add(time.Hour))), nil
		}), "tariff T"},
		{"one that a period names", "", of(func(s *v230.Session) { s.ChargingPeriods[0].TariffID = new(ocpi.CiString("OLD")) }), "OLD"},
		{"another than a period names", `,"tariff_ids":["FREE"]`, of(func(s *v230.Session) { s.ChargingPeriods[0].TariffID = new(ocpi.CiString("T")) }), "not among those"},
		{"an EVSE that is not there", "", of(func(s *v230.Session) { s.EVSEUID = "E9" }), "has no EVSE E9"},
		{"a connector that is not there", "", of(func(s *v230.Session) { s.ConnectorID = "7" }), "has no connector 7"},
	} {
		session := s
		session.ChargingPeriods = slices.Clone(s.ChargingPeriods)
		test.change(&session, &location)
		put(t, n.Objects.Locations, location)
		put(t, n.Objects.Sessions, session)
		status, answer := fromSession(t, n, `{"session_id":"S"`+test.tariffs+`}`)
		want := http.StatusConflict
		if test.want == "" {
			want = http.StatusOK
		}
		if status != want || !strings.Contains(answer.Detail, test.want) {
			t.Errorf("%s: %d %s", test.name, status, answer.Detail)
		}
	}
}

// What no CDR can be made of is told with the reason.
func TestWhatNoCDRCanBeMadeOf(t *testing.T) {
	t.Parallel()
	n, s := billed(t)
	running := s
	running.ID, running.EndDateTime, running.Status = "RUNS", nil, v230.SessionStatusActive
	elsewhere := s
	elsewhere.ID, elsewhere.LocationID = "ELSEWHERE", "NOWHERE"
	void, inWh := s, s
	void.ID, void.Status = "VOID", v230.SessionStatusInvalid
	inWh.ID, inWh.KWh = "WH", ocpi.MustNumber("0.022")
	put(t, n.Objects.Sessions, running, elsewhere, void, inWh)
	theirs := `{"country_code":"BE","party_id":"XXX","id":"T","currency":"EUR","tax_included":"NO","last_updated":"2026-01-01T00:00:00Z","elements":[{"price_components":[{"type":"FLAT","price":1,"step_size":1}]}]}`
	for body, want := range map[string]int{
		`{}`:                                            http.StatusUnprocessableEntity,
		`{"session_id":"S","session":{}}`:               http.StatusUnprocessableEntity,
		`{"session":{"id":"X"}}`:                        http.StatusUnprocessableEntity,
		`{"session_id":"NONE"}`:                         http.StatusNotFound,
		`{"session_id":"RUNS"}`:                         http.StatusConflict,
		`{"session_id":"ELSEWHERE"}`:                    http.StatusConflict,
		`{"session_id":"S","tariff_ids":["NONE"]}`:      http.StatusConflict,
		`{"session_id":"VOID"}`:                         http.StatusConflict,
		`{"session_id":"WH"}`:                           http.StatusConflict,
		`{"session_id":"S","tariffs":[{"id":"X"}]}`:     http.StatusUnprocessableEntity,
		`{"session_id":"S","tariffs":[` + theirs + `]}`: http.StatusUnprocessableEntity,
		`{"session_id":"S","tariff_ids":["T"],"tariffs":[{"id":"X"}]}`: http.StatusUnprocessableEntity,
		`{"session_id":"S","id":"` + strings.Repeat("x", 40) + `"}`:    http.StatusUnprocessableEntity,
	} {
		if status, answer := fromSession(t, n, body); status != want || answer.Detail == "" {
			t.Errorf("%s: %d, want %d: %s", body, status, want, answer.Detail)
		}
	}
}
