package node_test

import (
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A simulated charge is billed as its node bills sessions: by the tariff of its connector as it was when the charge began.
func TestSimulatedChargesAreBilledAsSessionsAre(t *testing.T) {
	t.Parallel()
	n, s := billed(t) // its tariff had two prices then, and has one now
	now := s.StartDateTime.Time()
	day := simulate.New(simulate.Config{Network: n.Network(own), Begin: now, Now: func() time.Time { return now }})
	step := func(seconds int) {
		for range seconds {
			now = now.Add(time.Second)
			if err := day.Step(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(1)
	session, err := day.Start(t.Context(), simulate.Order{
		Location: ocpi.Key{Party: own, ID: string(s.LocationID)}, EVSEUID: string(s.EVSEUID), ConnectorID: string(s.ConnectorID), Token: sample.Token(1), At: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(29 * time.Minute) // to before the night price
	step(120)
	running, err := n.Objects.Sessions.Find(t.Context(), nil, string(session.ID))
	if err != nil || running.TotalCost == nil || len(running.TotalCost.Taxes) != 1 {
		t.Fatalf("%+v %v", running, err)
	}
	if err := day.Stop(t.Context(), string(session.ID)); err != nil {
		t.Fatal(err)
	}
	cdr, err := n.Objects.CDRs.Find(t.Context(), nil, string(session.ID))
	if err != nil || len(cdr.Tariffs) != 1 || len(cdr.Tariffs[0].Elements) != 2 {
		t.Fatalf("%+v %v", cdr.Tariffs, err)
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	audit := tariff.Check(&cdr, nil, tariff.Policy{Zone: zone})
	night := time.Date(2026, 6, 15, 20, 0, 0, 0, time.UTC)
	cut := false
	for _, p := range cdr.ChargingPeriods {
		cut = cut || p.StartDateTime.Time().Equal(night)
	}
	if audit.Verdict != tariff.Agrees || len(audit.Findings) > 0 || !cut {
		t.Errorf("%s, %+v, %+v", audit.Verdict, audit.Findings, cdr.ChargingPeriods)
	}
	status, answer := fromSession(t, n, `{"session_id":"`+string(session.ID)+`","store":true}`)
	if status != 200 || !answer.CDR.TotalCost.BeforeTaxes.Equal(cdr.TotalCost.BeforeTaxes) {
		t.Errorf("made of the session it is another: %d %s", status, answer.Detail)
	}
}

// Where nothing says which of a connector's tariffs applies, a simulated charge has the first that is for its driver. One that began before
// any was there has that of today.
func TestWhichTariffASimulatedChargeHas(t *testing.T) {
	t.Parallel()
	n, s := billed(t)
	adHoc, first, second := v230.Tariff{}, v230.Tariff{}, v230.Tariff{}
	for i, o := range []*v230.Tariff{&adHoc, &first, &second} {
		*o = sample.FreeTariff()
		o.CountryCode, o.PartyID, o.ID, o.LastUpdated = "NL", "GPE", ocpi.CiString([]string{"ADHOC", "FIRST", "SECOND"}[i]), s.LastUpdated
	}
	adHoc.Type = new(v230.TariffTypeAdHocPayment)
	put(t, n.Objects.Tariffs, adHoc, first, second)
	location, err := n.Objects.Locations.Find(t.Context(), nil, string(s.LocationID))
	if err != nil {
		t.Fatal(err)
	}
	network := n.Network(own)
	for _, test := range []struct {
		of    []ocpi.CiString
		begin time.Time
		want  ocpi.CiString
	}{
		{[]ocpi.CiString{"ADHOC", "FIRST", "SECOND"}, s.LastUpdated.Time().Add(time.Hour), "FIRST"},
		{[]ocpi.CiString{"ADHOC", "SECOND"}, s.LastUpdated.Time().Add(time.Hour), "SECOND"},
		{[]ocpi.CiString{"SECOND", "FIRST"}, s.LastUpdated.Time().Add(-24 * time.Hour), "SECOND"},
		{[]ocpi.CiString{"NONE"}, s.LastUpdated.Time(), ""},
		{nil, s.LastUpdated.Time(), ""},
	} {
		location.EVSEs[0].Connectors[0].TariffIDs = test.of
		location.LastUpdated = ocpi.NewDateTime(location.LastUpdated.Time().Add(time.Second))
		put(t, n.Objects.Locations, location)
		session := s
		session.StartDateTime, session.ChargingPeriods = ocpi.NewDateTime(test.begin), nil
		tariffs, err := network.Tariffs(t.Context(), &session)
		got := ocpi.CiString("")
		if len(tariffs) > 0 {
			got = tariffs[0].ID
		}
		if err != nil || got != test.want || len(tariffs) > 1 {
			t.Errorf("of %v: %q, want %q: %v", test.of, got, test.want, err)
		}
	}
}
