package tariff

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// Errors of Price and Divide, besides *UnknownTariffError.
var (
	// ErrNoPeriods tells of a charge without a period.
	ErrNoPeriods = errors.New("it has no periods to price")
	// ErrTooLong tells of a charge with more periods than the policy allows.
	ErrTooLong = errors.New("it has too many periods")
	// ErrNoTariff tells that there is no tariff to price with.
	ErrNoTariff = errors.New("there is no tariff to price it with")
	// ErrCurrencies tells of tariffs in several currencies, or in another than the session's.
	ErrCurrencies = errors.New("there are several currencies")
)

// An UnknownTariffError tells that a period names a tariff that is not there.
type UnknownTariffError struct {
	Period int
	ID     string
}

// Error implements error.
func (e *UnknownTariffError) Error() string {
	return fmt.Sprintf("period %d is priced with tariff %s, which is not there", e.Period+1, e.ID)
}

// A Line is what one price component bills in one period.
type Line struct {
	// Period is the number of the period in order of time, from 0.
	Period    int
	Dimension Dimension
	// Reservation tells that it is part of the price of the reservation.
	Reservation bool
	// Tariff, Element and Component say where the price is: ids and numbers from 0.
	Tariff             *Tariff
	Element, Component int
	// Quantity is in kWh or seconds, and 1 for FLAT. Added is what step_size adds to it.
	Quantity, Added exact.Decimal
	// Price is for one kWh or hour, or the flat price. It includes taxes where the tariff says so.
	Price exact.Decimal

	taxing    *taxing
	component *component
}

// A Step is what step_size added to the last line that its dimension has.
type Step struct {
	// Line is the number of the line.
	Line int
	// Size is the step_size, Total what was billed without it, and Rounded with it, in Wh or seconds.
	Size, Total, Rounded exact.Decimal
}

// A Limited is what a limit of a tariff changed.
type Limited struct {
	// Minimum tells that it is min_price, otherwise it is max_price. AfterTaxes tells that it is the limit with taxes.
	Minimum, AfterTaxes bool
	Limit               exact.Decimal
	// Was is what the amount would have been.
	Was Amount
}

// A Note is something about the price that a person should know.
type Note string

// Notes.
const (
	NoteTimeAfterParking Note = "charging went on after parking, so that more than one step_size could count"
	NoteFirstTariff      Note = "periods name no tariff, and the first of several was taken"
	NoteNoZone           Note = "the tariff depends on the time of day, and the time zone of the location is not known: UTC was taken"
	NoteUnmeasured       Note = "the tariff depends on current or power, which periods do not say"
	NoteTaxesUnknown     Note = "the tariff does not say which taxes come on top"
	NoteTaxesNotStated   Note = "the CDR states no taxes: only amounts before taxes are compared"
	NoteBeforeUnknown    Note = "the tariff does not say which taxes its prices include"
	NoteFreeParking      Note = "the tariff has no price for parking, which costs nothing"
	NoteLimitTaxes       Note = "min_price has no amount with taxes, so that the total with taxes is not known"
	NoteLimitsIgnored    Note = "several tariffs apply, so that none of their limits does"
)

// A Breakdown is a price with every step of the way.
type Breakdown struct {
	Currency string
	Lines    []Line
	Steps    []Step
	// Limits are what min_price and max_price changed.
	Limits []Limited
	// The parts of the total, before limits: fixed prices, energy, charging, parking, and reservations with their fixed prices.
	Fixed, Energy, Time, Parking, Reservation Cost
	// Unlimited is their sum, and Total what it is within the limits.
	Unlimited, Total Cost
	Notes            []Note

	// moments are those at which each period was judged, and tariffs those it was priced with.
	moments []moment
	tariffs []*Tariff
	policy  Policy
}

// class is a part of the total.
type class int

const (
	classFixed class = iota
	classEnergy
	classTime
	classParking
	classReservation
	classes
)

// A pricer is one call of Price.
type pricer struct {
	charge  *Charge
	tariffs []*Tariff
	policy  *Policy
	out     *Breakdown

	// sessionBegan and reservationBegan are when they did.
	sessionBegan, reservationBegan time.Time
	// unbilled are quantities that have no price, by dimension, for A3.
	unbilled [dimensions]exact.Decimal
	// cutsMade and looks are what Divide has cut so far, and where it has looked for a cut.
	cutsMade, looks int
	// flat holds the FLAT components that were billed, in the session and in the reservation, and the one active last.
	flat [2]flats
	used []*Tariff
}

type flats struct {
	billed []*component
	active *component
}

// Price prices a charge with the tariffs that applied: each period with the one that it names, among those given. Restrictions are
// judged at the start of each period, which is not divided: that is for who makes the CDR (PR-11, and see Divide).
func Price(c *Charge, tariffs []*Tariff, policy Policy) (*Breakdown, error) {
	p := &pricer{charge: c, tariffs: tariffs, policy: &policy, out: &Breakdown{policy: policy}}
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := p.bill(); err != nil {
		return nil, err
	}
	p.steps()
	p.add()
	p.limit()
	p.note()
	return p.out, nil
}

func (p *pricer) check() error {
	if len(p.charge.Periods) == 0 {
		return ErrNoPeriods
	}
	if n := len(p.charge.Periods); n > p.policy.maxPeriods() {
		return fmt.Errorf("%w: %d, %d are allowed", ErrTooLong, n, p.policy.maxPeriods())
	}
	if len(p.tariffs) == 0 {
		if p.policy.WithoutTariff == WithoutTariffFree {
			return nil
		}
		return ErrNoTariff
	}
	p.out.Currency = p.tariffs[0].source.Currency
	for _, t := range p.tariffs {
		if t.source.Currency != p.out.Currency {
			return ErrCurrencies
		}
	}
	return nil
}

// tariff is the one that applies to a period; nil for none.
func (p *pricer) tariff(i int) (*Tariff, error) {
	id := p.charge.Periods[i].TariffID
	if id == "" {
		if p.policy.WithoutTariff == WithoutTariffFree {
			return nil, nil
		}
		if len(p.tariffs) > 1 {
			p.out.note(NoteFirstTariff)
		}
		return p.tariffs[0], nil
	}
	for _, t := range p.tariffs {
		if sameID(string(t.source.ID), id) {
			return t, nil
		}
	}
	return nil, &UnknownTariffError{i, id}
}

func (b *Breakdown) note(n Note) {
	if !slices.Contains(b.Notes, n) {
		b.Notes = append(b.Notes, n)
	}
}

// bill makes the lines.
func (p *pricer) bill() error {
	periods := p.charge.Periods
	p.begin()
	p.out.moments, p.out.tariffs = make([]moment, len(periods)), make([]*Tariff, len(periods))
	p.out.Lines = make([]Line, 0, len(periods)*2+2)
	var energy exact.Decimal
	for i := range periods {
		period := &periods[i]
		t, err := p.tariff(i)
		if err != nil {
			return err
		}
		p.out.tariffs[i] = t
		m := &p.out.moments[i]
		*m = moment{at: period.Start, began: p.sessionBegan, energy: energy, period: period, expired: p.charge.Expired}
		if t != nil {
			if t.local {
				m.locate(p.policy)
			}
			p.use(t)
			p.period(i, t, m)
		}
		energy = energy.Add(period.Energy)
	}
	return nil
}

// begin finds out when the session began, and the reservation before it.
func (p *pricer) begin() {
	periods := p.charge.Periods
	p.sessionBegan, p.reservationBegan = periods[0].Start, periods[0].Start
	if began := p.charge.Began; !began.IsZero() && began.Before(periods[0].Start) && !periods[0].isReserved() {
		p.sessionBegan = began // what begins with a reservation began with that
		return
	}
	for i := range periods {
		if !periods[i].isReserved() {
			p.sessionBegan = periods[i].Start
			return
		}
	}
}

func (p *pricer) use(t *Tariff) {
	if !slices.Contains(p.used, t) {
		p.used = append(p.used, t)
	}
}

// period bills a period with its tariff (PR-02).
func (p *pricer) period(i int, t *Tariff, m *moment) {
	period := m.period
	if !period.Reserved.IsZero() {
		r := *m
		r.reserved, r.began = true, p.reservationBegan
		p.bookFlat(i, t, &r)
		p.book(i, t, &r, Time, Time, period.Reserved)
	}
	if period.isReserved() {
		return
	}
	p.bookFlat(i, t, m)
	p.book(i, t, m, Energy, Energy, period.Energy)
	charging, parking := period.Charging, period.Parking
	if p.policy.Throttled == ThrottledParks && period.Energy.IsZero() {
		charging, parking = exact.Decimal{}, parking.Add(charging)
	}
	p.book(i, t, m, Time, Time, charging)
	if p.policy.ParkingWithoutPrice == ParkingAsTime && !parking.IsZero() && t.active(Parking, m, p.policy) == nil {
		p.book(i, t, m, Parking, Time, parking)
		return
	}
	p.book(i, t, m, Parking, Parking, parking)
}

// active is the component that has the price of a dimension: that of the first element that has one and applies (PR-02).
func (t *Tariff) active(d Dimension, m *moment, p *Policy) *component {
	if m.reserved && m.expired { // an expired reservation is priced as one where there is a price for that (PR-30)
		for _, e := range t.having[d] {
			if e.reservation == expiredOnly && e.judge(m, p) == matches {
				return e.components[d]
			}
		}
	}
	for _, e := range t.having[d] {
		if e.judge(m, p) == matches {
			return e.components[d]
		}
	}
	return nil
}

// book bills a quantity of a dimension at the price of one.
func (p *pricer) book(i int, t *Tariff, m *moment, d, priced Dimension, quantity exact.Decimal) {
	if quantity.IsZero() {
		return
	}
	c := t.active(priced, m, p.policy)
	if c == nil {
		if !m.reserved {
			p.unbilled[d] = p.unbilled[d].Add(quantity)
		}
		return
	}
	p.line(i, t, m, d, c, quantity)
}

func (p *pricer) line(i int, t *Tariff, m *moment, d Dimension, c *component, quantity exact.Decimal) {
	p.out.Lines = append(p.out.Lines, Line{
		Period: i, Dimension: d, Reservation: m.reserved, Tariff: t, Element: c.element, Component: c.index,
		Quantity: quantity, Price: c.price, taxing: &t.taxes[c.tax], component: c,
	})
}

// bookFlat bills FLAT.
func (p *pricer) bookFlat(i int, t *Tariff, m *moment) {
	if p.policy.Flat == FlatOnce && len(p.flat[flatsOf(m.reserved)].billed) > 0 {
		return
	}
	if c := t.active(Flat, m, p.policy); p.flatDue(m.reserved, c) {
		p.line(i, t, m, Flat, c, one)
	}
}

// flatsOf is where the FLAT components are of the session, or of the reservation.
func flatsOf(reserved bool) int {
	if reserved {
		return 1
	}
	return 0
}

// flatDue reports whether FLAT is to be billed where a component is the active one, which may be nil, and remembers it (A1, PR-28: once for
// the session, and once for the reservation).
func (p *pricer) flatDue(reserved bool, c *component) bool {
	f := &p.flat[flatsOf(reserved)]
	again := c == f.active
	f.active = c
	switch {
	case c == nil, again, p.policy.Flat == FlatOnce && len(f.billed) > 0, p.policy.Flat == FlatEach && slices.Contains(f.billed, c):
		return false
	}
	f.billed = append(f.billed, c)
	return true
}

// classOf is the part of the total that a line belongs to (PR-25, A16).
func classOf(l *Line, p *Policy) class {
	switch {
	case l.Reservation:
		return classReservation
	case l.Dimension == Energy:
		return classEnergy
	case l.Dimension == Time:
		return classTime
	case l.Dimension == Parking:
		return classParking
	case p.ParkingFlat == ParkingFlatParking && l.Tariff.elements[l.Element].components[Parking] != nil:
		return classParking
	default:
		return classFixed
	}
}

// amount is what a line comes to as its price says, in 3,600ths: whole numbers where prices and quantities are.
func (l *Line) amount() exact.Decimal {
	return l.amountOf(l.Quantity.Add(l.Added))
}

// amountOf is what a quantity comes to at the price of the line.
func (l *Line) amountOf(quantity exact.Decimal) exact.Decimal {
	amount := l.Price.Mul(quantity)
	if l.Dimension == Energy || l.Dimension == Flat {
		amount = amount.Mul(hour)
	}
	return amount
}

// linesOf are the lines of a period.
func (b *Breakdown) linesOf(period int) []Line {
	byPeriod := func(l Line, period int) int { return cmp.Compare(l.Period, period) }
	from, _ := slices.BinarySearchFunc(b.Lines, period, byPeriod)
	to, _ := slices.BinarySearchFunc(b.Lines, period+1, byPeriod)
	return b.Lines[from:to]
}

// Cost is what a line comes to.
func (b *Breakdown) Cost(line int) Cost {
	l := &b.Lines[line]
	return l.taxing.cost(Amount{l.amount(), hour}, &b.policy)
}

// A sum is all that one component bills in one part of the total.
type sum struct {
	line     *Line
	class    class
	quantity exact.Decimal
}

// sums adds up the quantities of lines that have the same price.
func (p *pricer) sums() []sum {
	sums := make([]sum, 0, 8)
	for i := range p.out.Lines {
		l := &p.out.Lines[i]
		class, quantity := classOf(l, p.policy), l.Quantity.Add(l.Added)
		j := slices.IndexFunc(sums, func(s sum) bool {
			return s.line.component == l.component && s.class == class
		})
		if j < 0 {
			sums = append(sums, sum{l, class, quantity})
			continue
		}
		sums[j].quantity = sums[j].quantity.Add(quantity)
	}
	return sums
}

// add adds up the lines.
func (p *pricer) add() {
	var parts [classes]Cost
	for _, s := range p.sums() {
		parts[s.class] = parts[s.class].Add(s.line.taxing.cost(Amount{s.line.amountOf(s.quantity), hour}, p.policy))
	}
	for _, part := range parts {
		if p.policy.RoundParts { // A21
			part = part.rounded(p.policy.Rounding)
		}
		p.out.Unlimited = p.out.Unlimited.Add(part)
	}
	o := p.out
	o.Fixed, o.Energy, o.Time, o.Parking, o.Reservation = parts[classFixed], parts[classEnergy], parts[classTime], parts[classParking], parts[classReservation]
}
