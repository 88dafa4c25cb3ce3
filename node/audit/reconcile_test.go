package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// receiveFrom takes CDRs of another partner.
func (d *desk) receiveFrom(name string, cdrs ...v230.CDR) {
	d.Helper()
	other := *partner
	other.ID = name
	for _, cdr := range cdrs {
		if _, _, err := object.NewReceivedCDRs(d.db).Create(d.Context(), &other, ocpi.Key{Party: cpo, ID: string(cdr.ID)}, cdr); err != nil {
			d.Fatal(err)
		}
	}
}

// ended is a CDR whose charge ended then, after an hour.
func ended(at time.Time, cdr v230.CDR) v230.CDR {
	cdr.StartDateTime, cdr.EndDateTime = ocpi.NewDateTime(at.Add(-time.Hour)), ocpi.NewDateTime(at)
	cdr.ChargingPeriods = []v230.ChargingPeriod{cdr.ChargingPeriods[0]}
	cdr.ChargingPeriods[0].StartDateTime = cdr.StartDateTime
	return cdr
}

func (d *desk) months(want store.CheckFilter) (texts []string) {
	d.Helper()
	a := audit.New(d.config)
	if _, err := a.CheckAll(d.Context(), store.CheckFilter{}, func(audit.Progress) {}); err != nil {
		d.Fatal(err)
	}
	months, err := a.Reconcile(d.Context(), want)
	if err != nil {
		d.Fatal(err)
	}
	for _, m := range months {
		texts = append(texts, fmt.Sprintf("%s %s %s: %d CDRs, %s kWh, %s stated, %s of it against %s: %s; %d, %d, %d", m.Partner, m.Month, m.Currency,
			m.CDRs, m.Energy, m.Stated, m.Judged, m.Computed, m.Difference(), m.Agree, m.Differ, m.CannotSay))
	}
	return texts
}

// What partners bill is added up exactly, by partner, month and currency; a charge belongs to the month in which it ended, in UTC.
func TestWhatPartnersBillIsAddedUp(t *testing.T) {
	d := newDesk(t)
	july := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	price := priceOf("0.30", began.AddDate(-1, 0, 0))
	francs, francsCDR := price, cdrOf("F", "3.00")
	francs.Currency, francsCDR.Currency = "CHF", "CHF"
	francsCDR.Tariffs = []v230.Tariff{francs}
	credit := cdrOf("CREDIT", "-3.10", price)
	credit.Credit, credit.CreditReferenceID = new(true), new(ocpi.CiString("B"))
	third := priceOf("0.33333", began.AddDate(-1, 0, 0))
	d.receive(
		ended(july.Add(-time.Microsecond), cdrOf("A", "3.00", price)), ended(july, cdrOf("B", "3.10", price)), ended(july.Add(time.Hour), credit),
		ended(july, cdrOf("C", "4.50")), ended(july, francsCDR), ended(july.Add(time.Hour), cdrOf("D", "3.333", third)),
	)
	d.receiveFrom("another", ended(july, cdrOf("A", "3.001", price)))
	want := []string{
		"another 2026-07 EUR: 1 CDRs, 10 kWh, 3.001 stated, 3.001 of it against 3: 0.001; 1, 0, 0",
		"grenspaal 2026-06 EUR: 1 CDRs, 10 kWh, 3 stated, 3 of it against 3: 0; 1, 0, 0",
		"grenspaal 2026-07 CHF: 1 CDRs, 10 kWh, 3 stated, 3 of it against 3: 0; 1, 0, 0",
		"grenspaal 2026-07 EUR: 4 CDRs, 20 kWh, 7.833 stated, 3.333 of it against 3.3333: -0.0003; 1, 2, 1",
	}
	if diff := cmp.Diff(want, d.months(store.CheckFilter{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:], d.months(store.CheckFilter{Source: partner.ID, From: july})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:2], d.months(store.CheckFilter{Source: partner.ID, To: july})); diff != "" {
		t.Error(diff)
	}
}
