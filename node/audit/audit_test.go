package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

var (
	cpo     = ocpi.NewParty("NL", "GPE")
	partner = &ocpi.Partner{ID: "grenspaal", Version: ocpi.V221, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: cpo}}}
	began   = time.Date(2026, 6, 15, 19, 30, 0, 0, time.UTC)
)

// A desk is a store with an auditor.
type desk struct {
	*testing.T
	db     *sqlite.DB
	told   []string
	config audit.Config
}

func open(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func policyOf(context.Context, string) (tariff.Policy, error) {
	return tariff.PolicyFor(ocpi.V221), nil
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, db: open(t)}
	if err := d.db.AddPartner(t.Context(), store.Partner{Partner: *partner}); err != nil {
		t.Fatal(err)
	}
	d.config = audit.Config{
		Store:  d.db,
		Policy: policyOf,
		Now:    func() time.Time { return began.Add(24 * time.Hour) },
		Tell: func(c *store.CDRCheck, before tariff.Verdict, _ *tariff.Report) store.Event {
			d.told = append(d.told, fmt.Sprintf("%s: %s after %q", c.ID, c.Verdict, before))
			return store.Event{Type: "cdr.checked", Partner: c.Source, Module: c.Module, Data: []byte(`{}`)}
		},
	}
	return d
}

// priceOf is a tariff of one price for energy, published at a time.
func priceOf(price string, at time.Time) v230.Tariff {
	return v230.Tariff{
		CountryCode: "NL", PartyID: "GPE", ID: "T", Currency: "EUR", TaxIncluded: v230.TaxIncludedNo, LastUpdated: ocpi.NewDateTime(at),
		Elements: []v230.TariffElement{{PriceComponents: []v230.PriceComponent{{
			Type: v230.TariffDimensionTypeEnergy, Price: ocpi.MustNumber(price), StepSize: 1,
		}}}},
	}
}

// cdrOf is a CDR of an hour and 10 kWh.
func cdrOf(id, cost string, tariffs ...v230.Tariff) v230.CDR {
	return v230.CDR{
		CountryCode: "NL", PartyID: "GPE", ID: ocpi.CiString(id), StartDateTime: ocpi.NewDateTime(began), EndDateTime: ocpi.NewDateTime(began.Add(time.Hour)),
		Currency: "EUR", Tariffs: tariffs, TotalCost: v230.Price{BeforeTaxes: ocpi.MustNumber(cost)}, TotalEnergy: ocpi.NumberOf(10), TotalTime: ocpi.NumberOf(1),
		CDRToken:    v230.CdrToken{CountryCode: "DE", PartyID: "GWH", UID: "04A7", Type: v230.TokenTypeRFID, ContractID: "DE-GWH-1"},
		CDRLocation: v230.CdrLocation{ID: "L", EVSEUID: "E", ConnectorID: "1"},
		ChargingPeriods: []v230.ChargingPeriod{{StartDateTime: ocpi.NewDateTime(began), Dimensions: []v230.CdrDimension{
			{Type: v230.CdrDimensionTypeEnergy, Volume: ocpi.NumberOf(10)}, {Type: v230.CdrDimensionTypeTime, Volume: ocpi.NumberOf(1)},
		}}},
		LastUpdated: ocpi.NewDateTime(began.Add(2 * time.Hour)),
	}
}

func (d *desk) receive(cdrs ...v230.CDR) {
	d.Helper()
	for _, cdr := range cdrs {
		if _, _, err := object.NewReceivedCDRs(d.db).Create(d.Context(), partner, ocpi.Key{Party: cpo, ID: string(cdr.ID)}, cdr); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *desk) publish(t v230.Tariff) {
	d.Helper()
	if _, err := object.ReceivedTariffs(d.db).Put(d.Context(), partner, ocpi.Key{Party: cpo, ID: string(t.ID)}, t); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) locate(zone string, tariffIDs ...ocpi.CiString) {
	d.Helper()
	l := v230.Location{
		CountryCode: "NL", PartyID: "GPE", ID: "L", TimeZone: zone, LastUpdated: ocpi.NewDateTime(began),
		EVSEs: []v230.EVSE{{UID: "E", Connectors: []v230.Connector{{ID: "1", TariffIDs: tariffIDs}}}},
	}
	if _, err := object.ReceivedLocations(d.db).Put(d.Context(), partner, ocpi.Key{Party: cpo, ID: "L"}, l); err != nil {
		d.Fatal(err)
	}
}

// checked checks all and says what came of each: its verdict, what it should cost, and the codes of what was found.
func (d *desk) checked() (texts []string) {
	d.Helper()
	if _, err := audit.New(d.config).CheckAll(d.Context(), store.CheckFilter{}, func(audit.Progress) {}); err != nil {
		d.Fatal(err)
	}
	checks, err := d.db.Checks(d.Context(), store.CheckFilter{}, 0, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, c := range checks {
		var report tariff.Report
		if err := json.Unmarshal(c.Report, &report); err != nil {
			d.Fatal(err)
		}
		text := fmt.Sprintf("%s %s %s for %s", c.ID, c.Verdict, c.Computed, c.Stated)
		for _, f := range report.Findings {
			text += " " + string(f.Code)
		}
		texts = append(texts, text)
	}
	return texts
}

func (d *desk) want(want ...string) {
	d.Helper()
	if diff := cmp.Diff(want, d.checked()); diff != "" {
		d.Error(diff)
	}
}

// A CDR is priced with the tariff in it where we know no other.
func TestCDRsArePricedWithTheirOwnTariffs(t *testing.T) {
	d := newDesk(t)
	price := priceOf("0.30", began)
	d.receive(cdrOf("A", "3.00", price), cdrOf("B", "3.20", price), cdrOf("C", "3.00"))
	d.want("A agrees 3 for 3.00", "B differs 3 for 3.20 cost-differs", "C cannot-say  for 3.00 tariff-missing")
	if diff := cmp.Diff([]string{`A: agrees after ""`, `B: differs after ""`, `C: cannot-say after ""`}, d.told); diff != "" {
		t.Error(diff)
	}
}

// A tariff that has changed since the charge began does not matter: that it was another then does.
func TestCDRsArePricedWithTheTariffAsItWasThen(t *testing.T) {
	d := newDesk(t)
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	d.publish(priceOf("0.40", began.Add(time.Minute)))
	named := cdrOf("A", "3.00")
	named.ChargingPeriods[0].TariffID = new(ocpi.CiString("t"))
	d.receive(named, cdrOf("B", "4.00", priceOf("0.40", began.Add(time.Minute))), cdrOf("C", "3.00", priceOf("0.30", began.Add(-time.Hour))))
	d.want("A agrees 3 for 3.00", "B differs 3 for 4.00 cost-differs tariff-other", "C agrees 3 for 3.00")
}

// A tariff that came here later than the charge says nothing of it: the CDR's own copy does.
func TestATariffFromAfterTheChargeIsNotTheOneThatApplied(t *testing.T) {
	d := newDesk(t)
	d.publish(priceOf("0.40", began.Add(time.Minute)))
	d.receive(cdrOf("A", "3.00", priceOf("0.30", began.Add(-time.Hour))))
	d.want("A agrees 3 for 3.00")
}

// A CDR that names no tariff is priced with that of its connector, if there is one for the driver's kind of token.
func TestCDRsWithoutATariffHaveThatOfTheirConnector(t *testing.T) {
	d := newDesk(t)
	adHoc := priceOf("0.90", began.Add(-time.Hour))
	adHoc.ID, adHoc.Type = "AD-HOC", new(v230.TariffTypeAdHocPayment)
	d.publish(adHoc)
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	d.locate("Europe/Amsterdam", "AD-HOC", "T")
	app := cdrOf("B", "9.00")
	app.CDRToken.Type = v230.TokenTypeAdHocUser
	d.receive(cdrOf("A", "3.00"), app)
	d.want("A agrees 3 for 3.00", "B agrees 9 for 9.00")
	second := priceOf("0.50", began.Add(-time.Hour))
	second.ID = "U"
	d.publish(second)
	d.locate("Europe/Amsterdam", "AD-HOC", "T", "U")
	d.want("A cannot-say  for 3.00 tariff-missing tariff-missing", "B agrees 9 for 9.00")
}

// Times of day are those of the location.
func TestPricesGoByTheClockOfTheLocation(t *testing.T) {
	d := newDesk(t)
	d.locate("Europe/Amsterdam")
	night := priceOf("0.30", began.Add(-time.Hour))
	day := "08:00"
	night.Elements[0].Restrictions = &v230.TariffRestrictions{StartTime: new("21:00"), EndTime: &day}
	d.receive(cdrOf("A", "3.00", night)) // 19:30 UTC is 21:30
	d.want("A agrees 3 for 3.00")
}

// Tariffs as they were are kept for CDRs that come late, and not for ever.
func TestFormerTariffsAreKeptForAWhile(t *testing.T) {
	d := newDesk(t)
	d.config.Poll, d.config.Again, d.config.KeepTariffs = 5*time.Millisecond, 5*time.Millisecond, 48*time.Hour
	for days := range 5 { // the first two ended more than two days ago
		d.publish(priceOf(fmt.Sprint("0.3", days), began.Add(time.Duration(days-4)*24*time.Hour)))
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); audit.New(d.config).Run(ctx) }()
	defer func() { end(); <-done }()
	key := store.Key{Module: ocpi.ModuleTariffs, Source: partner.ID, Party: cpo, ID: "T"}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		states, err := d.db.TariffStates(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if len(states) == 3 {
			return
		}
		if len(states) < 3 || time.Now().After(deadline) {
			t.Fatalf("%d states are left", len(states))
		}
	}
}

// A CDR that nobody could judge is judged when its tariff comes, and told again.
func TestCDRsAreCheckedAgainWhenTheirTariffComes(t *testing.T) {
	d := newDesk(t)
	d.config.Poll, d.config.Again = 5*time.Millisecond, 10*time.Millisecond
	named := cdrOf("A", "3.00")
	named.ChargingPeriods[0].TariffID = new(ocpi.CiString("T"))
	d.receive(named)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); audit.New(d.config).Run(ctx) }()
	verdict := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			checks, err := d.db.Checks(t.Context(), store.CheckFilter{}, 0, 9)
			if err != nil {
				t.Fatal(err)
			}
			if len(checks) == 1 && checks[0].Verdict == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v", checks)
			}
		}
	}
	verdict("cannot-say")
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	verdict("agrees")
	end()
	<-done
	if got := strings.Join(d.told, "; "); got != `A: cannot-say after ""; A: agrees after "cannot-say"` {
		t.Error(got)
	}
}

// A copy that writes the same price with other digits is the same tariff.
func TestACopyWithTheSamePricesInOtherDigitsIsTheSameTariff(t *testing.T) {
	d := newDesk(t)
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	d.receive(cdrOf("A", "3.00", priceOf("0.3", began.Add(-time.Hour))))
	d.want("A agrees 3 for 3.00")
}

// A partner with several parties has a tariff of the same id for each: that of the owner whom the copy names applied.
func TestTheTariffOfTheOwnerThatTheCDRNamesApplied(t *testing.T) {
	d := newDesk(t)
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	other := priceOf("0.50", began.Add(-time.Hour))
	other.CountryCode, other.PartyID = "BE", "GPE"
	both := *partner
	both.Roles = append(both.Roles, ocpi.PartyRole{Role: ocpi.RoleCPO, Party: ocpi.NewParty("BE", "GPE")})
	if _, err := object.ReceivedTariffs(d.db).Put(d.Context(), &both, ocpi.Key{Party: ocpi.NewParty("BE", "GPE"), ID: "T"}, other); err != nil {
		t.Fatal(err)
	}
	d.receive(cdrOf("A", "5.00", other), cdrOf("B", "3.00", priceOf("0.30", began.Add(-time.Hour))))
	d.want("A agrees 5 for 5.00", "B agrees 3 for 3.00")
}

// What a CDR does to the check of it does not keep others from theirs.
func TestACDRThatCannotBeCheckedDoesNotKeepOthersFromIt(t *testing.T) {
	d := newDesk(t)
	d.receive(cdrOf("A", "3.00", priceOf("0.30", began)), cdrOf("B", "3.00", priceOf("0.30", began)))
	first := true
	d.config.Policy = func(ctx context.Context, partner string) (tariff.Policy, error) {
		if first { // the session reads it under its lock
			first = false
			panic("an overflow")
		}
		return policyOf(ctx, partner)
	}
	sum, err := audit.New(d.config).CheckAll(t.Context(), store.CheckFilter{}, func(audit.Progress) {})
	if want := (audit.Progress{Checked: 1, Agree: 1, Unreadable: 1, Of: 2}); err != nil || sum != want {
		t.Errorf("%+v %v", sum, err)
	}
}

// A partner with more CDRs that nobody could judge than are looked at again at once has them looked at bit by bit, and then no more.
func TestCDRsThatNobodyCouldJudgeAreLookedAtAgainBitByBit(t *testing.T) {
	d := newDesk(t)
	for i := range 7 {
		named := cdrOf(fmt.Sprint("C", i), "3.00")
		named.ChargingPeriods[0].TariffID = new(ocpi.CiString("T"))
		d.receive(named)
	}
	a := audit.New(d.config)
	if _, err := a.CheckNew(t.Context(), func(audit.Progress) {}); err != nil {
		t.Fatal(err)
	}
	d.publish(priceOf("0.30", began.Add(-time.Hour)))
	for _, want := range []int{3, 6, 7, 7} {
		if err := a.TidyAtOnce(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		agree, err := d.db.Checks(t.Context(), store.CheckFilter{Verdicts: []string{"agrees"}}, 0, 9)
		if err != nil || len(agree) != want {
			t.Errorf("%d agree, not %d: %v", len(agree), want, err)
		}
	}
}

// A CDR of 2.1.1 has its location in it, as it was when it was used: its time zone and the tariff of its connector are those that applied.
func TestTheLocationInACDRSaysWhatApplied(t *testing.T) {
	d := newDesk(t)
	night := priceOf("0.30", began.Add(-time.Hour))
	night.Elements[0].Restrictions = &v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("23:45")} // 19:30 UTC in Helsinki
	d.publish(night)
	now := priceOf("0.90", began.Add(-time.Hour))
	now.ID = "NOW"
	d.publish(now)
	d.locate("Europe/Amsterdam", "NOW")
	codecs, _ := wire.For(ocpi.V211)
	cdr, _, err := codecs.CDRs.Read([]byte(`{"id": "A", "start_date_time": "2026-06-15T19:30:00Z", "stop_date_time": "2026-06-15T20:30:00Z", "auth_id": "DE-GWH-1",
		"auth_method": "WHITELIST", "currency": "EUR", "total_cost": 3.00, "total_energy": 10, "total_time": 1, "last_updated": "2026-06-15T21:00:00Z",
		"location": {"id": "L", "type": "ON_STREET", "address": "Kade 7", "city": "Turku", "postal_code": "20100", "country": "SWE", "time_zone": "Europe/Helsinki",
			"coordinates": {"latitude": "60.450000", "longitude": "22.260000"}, "last_updated": "2026-06-01T00:00:00Z",
			"evses": [{"uid": "E", "status": "CHARGING", "last_updated": "2026-06-01T00:00:00Z", "connectors": [{"id": "1", "standard": "IEC_62196_T2",
				"format": "SOCKET", "power_type": "AC_3_PHASE", "voltage": 230, "amperage": 16, "tariff_id": "T", "last_updated": "2026-06-01T00:00:00Z"}]}]},
		"charging_periods": [{"start_date_time": "2026-06-15T19:30:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}, {"type": "TIME", "volume": 1}]}]}`),
		convert.Env{Owner: cpo}, quirk.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	d.receive(cdr)
	d.want("A agrees 3 for 3.00")
}
