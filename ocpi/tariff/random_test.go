package tariff_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (s *second) like(before *second) bool {
	return s.kind == before.kind && s.wh == before.wh && s.amps == before.amps && s.kw == before.kw
}

func (s *second) period() tariff.Period {
	p := tariff.Period{Start: s.at, End: s.at.Add(time.Second), Energy: exact.New(s.wh, -3)}
	second := exact.New(1, 0)
	switch s.kind {
	case "CHARGING":
		p.Charging = second
	case "PARKING":
		p.Parking = second
	default:
		p.Reserved = second
	}
	amps, kw := exact.New(s.amps, 0), exact.New(s.kw, 0)
	p.MinCurrent, p.MaxCurrent, p.MinPower, p.MaxPower = &amps, &amps, &kw, &kw
	return p
}

var zones = []string{"Europe/Amsterdam", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"}

// anyStart is a time near midnight, or near the begin or end of summer time.
func anyStart(r *rapid.T) time.Time {
	day := rapid.SampledFrom([]string{"2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2026-10-03", "2026-04-04", "2026-03-07", "2026-11-01", "2026-06-12", "2026-12-31"}).Draw(r, "day")
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		r.Fatal(err)
	}
	return at.Add(time.Duration(rapid.IntRange(0, 24*60).Draw(r, "minute")) * time.Minute)
}

// anySession is one of stretches of whole minutes, with as many Wh in each second as let every limit of energy fall on a second.
func anySession(r *rapid.T) (seconds []second) {
	at := anyStart(r)
	stretch := func(kind string, minutes int, wh, amps, kw int64) {
		for range minutes * 60 {
			seconds = append(seconds, second{at, kind, wh, amps, kw})
			at = at.Add(time.Second)
		}
	}
	minutes := rapid.IntRange(1, 50)
	switch rapid.IntRange(0, 5).Draw(r, "reserved") {
	case 0:
		stretch("EXPIRED", minutes.Draw(r, "minutes"), 0, 0, 0)
		return seconds
	case 1:
		stretch("RESERVATION", minutes.Draw(r, "minutes"), 0, 0, 0)
	}
	for range rapid.IntRange(1, 4).Draw(r, "stretches") {
		if rapid.IntRange(0, 2).Draw(r, "parks") == 0 {
			stretch("PARKING", minutes.Draw(r, "minutes"), 0, 0, 0)
			continue
		}
		wh := rapid.SampledFrom([]int64{0, 1, 5, 10, 20}).Draw(r, "wh")
		stretch("CHARGING", minutes.Draw(r, "minutes"), wh, rapid.Int64Range(0, 64).Draw(r, "amps"), rapid.Int64Range(0, 60).Draw(r, "kw"))
	}
	return seconds
}

var (
	anyPrice = rapid.Custom(func(r *rapid.T) ocpi.Number {
		return ocpi.NewNumber(exact.New(rapid.Int64Range(0, 500).Draw(r, "price"), -2).Decimal())
	})
	anyClock = rapid.Custom(func(r *rapid.T) string {
		return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(r, "hour"), rapid.SampledFrom([]int{0, 0, 30, 59}).Draw(r, "minute"))
	})
	anyDate = rapid.SampledFrom([]string{"2026-03-29", "2026-10-25", "2026-06-13", "2027-01-01", "2026-04-05"})
	anyDay  = rapid.SampledFrom([]v230.DayOfWeek{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"})
)

// maybe is a pointer to what is drawn, in one of so many cases.
func maybe[T any](r *rapid.T, of int, g *rapid.Generator[T], name string) *T {
	if rapid.IntRange(1, of).Draw(r, "has "+name) != 1 {
		return nil
	}
	return new(g.Draw(r, name))
}

func numbers(step, most int64) *rapid.Generator[ocpi.Number] {
	return rapid.Custom(func(r *rapid.T) ocpi.Number { return ocpi.NumberOf(step * rapid.Int64Range(0, most/step).Draw(r, "n")) })
}

func anyRestrictions(r *rapid.T) *v230.TariffRestrictions {
	out := &v230.TariffRestrictions{
		StartTime: maybe(r, 4, anyClock, "start_time"), EndTime: maybe(r, 4, anyClock, "end_time"),
		StartDate: maybe(r, 12, anyDate, "start_date"), EndDate: maybe(r, 12, anyDate, "end_date"),
		MinKWh: maybe(r, 6, numbers(3, 60), "min_kwh"), MaxKWh: maybe(r, 6, numbers(3, 60), "max_kwh"),
		MinCurrent: maybe(r, 8, numbers(1, 64), "min_current"), MaxCurrent: maybe(r, 8, numbers(1, 64), "max_current"),
		MinPower: maybe(r, 8, numbers(1, 60), "min_power"), MaxPower: maybe(r, 8, numbers(1, 60), "max_power"),
		MinDuration: maybe(r, 6, rapid.IntRange(0, 7200), "min_duration"), MaxDuration: maybe(r, 6, rapid.IntRange(0, 7200), "max_duration"),
		Reservation: maybe(r, 4, rapid.SampledFrom([]v230.ReservationRestrictionType{"RESERVATION", "RESERVATION_EXPIRES"}), "reservation"),
	}
	if rapid.IntRange(0, 5).Draw(r, "days") == 0 {
		out.DayOfWeek = rapid.SliceOfN(anyDay, 1, 4).Draw(r, "day_of_week")
	}
	return out
}

func anyTariff(r *rapid.T) *v230.Tariff {
	t := &v230.Tariff{ID: "T", Currency: "EUR", TaxIncluded: rapid.SampledFrom([]v230.TaxIncluded{"YES", "NO", "N/A"}).Draw(r, "tax_included")}
	for range rapid.IntRange(1, 6).Draw(r, "elements") {
		var e v230.TariffElement
		for _, d := range rapid.SliceOfNDistinct(rapid.SampledFrom([]v230.TariffDimensionType{"ENERGY", "TIME", "PARKING_TIME", "FLAT"}), 1, 3, rapid.ID).Draw(r, "dimensions") {
			e.PriceComponents = append(e.PriceComponents, v230.PriceComponent{
				Type: d, Price: anyPrice.Draw(r, "price"), VAT: maybe(r, 2, rapid.SampledFrom([]ocpi.Number{ocpi.NumberOf(19), ocpi.MustNumber("5.2"), ocpi.NumberOf(0)}), "vat"),
				StepSize: rapid.SampledFrom([]int{0, 1, 7, 60, 500, 900}).Draw(r, "step_size"),
			})
		}
		if rapid.IntRange(0, 3).Draw(r, "restricted") > 0 {
			e.Restrictions = anyRestrictions(r)
		}
		t.Elements = append(t.Elements, e)
	}
	limit := rapid.Custom(func(r *rapid.T) v230.PriceLimit {
		return v230.PriceLimit{BeforeTaxes: anyPrice.Draw(r, "before"), AfterTaxes: maybe(r, 2, anyPrice, "after")}
	})
	t.MinPrice, t.MaxPrice = maybe(r, 5, limit, "min_price"), maybe(r, 5, limit, "max_price")
	return t
}

func priced(t interface {
	Helper()
	Fatal(...any)
}, c tariff.Charge, tariffs []*tariff.Tariff, p tariff.Policy) *tariff.Breakdown {
	t.Helper()
	b, err := tariff.Price(&c, tariffs, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compiled(t interface {
	Helper()
	Fatal(...any)
}, source *v230.Tariff) []*tariff.Tariff {
	t.Helper()
	c, err := tariff.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return []*tariff.Tariff{c}
}

func TestPriceIsThatOfEverySecond(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seconds, source := anySession(r), anyTariff(r)
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(r, "zone"))
		if err != nil {
			r.Fatal(err)
		}
		tariffs, policy := compiled(r, source), tariff.Policy{Zone: zone}
		whole := chargeOf(seconds)
		divided, err := tariff.Divide(&whole, tariffs, policy)
		if err != nil {
			r.Fatal(err)
		}
		b := priced(r, divided, tariffs, policy)
		o := oracle{tariff: source, zone: zone}
		before, after := o.price(seconds)
		if (before == nil) != b.Total.NoBefore || before != nil && b.Total.Before.Rat().Cmp(before) != 0 {
			r.Errorf("before taxes %s (unknown: %v), want %v", b.Total.Before, b.Total.NoBefore, before)
		}
		if (after == nil) != b.Total.NoAfter || after != nil && b.Total.After.Rat().Cmp(after) != 0 {
			r.Errorf("after taxes %s (unknown: %v), want %v", b.Total.After, b.Total.NoAfter, after)
		}
		if r.Failed() {
			for i, l := range b.Lines {
				r.Logf("%d %s %d/%d %s+%s x %s = %s", l.Period, l.Dimension, l.Element, l.Component, l.Quantity, l.Added, l.Price, b.Cost(i).Before)
			}
			for what, lines := range o.lines {
				for _, l := range lines {
					r.Logf("oracle: %s %s x %s", what, l.quantity.FloatString(6), l.component.Price)
				}
			}
		}

		sum := tariff.Cost{}
		for i := range b.Lines {
			sum = sum.Add(b.Cost(i))
		}
		if sum.Before.Cmp(b.Unlimited.Before) != 0 || sum.After.Cmp(b.Unlimited.After) != 0 {
			r.Errorf("lines add up to %s / %s, not %s / %s", sum.Before, sum.After, b.Unlimited.Before, b.Unlimited.After)
		}
		if !b.Unlimited.NoAfter && !b.Unlimited.NoBefore && b.Unlimited.After.Cmp(b.Unlimited.Before) < 0 {
			r.Errorf("%s before taxes, %s after", b.Unlimited.Before, b.Unlimited.After)
		}
		if b.Total.After.Cmp(b.Total.Before) < 0 && !b.Total.NoAfter && !b.Total.NoBefore && (source.MaxPrice == nil || source.MaxPrice.AfterTaxes == nil) &&
			(source.MinPrice == nil || source.MinPrice.AfterTaxes == nil) {
			r.Errorf("%s before taxes, %s after, within limits", b.Total.Before, b.Total.After)
		}
		mixed := tariff.Charge{Periods: slices.Clone(divided.Periods), Expired: divided.Expired}
		rand.Shuffle(len(mixed.Periods), func(i, j int) { mixed.Periods[i], mixed.Periods[j] = mixed.Periods[j], mixed.Periods[i] })
		mixed.Arrange()
		same(r, "with its periods in another order", b, priced(r, mixed, tariffs, policy))
		same(r, "with a period cut where nothing changes", b, priced(r, cutAnywhere(r, divided), tariffs, policy))
	})
}

func same(r *rapid.T, how string, a, b *tariff.Breakdown) {
	r.Helper()
	if a.Total.Before.Cmp(b.Total.Before) != 0 || a.Total.After.Cmp(b.Total.After) != 0 {
		r.Errorf("%s it costs %s / %s, and %s / %s without", how, b.Total.Before, b.Total.After, a.Total.Before, a.Total.After)
	}
}

// cutAnywhere cuts one period of a charge in two.
func cutAnywhere(r *rapid.T, c tariff.Charge) tariff.Charge {
	i := rapid.IntRange(0, len(c.Periods)-1).Draw(r, "cut")
	p := c.Periods[i]
	all := int64(p.End.Sub(p.Start) / time.Second)
	if all < 2 {
		return c
	}
	n := rapid.Int64Range(1, all-1).Draw(r, "at")
	first, second := p, p
	first.End = p.Start.Add(time.Duration(n) * time.Second)
	second.Start = first.End
	share := func(d exact.Decimal) (a, b exact.Decimal) {
		a = d.Mul(exact.New(n, 0)).DivRound(exact.New(all, 0), 12)
		return a, d.Sub(a)
	}
	first.Energy, second.Energy = share(p.Energy)
	first.Charging, second.Charging = share(p.Charging)
	first.Parking, second.Parking = share(p.Parking)
	first.Reserved, second.Reserved = share(p.Reserved)
	return tariff.Charge{Periods: slices.Concat(c.Periods[:i], []tariff.Period{first, second}, c.Periods[i+1:]), Expired: c.Expired}
}
