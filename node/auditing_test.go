package node_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A CDR that a partner sends is priced again with the tariff in it, in each version, and the operator hears what came of it.
func TestReceivedCDRsAreChecked(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Versions = ocpi.Versions()
	n := start(t, c)
	partner := addPartner(t, n.Node, ocpi.NewParty("DE", "PTN"))
	sample := ocpitest.Network(partner.Party)
	for i, version := range ocpi.Versions() {
		cdr := sample.CDR(1)
		cdr.ID = ocpi.CiString("CDR-" + version)
		tariff := v230.Tariff{
			CountryCode: cdr.CountryCode, PartyID: cdr.PartyID, ID: "T", Currency: cdr.Currency, TaxIncluded: v230.TaxIncludedNo, LastUpdated: cdr.LastUpdated,
			Elements: []v230.TariffElement{{PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeFlat, Price: ocpi.NumberOf(2)}}}},
		}
		cdr.Tariffs, cdr.TotalCost = []v230.Tariff{tariff}, v230.Price{BeforeTaxes: ocpi.NumberOf(int64(2 + i))}
		cdr.TotalFixedCost, cdr.TotalEnergyCost, cdr.TotalTimeCost, cdr.TotalParkingCost = nil, nil, nil, nil
		for j := range cdr.ChargingPeriods {
			cdr.ChargingPeriods[j].TariffID = nil
		}
		postCDR(t, n, partner.Token, version, cdr)
	}
	want := map[string]string{"CDR-2.1.1": "agrees", "CDR-2.2.1": "differs", "CDR-2.3.0": "differs"}
	eventually(t, "all are checked", func() bool {
		checks, err := n.Auditor().List(t.Context(), store.CheckFilter{}, 0, 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range checks {
			if k.Verdict != want[k.ID] || k.Computed != "2" {
				t.Fatalf("%s: %s, %s for %s: %s", k.ID, k.Verdict, k.Computed, k.Stated, k.Report)
			}
		}
		return len(checks) == len(want)
	})
	told := map[string]string{}
	events, err := n.Told(t.Context(), event.CDRChecked)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var checked event.CheckedCDR
		if err := json.Unmarshal(e.Data, &checked); err != nil {
			t.Fatal(err)
		}
		told[checked.ID] = checked.Verdict
		if e.Partner != "PTN" || checked.Before != "" || (checked.Verdict == "differs") != (len(checked.Findings) > 0) {
			t.Errorf("%+v", checked)
		}
	}
	if len(told) != len(want) {
		t.Errorf("told of %v", told)
	}
}

// The operator asks for what came of checks, and decides how a partner's tariffs are read.
func TestChecksAreShownAndPartnersHaveTheirOwnRules(t *testing.T) {
	t.Parallel()
	n := start(t, config(t))
	partner := addPartner(t, n.Node, ocpi.NewParty("DE", "PTN"))
	cdr := ocpitest.Network(partner.Party).CDR(1)
	flat := func(price int64) v230.TariffElement {
		return v230.TariffElement{
			PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeFlat, Price: ocpi.NumberOf(price)}},
			Restrictions:    &v230.TariffRestrictions{MaxKWh: new(ocpi.NumberOf(1000))},
		}
	}
	free := flat(3)
	free.Restrictions = &v230.TariffRestrictions{MinKWh: new(ocpi.NumberOf(1))}
	cdr.Tariffs = []v230.Tariff{{
		CountryCode: cdr.CountryCode, PartyID: cdr.PartyID, ID: "T", Currency: cdr.Currency, TaxIncluded: v230.TaxIncludedNo, LastUpdated: cdr.LastUpdated,
		Elements: []v230.TariffElement{free, flat(2)},
	}}
	cdr.TotalCost = v230.Price{BeforeTaxes: ocpi.NumberOf(5)} // both, where each is billed once
	cdr.TotalFixedCost, cdr.TotalEnergyCost, cdr.TotalTimeCost, cdr.TotalParkingCost = nil, nil, nil, nil
	first := cdr.ChargingPeriods[0]
	first.TariffID = nil
	second := first
	second.StartDateTime = ocpi.NewDateTime(first.StartDateTime.Time().Add(cdr.EndDateTime.Time().Sub(first.StartDateTime.Time()) / 2))
	cdr.ChargingPeriods = []v230.ChargingPeriod{first, second}
	postCDR(t, n, partner.Token, ocpi.V211, cdr)

	checks := func() (page struct{ Items []backend.Check }) {
		t.Helper()
		call(t, n, http.MethodGet, "/api/v1/checks?partner=PTN", "", http.StatusOK, &page)
		return page
	}
	eventually(t, "it is checked", func() bool { return len(checks().Items) == 1 })
	if c := checks().Items[0]; c.Verdict != "differs" || c.Stated != "5" || c.Computed != "2" || c.Difference != "3" || c.Party != "DE/PTN" {
		t.Errorf("%+v", c)
	}
	call(t, n, http.MethodPatch, "/api/v1/partners/PTN/policy", `{"price":{"rules":{"flat":"each"}}}`, http.StatusOK, nil)
	if _, err := n.Auditor().CheckAll(t.Context(), store.CheckFilter{}, func(audit.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if c := checks().Items[0]; c.Verdict != "agrees" || c.Difference != "0" {
		t.Errorf("%+v", c)
	}
	call(t, n, http.MethodPatch, "/api/v1/partners/PTN/policy", `{"price":{"rules":null,"tolerance":"3"}}`, http.StatusOK, nil)
	if _, err := n.Auditor().CheckAll(t.Context(), store.CheckFilter{}, func(audit.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if c := checks().Items[0]; c.Verdict != "agrees" || c.Difference != "3" {
		t.Errorf("%+v", c)
	}
	metrics := fetch(t, n.AdminURL()+"/metrics")
	for _, verdict := range []string{"differs", "agrees"} {
		if want := `roamwire_cdrs_checked_total{partner="PTN",verdict="` + verdict + `"} 1`; !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	var price struct {
		Verdict string
		Lines   []json.RawMessage
	}
	call(t, n, http.MethodGet, "/api/v1/received/cdrs/PTN/DE/PTN/"+string(cdr.ID)+"/price", "", http.StatusOK, &price)
	if price.Verdict != "agrees" {
		t.Errorf("%+v", price)
	}
	var months struct{ Items []backend.Month }
	call(t, n, http.MethodGet, "/api/v1/checks/months?partner=PTN", "", http.StatusOK, &months)
	if len(months.Items) != 1 || months.Items[0].CDRs != 1 || months.Items[0].Difference != "3" || months.Items[0].Agree != 1 {
		t.Errorf("%+v", months)
	}
}

// call calls the operator's API and reads its answer.
func call(t *testing.T, n running, method, path, body string, want int, into any) {
	t.Helper()
	key, err := n.AddKey(t.Context(), rand.Text(), backend.ScopeAdmin, 0)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", map[string]string{http.MethodPatch: "application/merge-patch+json"}[method])
	w := httptest.NewRecorder()
	n.API().ServeHTTP(w, request)
	if w.Code != want {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(w.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// postCDR sends a CDR as a partner does.
func postCDR(t *testing.T, n running, token string, version ocpi.Version, cdr v230.CDR) {
	t.Helper()
	codecs, _ := wire.For(version)
	raw, _, err := codecs.CDRs.Write(cdr, convert.Env{Owner: ocpi.NewParty("DE", "PTN"), EMSP: own})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL()+"/emsp/"+string(version)+"/cdrs", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", ocpi.Authorization(token, ocpi.DefaultTokenEncoding(version)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.Header.Get("Location") == "" {
		t.Fatalf("%s: %s", version, response.Status)
	}
}
