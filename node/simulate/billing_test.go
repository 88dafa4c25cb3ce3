package simulate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func priced(of v230.TariffDimensionType, price string, step int) v230.PriceComponent {
	return v230.PriceComponent{Type: of, Price: ocpi.MustNumber(price), VAT: new(ocpi.NumberOf(21)), StepSize: step}
}

func element(r *v230.TariffRestrictions, components ...v230.PriceComponent) v230.TariffElement {
	return v230.TariffElement{PriceComponents: components, Restrictions: r}
}

func tariffOf(elements ...v230.TariffElement) *v230.Tariff {
	return &v230.Tariff{
		CountryCode: "NL", PartyID: "GPE", ID: "T", Currency: "EUR", TaxIncluded: v230.TaxIncludedNo, LastUpdated: ocpi.NewDateTime(noon.AddDate(-1, 0, 0)),
		Elements: elements,
	}
}

// A billing is a tariff for a charge of some hours, and what is to be seen in the price.
type billing struct {
	tariff *v230.Tariff
	hours  int
	power  v230.PowerType // empty for any
	seen   func(*tariff.Breakdown) bool
}

func billings() map[string]billing {
	energy := func(price string) v230.PriceComponent { return priced(v230.TariffDimensionTypeEnergy, price, 1) }
	elements := func(least int) func(*tariff.Breakdown) bool {
		return func(b *tariff.Breakdown) bool {
			used := map[int]bool{}
			for _, l := range b.Lines {
				used[l.Element] = true
			}
			return len(used) >= least
		}
	}
	limited := tariffOf(element(nil, energy("0.50")))
	limited.MinPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("900.00"), AfterTaxes: new(ocpi.MustNumber("1089.00"))}
	capped := tariffOf(element(nil, energy("0.50")))
	capped.MaxPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("1.00"), AfterTaxes: new(ocpi.MustNumber("1.21"))}
	untaxed := tariffOf(element(nil, v230.PriceComponent{Type: v230.TariffDimensionTypeEnergy, Price: ocpi.MustNumber("0.333"), StepSize: 1}))
	untaxed.TaxIncluded = v230.TaxIncludedNA
	included := tariffOf(element(nil, energy("0.41"), priced(v230.TariffDimensionTypeFlat, "0.90", 1)))
	included.TaxIncluded = v230.TaxIncludedYes
	return map[string]billing{
		"PR-11: by the time of day, within a slice": {tariff: tariffOf(
			element(&v230.TariffRestrictions{StartTime: new("14:37"), EndTime: new("15:11")}, energy("0.61")), element(nil, energy("0.37")),
		), hours: 6, seen: elements(2)},
		"PR-11: by energy": {tariff: tariffOf(
			element(&v230.TariffRestrictions{MaxKWh: new(ocpi.MustNumber("1.234"))}, energy("0.61")), element(nil, energy("0.37")),
		), hours: 3, seen: elements(2)},
		"PR-11: by duration": {tariff: tariffOf(
			element(&v230.TariffRestrictions{MinDuration: new(1001)}, energy("0.61"), priced(v230.TariffDimensionTypeTime, "3.00", 60)), element(nil, energy("0.37")),
		), hours: 3, seen: elements(2)},
		"PR-14: step sizes": {tariff: tariffOf(
			element(nil, priced(v230.TariffDimensionTypeEnergy, "0.37", 750), priced(v230.TariffDimensionTypeTime, "2.00", 7200)),
		), hours: 3, seen: func(b *tariff.Breakdown) bool { return len(b.Steps) == 2 }},
		"PR-17: parking": {tariff: tariffOf(
			element(nil, energy("0.37"), priced(v230.TariffDimensionTypeTime, "2.00", 600), priced(v230.TariffDimensionTypeParkingTime, "4.00", 7200)),
		), hours: 6, power: v230.PowerTypeDC, seen: func(b *tariff.Breakdown) bool { return b.Parking.Before.Sign() > 0 && len(b.Steps) == 1 }},
		"PR-22: a minimum": {tariff: limited, hours: 1, seen: func(b *tariff.Breakdown) bool { return len(b.Limits) == 2 }},
		"PR-22: a maximum": {tariff: capped, hours: 3, seen: func(b *tariff.Breakdown) bool { return len(b.Limits) == 2 }},
		"PR-26: no taxes":  {tariff: untaxed, hours: 3, seen: func(b *tariff.Breakdown) bool { return len(b.Total.Taxes) == 0 }},
		"PR-26: prices with taxes": {
			tariff: included, hours: 3, seen: func(b *tariff.Breakdown) bool { return b.Total.After.Cmp(b.Total.Before) > 0 },
		},
		"PR-07: by power, which falls": {tariff: tariffOf(
			element(&v230.TariffRestrictions{MinPower: new(ocpi.NumberOf(35))}, energy("0.79")), element(nil, energy("0.49")),
		), hours: 3, power: v230.PowerTypeDC, seen: elements(2)},
		"PR-07: by current, which is that of all phases": {tariff: tariffOf(
			element(&v230.TariffRestrictions{MinCurrent: new(ocpi.NumberOf(1000))}, energy("0.79")), element(nil, energy("0.49")),
		), hours: 3, power: v230.PowerTypeAC3Phase, seen: func(b *tariff.Breakdown) bool { return b.Lines[0].Element == 1 }},
	}
}

// orderAt is an order for an EVSE that is available, with a connector of a power type; empty for any.
func orderAt(t *testing.T, n *network, power v230.PowerType) simulate.Order {
	t.Helper()
	o := order(t, n)
	for _, l := range n.locations {
		for _, e := range l.EVSEs {
			for _, c := range e.Connectors {
				if e.Status == v230.StatusAvailable && c.PowerType == power {
					o.Location.ID, o.EVSEUID, o.ConnectorID = string(l.ID), string(e.UID), string(c.ID)
					return o
				}
			}
		}
	}
	if power != "" {
		t.Fatalf("no EVSE with %s is available", power)
	}
	return o
}

// asStored is an object as it comes out of a store.
func asStored[T any](t *testing.T, object T) (stored T) {
	t.Helper()
	raw, err := json.Marshal(&object)
	if err == nil {
		err = json.Unmarshal(raw, &stored)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// agrees looks whether the tariff gives what a CDR costs, and whether nothing else is wrong with it.
func agrees(t *testing.T, cdr v230.CDR, by *v230.Tariff) *tariff.Breakdown {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	stored := asStored(t, cdr)
	audit := tariff.Check(&stored, []*v230.Tariff{by}, tariff.Policy{Zone: zone})
	if audit.Verdict != tariff.Agrees {
		t.Errorf("%s: %+v", audit.Verdict, audit.Costs)
	}
	for _, f := range audit.Findings {
		if f.Code != "note" {
			t.Errorf("%s %s: %s", f.Code, f.Pointer, f.Message)
		}
	}
	return audit.Breakdown
}

// soFar is a session as the CDR that it would have if it ended with its last period.
func soFar(s v230.Session) v230.CDR {
	charging, parking, _ := totals(s.ChargingPeriods)
	hours := charging.Add(parking)
	end := s.StartDateTime.Time().Add(time.Duration(hours.Mul(decimal.New(3600, 0)).Round(0).IntPart()) * time.Second)
	return v230.CDR{
		StartDateTime: s.StartDateTime, EndDateTime: ocpi.NewDateTime(end), Currency: s.Currency,
		ChargingPeriods: s.ChargingPeriods, TotalCost: *s.TotalCost, TotalEnergy: s.KWh, TotalTime: ocpi.NewNumber(hours),
	}
}

// There is one way to price: what simulated chargers bill is what the tariff gives, while they charge and in the end.
func TestWhatSimulatedChargersBillIsWhatTheTariffGives(t *testing.T) {
	for name, b := range billings() {
		for _, paced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by the clock %t", name, paced), func(t *testing.T) {
				d, n, step := calm(t)
				n.everywhere = b.tariff
				o := orderAt(t, n, b.power)
				seconds := 3 * b.hours // a step is 20 minutes
				o.At = time.Time{}
				if paced {
					o.At, seconds = noon.Add(time.Second), 121
				}
				session, err := d.Start(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				step(seconds)
				if err := d.Stop(t.Context(), string(session.ID)); err != nil {
					t.Fatal(err)
				}
				active := 0
				for _, s := range n.sessions[session.ID] {
					if s.Status == v230.SessionStatusActive {
						agrees(t, soFar(s), b.tariff)
						active++
					}
				}
				cdr := n.cdrs[session.ID][0]
				breakdown := agrees(t, cdr, b.tariff)
				if active == 0 || !paced && !b.seen(breakdown) {
					t.Errorf("%d states, costs %s: %d steps, %d limits", active, cdr.TotalCost.BeforeTaxes, len(breakdown.Steps), len(breakdown.Limits))
				}
				states := n.sessions[session.ID]
				valid(t, cdr, convert.CDRTo211, n)
				valid(t, states[len(states)-1], convert.SessionTo211, n)
			})
		}
	}
}

// Energy is in the period in which it flowed: by power, a price is that of the energy that flowed with so much.
func TestEnergyIsInThePeriodInWhichItFlowed(t *testing.T) {
	d, n, step := calm(t)
	b := billings()["PR-07: by power, which falls"]
	n.everywhere = b.tariff
	o := orderAt(t, n, b.power)
	o.At = time.Time{}
	session, err := d.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	step(12)
	if err := d.Stop(t.Context(), string(session.ID)); err != nil {
		t.Fatal(err)
	}
	cdr := n.cdrs[session.ID][0]
	breakdown := agrees(t, cdr, b.tariff)
	for _, l := range breakdown.Lines {
		p := cdr.ChargingPeriods[l.Period]
		power := volume(p, v230.CdrDimensionTypeEnergy).Div(volume(p, v230.CdrDimensionTypeTime))
		if fast := power.Cmp(ocpi.NumberOf(35).Decimal()) >= 0; fast != (l.Element == 0) {
			t.Errorf("%s kW are billed by element %d", power, l.Element)
		}
	}
}

// A charge at a connector without a tariff costs nothing, and one by a tariff that cannot be priced with does not either.
func TestAChargeWithoutATariffIsFree(t *testing.T) {
	unreadable := tariffOf(element(&v230.TariffRestrictions{StartTime: new("noon")}, priced(v230.TariffDimensionTypeEnergy, "0.50", 1)))
	for name, by := range map[string]*v230.Tariff{"none": nil, "one that cannot be read": unreadable} {
		t.Run(name, func(t *testing.T) {
			d, n, step := calm(t)
			n.tariffs, n.everywhere = nil, by
			session, err := d.Start(t.Context(), order(t, n))
			if err != nil {
				t.Fatal(err)
			}
			step(20)
			if err := d.Stop(t.Context(), string(session.ID)); err != nil {
				t.Fatal(err)
			}
			cdr := n.cdrs[session.ID][0]
			if !cdr.TotalCost.BeforeTaxes.Equal(ocpi.NumberOf(0)) || len(cdr.Tariffs) != 0 || cdr.TotalEnergy.Decimal().Sign() <= 0 {
				t.Errorf("%+v", cdr)
			}
			if findings := cdr.Validate(); len(findings) > 0 {
				t.Error(findings)
			}
		})
	}
}
