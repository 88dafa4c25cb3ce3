package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	noon   = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	sample = ocpitest.Sample{CPO: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("DE", "GWH"), At: noon}
)

// A network keeps every state in which objects were stored.
type network struct {
	locations []v230.Location
	tariffs   []v230.Tariff
	open      []v230.Session
	// everywhere is the tariff of all connectors; nil for that which each has.
	everywhere *v230.Tariff

	// statuses, by EVSE, begin with what it was.
	statuses map[string][]v230.Status
	stamps   map[string][]time.Time
	sessions map[ocpi.CiString][]v230.Session
	cdrs     map[ocpi.CiString][]v230.CDR
	// fail is asked before everything that is stored; nil for no failures.
	fail func() error
}

func newNetwork() *network {
	n := &network{
		locations: sample.Locations(), tariffs: sample.Tariffs(), open: []v230.Session{sample.ActiveSession()},
		statuses: map[string][]v230.Status{}, stamps: map[string][]time.Time{},
		sessions: map[ocpi.CiString][]v230.Session{}, cdrs: map[ocpi.CiString][]v230.CDR{},
	}
	for _, l := range n.locations {
		for _, e := range l.EVSEs {
			n.statuses[string(e.UID)] = []v230.Status{e.Status}
		}
	}
	return n
}

func (n *network) failure() error {
	if n.fail == nil {
		return nil
	}
	return n.fail()
}

func (n *network) Locations(context.Context) ([]v230.Location, error) {
	locations := make([]v230.Location, len(n.locations))
	for i, l := range n.locations {
		l.EVSEs = slices.Clone(l.EVSEs)
		locations[i] = l
	}
	return locations, n.failure()
}

// Tariffs are the first tariff that the session's connector has.
func (n *network) Tariffs(_ context.Context, s *v230.Session) ([]*v230.Tariff, error) {
	if n.everywhere != nil {
		return []*v230.Tariff{n.everywhere}, n.failure()
	}
	for _, l := range n.locations {
		for _, e := range l.EVSEs {
			for _, c := range e.Connectors {
				if l.ID != s.LocationID || e.UID != s.EVSEUID || c.ID != s.ConnectorID || len(c.TariffIDs) == 0 {
					continue
				}
				for i := range n.tariffs {
					if n.tariffs[i].ID == c.TariffIDs[0] {
						return []*v230.Tariff{&n.tariffs[i]}, n.failure()
					}
				}
			}
		}
	}
	return nil, n.failure()
}

func (n *network) OpenSessions(context.Context) ([]v230.Session, error) {
	return slices.Clone(n.open), n.failure()
}

func (n *network) SetStatus(_ context.Context, location ocpi.Key, evse string, status v230.Status, at time.Time) error {
	if err := n.failure(); err != nil {
		return err
	}
	for i := range n.locations {
		for j := range n.locations[i].EVSEs {
			e := &n.locations[i].EVSEs[j]
			if string(n.locations[i].ID) == location.ID && string(e.UID) == evse {
				e.Status, e.LastUpdated = status, ocpi.NewDateTime(at)
				n.statuses[evse] = append(n.statuses[evse], status)
				n.stamps[evse] = append(n.stamps[evse], at)
				return nil
			}
		}
	}
	return fmt.Errorf("there is no EVSE %s at %s", evse, location.ID)
}

func (n *network) PutSession(_ context.Context, s v230.Session) error {
	if err := n.failure(); err != nil {
		return err
	}
	n.sessions[s.ID] = append(n.sessions[s.ID], s)
	n.open = slices.DeleteFunc(n.open, func(o v230.Session) bool { return o.ID == s.ID })
	if s.Status == v230.SessionStatusPending || s.Status == v230.SessionStatusActive {
		n.open = append(n.open, s)
	}
	return nil
}

func (n *network) PutCDR(_ context.Context, c v230.CDR) error {
	if err := n.failure(); err != nil {
		return err
	}
	n.cdrs[c.ID] = append(n.cdrs[c.ID], c)
	return nil
}

func tokens() []v230.Token {
	var tokens []v230.Token
	for n := range 40 {
		tokens = append(tokens, sample.Token(n+1))
	}
	return tokens
}

func day(n *network, seed uint64, speed int) *simulate.Day {
	return simulate.New(simulate.Config{
		Network: n, Tokens: tokens(), Speed: speed, Begin: time.Date(2026, time.February, 24, 0, 0, 0, 0, time.UTC),
		Rand: rand.New(rand.NewPCG(seed, seed)), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// live makes steps, a second apart.
func live(t *testing.T, d *simulate.Day, from time.Time, seconds int) {
	t.Helper()
	for i := range seconds {
		if err := d.Step(t.Context(), from.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// fullDay is how many seconds a day takes at the default speed.
const fullDay = 720

// next are the statuses that each can become.
var next = map[v230.Status][]v230.Status{
	v230.StatusAvailable: {
		v230.StatusCharging, v230.StatusReserved, v230.StatusBlocked, v230.StatusInoperative, v230.StatusOutOfOrder,
	},
	v230.StatusCharging:    {v230.StatusAvailable},
	v230.StatusReserved:    {v230.StatusCharging, v230.StatusAvailable},
	v230.StatusBlocked:     {v230.StatusAvailable},
	v230.StatusInoperative: {v230.StatusAvailable},
	v230.StatusOutOfOrder:  {v230.StatusAvailable},
	v230.StatusUnknown:     {v230.StatusAvailable},
}

func TestADayIsBelievable(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("day %d", seed), func(t *testing.T) {
			n := newNetwork()
			live(t, day(n, seed, 120), noon, fullDay)
			checkStatuses(t, n)
			for id, states := range n.sessions {
				checkSession(t, n, id, states)
			}
			for id := range n.cdrs {
				if len(n.sessions[id]) == 0 {
					t.Errorf("CDR %s has no session", id)
				}
			}
			if len(n.sessions) < 20 || len(n.cdrs) < 15 || len(n.sessions) > 300 {
				t.Errorf("%d sessions and %d CDRs at 12 EVSEs are not a day", len(n.sessions), len(n.cdrs))
			}
		})
	}
}

func checkStatuses(t *testing.T, n *network) {
	t.Helper()
	for evse, statuses := range n.statuses {
		for i := range len(statuses) - 1 {
			if !slices.Contains(next[statuses[i]], statuses[i+1]) {
				t.Errorf("%s went from %s to %s", evse, statuses[i], statuses[i+1])
			}
		}
		if !strictlyForward(n.stamps[evse]) {
			t.Errorf("last_updated of %s does not move forward: %v", evse, n.stamps[evse])
		}
	}
}

func strictlyForward(times []time.Time) bool {
	for i := range times {
		if times[i].Nanosecond() != 0 || i > 0 && !times[i].After(times[i-1]) {
			return false
		}
	}
	return true
}

// checkSession looks at all states of a session, and at its CDR.
func checkSession(t *testing.T, n *network, id ocpi.CiString, states []v230.Session) {
	t.Helper()
	order := []v230.SessionStatus{v230.SessionStatusPending, v230.SessionStatusActive, v230.SessionStatusCompleted}
	var stamps []time.Time
	before := v230.Session{Status: v230.SessionStatusPending}
	for _, s := range states {
		stamps = append(stamps, s.LastUpdated.Time())
		_, _, energy := totals(s.ChargingPeriods)
		if !energy.Equal(s.KWh.Decimal()) {
			t.Errorf("SES-16: session %s has %s kWh and periods of %s", id, s.KWh, energy)
		}
		if slices.Index(order, s.Status) < slices.Index(order, before.Status) || s.KWh.Decimal().Cmp(before.KWh.Decimal()) < 0 {
			t.Errorf("session %s went back from %s with %s kWh to %s with %s", id, before.Status, before.KWh, s.Status, s.KWh)
		}
		told := before.ChargingPeriods
		if len(s.ChargingPeriods) < len(told) || !cmp.Equal(told, s.ChargingPeriods[:len(told)], compare...) {
			t.Errorf("session %s has changed periods that were told", id)
		}
		valid(t, s, convert.SessionTo211, n)
		before = s
	}
	if !strictlyForward(stamps) {
		t.Errorf("last_updated of session %s does not move forward: %v", id, stamps)
	}
	last := states[len(states)-1]
	if completed := last.Status == v230.SessionStatusCompleted; completed != (len(n.cdrs[id]) == 1) {
		t.Errorf("session %s is %s and has %d CDRs", id, last.Status, len(n.cdrs[id]))
	} else if completed {
		checkCDR(t, n, last, n.cdrs[id][0])
	}
}

func checkCDR(t *testing.T, n *network, s v230.Session, c v230.CDR) {
	t.Helper()
	charging, parking, energy := totals(c.ChargingPeriods)
	all := charging.Add(parking)
	if !energy.Equal(c.TotalEnergy.Decimal()) || !all.Equal(c.TotalTime.Decimal()) || !c.TotalEnergy.Equal(s.KWh) {
		t.Errorf("CDR-16: CDR %s has %s kWh in %s h, its periods %s in %s", c.ID, c.TotalEnergy, c.TotalTime, energy, all)
	}
	if c.TotalParkingTime == nil != parking.IsZero() || c.TotalParkingTime != nil && !c.TotalParkingTime.Decimal().Equal(parking) {
		t.Errorf("CDR %s has %v h of parking, its periods %s", c.ID, c.TotalParkingTime, parking)
	}
	lasted := decimal.New(int64(c.EndDateTime.Time().Sub(c.StartDateTime.Time())/time.Second), 0).Div(decimal.New(3600, 0))
	if !lasted.Equal(c.TotalTime.Decimal()) {
		t.Errorf("CDR %s lasts from %s to %s and has %s h", c.ID, c.StartDateTime, c.EndDateTime, c.TotalTime)
	}
	if s.TotalCost == nil || !s.TotalCost.BeforeTaxes.Equal(c.TotalCost.BeforeTaxes) || len(c.Tariffs) != 1 {
		t.Errorf("CDR %s costs %s by %d tariffs, its session %v", c.ID, c.TotalCost.BeforeTaxes, len(c.Tariffs), s.TotalCost)
	}
	if c.CDRToken.CountryCode != "DE" || c.CDRToken.PartyID != "GWH" || s.EndDateTime == nil || !s.EndDateTime.Equal(c.EndDateTime) {
		t.Errorf("CDR %s is not that of its session", c.ID)
	}
	checkPrices(t, c)
	valid(t, c, convert.CDRTo211, n)
}

func totals(periods []v230.ChargingPeriod) (charging, parking, energy decimal.Decimal) {
	for _, p := range periods {
		charging = charging.Add(volume(p, v230.CdrDimensionTypeTime))
		parking = parking.Add(volume(p, v230.CdrDimensionTypeParkingTime))
		energy = energy.Add(volume(p, v230.CdrDimensionTypeEnergy))
	}
	return charging, parking, energy
}

func volume(p v230.ChargingPeriod, of v230.CdrDimensionType) (sum decimal.Decimal) {
	for _, d := range p.Dimensions {
		if d.Type == of {
			sum = sum.Add(d.Volume.Decimal())
		}
	}
	return sum
}

// checkPrices looks whether another price begins within a period: by the sample's tariffs at 7 and at 23 o'clock on AC, and
// after 45 minutes on DC, from when on charging has a price by time, and parking has not.
func checkPrices(t *testing.T, c v230.CDR) {
	t.Helper()
	for _, p := range c.ChargingPeriods {
		begin := p.StartDateTime.Time()
		hours := volume(p, v230.CdrDimensionTypeTime).Add(volume(p, v230.CdrDimensionTypeParkingTime))
		end := begin.Add(time.Duration(hours.Mul(decimal.New(3600, 0)).IntPart()) * time.Second)
		var changes []time.Time
		if volume(p, v230.CdrDimensionTypeTime).Sign() > 0 {
			changes = []time.Time{c.StartDateTime.Time().Add(45 * time.Minute)}
		}
		if c.CDRLocation.ConnectorPowerType != v230.PowerTypeDC {
			midnight := begin.Truncate(24 * time.Hour).Add(-time.Hour) // in the winter of both countries
			changes = []time.Time{midnight.Add(7 * time.Hour), midnight.Add(23 * time.Hour), midnight.Add(31 * time.Hour)}
		}
		for _, at := range changes {
			if c.Tariffs[0].ID != "FREE" && at.After(begin) && at.Before(end) {
				t.Errorf("the price changes at %s within the period of CDR %s from %s to %s", at, c.ID, begin, end)
			}
		}
	}
}

type validated[T any] interface {
	*T
	Validate() []ocpi.Finding
}

func valid[T, Old any, P validated[T], Q validated[Old]](t *testing.T, object T, down func(T, convert.Env) (Old, []convert.Loss), n *network) {
	t.Helper()
	if findings := P(&object).Validate(); len(findings) > 0 {
		t.Errorf("in 2.3.0: %v", findings)
	}
	old, losses := down(object, convert.Env{Owner: sample.CPO, Location: func(id string) (v230.Location, bool) {
		i := slices.IndexFunc(n.locations, func(l v230.Location) bool { return string(l.ID) == id })
		return n.locations[max(i, 0)], i >= 0
	}})
	if findings := Q(&old).Validate(); len(findings) > 0 {
		t.Errorf("in 2.1.1: %v", findings)
	}
	if convert.Withheld(losses) {
		t.Errorf("partners do not get it: %v", losses)
	}
}

var compare = []cmp.Option{
	cmp.Comparer(ocpi.Number.Equal), cmp.Comparer(ocpi.DateTime.Equal), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b ocpi.Party) bool { return a == b }),
}

func TestTheSameSeedGivesTheSameDay(t *testing.T) {
	first, second, other := newNetwork(), newNetwork(), newNetwork()
	live(t, day(first, 1, 120), noon, fullDay)
	live(t, day(second, 1, 120), noon, fullDay)
	live(t, day(other, 2, 120), noon, fullDay)
	if diff := cmp.Diff(first.sessions, second.sessions, compare...); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first.cdrs, second.cdrs, compare...); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first.statuses, second.statuses); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(first.statuses, other.statuses) {
		t.Error("another seed gives the same day")
	}
}

func TestTheDayIsBusierThanTheNight(t *testing.T) {
	begun := map[bool]int{}
	for seed := range uint64(10) {
		n := newNetwork()
		live(t, day(n, seed, 120), noon, fullDay)
		amsterdam, err := time.LoadLocation("Europe/Amsterdam")
		if err != nil {
			t.Skip("no time zones here: ", err)
		}
		for _, states := range n.sessions {
			hour := states[0].StartDateTime.Time().In(amsterdam).Hour()
			if hour >= 8 && hour < 10 || hour >= 16 && hour < 19 {
				begun[true]++
			} else if hour < 5 {
				begun[false]++
			}
		}
	}
	if begun[true] < 4*begun[false] {
		t.Errorf("%d sessions begin in the five busy hours, %d in the five quiet ones", begun[true], begun[false])
	}
}

func TestANewRunEndsWhatTheOldOneLeft(t *testing.T) {
	n := newNetwork()
	seconds := 300
	live(t, day(n, 3, 120), noon, seconds)
	if len(n.open) == 0 {
		t.Fatal("nothing was left open")
	}
	left := slices.Clone(n.open)
	restart := noon.Add(time.Duration(seconds) * time.Second)
	live(t, day(n, 4, 120), restart, 1)
	if len(n.open) > 0 {
		t.Errorf("%d sessions are still open", len(n.open))
	}
	for evse, statuses := range n.statuses {
		if statuses[len(statuses)-1] == v230.StatusCharging {
			t.Errorf("%s is charging for ever", evse)
		}
	}
	for _, s := range left {
		want := v230.SessionStatusCompleted
		if s.Status == v230.SessionStatusPending {
			want = v230.SessionStatusInvalid
		}
		states := n.sessions[s.ID]
		if last := states[len(states)-1]; last.Status != want || last.EndDateTime == nil {
			t.Errorf("session %s was %s and is %s", s.ID, s.Status, last.Status)
		}
	}
	live(t, day(n, 5, 120), restart.Add(time.Second), fullDay)
	checkStatuses(t, n)
	for id, states := range n.sessions {
		if states[len(states)-1].Status != v230.SessionStatusInvalid {
			checkSession(t, n, id, states)
		}
	}
}

// The sample has an EVSE that is charging without a session.
func TestTheFirstStepLeavesNothingCharging(t *testing.T) {
	n := newNetwork()
	live(t, day(n, 1, 120), noon, 1)
	for evse, statuses := range n.statuses {
		if statuses[len(statuses)-1] == v230.StatusCharging {
			t.Errorf("%s is still charging", evse)
		}
	}
	if len(n.cdrs) != 1 {
		t.Errorf("the session that was active has %d CDRs", len(n.cdrs))
	}
}

func TestLastUpdatedMovesForwardWhenTheClockGoesBack(t *testing.T) {
	n := newNetwork()
	live(t, day(n, 3, 120), noon, 300)
	left := slices.Clone(n.open)
	live(t, day(n, 4, 120), noon.Add(-time.Hour), 60)
	for _, s := range left {
		states := n.sessions[s.ID]
		if last := states[len(states)-1]; last.LastUpdated.Compare(s.LastUpdated) <= 0 {
			t.Errorf("session %s was updated at %s and then at %s", s.ID, s.LastUpdated, last.LastUpdated)
		}
	}
	checkStatuses(t, n)
}

// However the storing fails, there is one CDR for each session, the same in every try.
func TestFailuresGiveNoSecondCDR(t *testing.T) {
	n := newNetwork()
	r := rand.New(rand.NewPCG(7, 7))
	n.fail = func() error {
		if r.IntN(3) == 0 {
			return errors.New("the disk is full")
		}
		return nil
	}
	failed := 0
	d := day(n, 6, 120)
	for i := range fullDay {
		if err := d.Step(t.Context(), noon.Add(time.Duration(i)*time.Second)); err != nil {
			failed++
		}
		if i%200 == 199 { // as after a crash
			d = day(n, uint64(i), 120)
		}
	}
	if failed == 0 || len(n.cdrs) == 0 {
		t.Fatalf("%d failures, %d CDRs", failed, len(n.cdrs))
	}
	for id, tries := range n.cdrs {
		for _, again := range tries[1:] {
			if diff := cmp.Diff(tries[0], again, compare...); diff != "" {
				t.Errorf("CDR %s became another: %s", id, diff)
			}
		}
	}
	for id, states := range n.sessions {
		if last := states[len(states)-1]; last.Status == v230.SessionStatusCompleted && len(n.cdrs[id]) == 0 {
			t.Errorf("session %s is completed and has no CDR", id)
		}
	}
}

func TestAStepThatComesTooSoonOrBackInTimeDoesNothing(t *testing.T) {
	n := newNetwork()
	d := day(n, 1, 120)
	live(t, d, noon, 10)
	before := fmt.Sprint(n.statuses, len(n.sessions))
	for _, ago := range []time.Duration{0, time.Millisecond, time.Hour} {
		if err := d.Step(t.Context(), noon.Add(9*time.Second+900*time.Millisecond-ago)); err != nil {
			t.Fatal(err)
		}
	}
	if after := fmt.Sprint(n.statuses, len(n.sessions)); after != before {
		t.Errorf("from %s to %s", before, after)
	}
}

func TestRunGoesOnUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		events := 0
		d := simulate.New(simulate.Config{
			Network: n, Tokens: tokens(), Rand: rand.New(rand.NewPCG(1, 1)), Tell: func(simulate.Event) { events++ },
		})
		ctx, cancel := context.WithTimeout(t.Context(), fullDay*time.Second)
		defer cancel()
		d.Run(ctx)
		if len(n.cdrs) < 10 || events < len(n.sessions) {
			t.Errorf("%d CDRs, %d events in a day", len(n.cdrs), events)
		}
	})
}

func TestWithoutValidTokensNobodyCharges(t *testing.T) {
	n := newNetwork()
	lost := sample.Token(3) // is not valid
	d := simulate.New(simulate.Config{Network: n, Tokens: []v230.Token{lost}, Rand: rand.New(rand.NewPCG(1, 1))})
	live(t, d, noon, 300)
	if len(n.sessions) != 1 { // the one that was there
		t.Errorf("%d sessions", len(n.sessions))
	}
}

// Whatever the speed, nothing has happened that is not yet.
func TestNothingIsInTheFuture(t *testing.T) {
	n := newNetwork()
	began := time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	var last time.Time
	now := began
	d := simulate.New(simulate.Config{
		Network: n, Tokens: tokens(), Speed: 10_000, Begin: began.Add(-24 * time.Hour), Rand: rand.New(rand.NewPCG(1, 2)),
		Tell: func(e simulate.Event) {
			times := []time.Time{e.At, e.LastUpdated}
			if e.Session != nil {
				times = append(times, e.Session.LastUpdated.Time())
			}
			if e.CDR != nil {
				times = append(times, e.CDR.EndDateTime.Time())
			}
			for _, at := range times {
				if at.After(now) {
					t.Fatalf("%s at %s", at, now)
				}
			}
			last = e.At
		},
	})
	for ; now.Before(began.Add(6 * time.Hour)); now = now.Add(10 * time.Second) {
		if err := d.Step(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if now.Sub(last) > time.Hour {
		t.Errorf("the last thing happened at %s", last)
	}
}
