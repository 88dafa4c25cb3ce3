package node_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

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
