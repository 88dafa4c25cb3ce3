package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const (
	// billedLocations are where the CDRs come from.
	billedLocations = 1000
	// longestPrice is how long the pricing of a CDR may take.
	longestPrice = 50 * time.Microsecond
	// longestCheck is how long 50,000 CDRs may take on two processors.
	longestCheck = 10 * time.Second
	checkedCDRs  = 50_000
)

var (
	biller    = &ocpi.Partner{ID: "biller", Version: ocpi.V221, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: ocpi.NewParty("NL", "GPE")}}}
	billedDay = time.Date(2026, 6, 15, 5, 0, 0, 0, time.UTC)
)

// billing measures what pricing costs, and how long it takes to price all CDRs of a partner again, with the program. The limit beside it is
// the same work on CDRs in memory: to decode and to check them, with as many goroutines as there are processors.
func (b *bench) billing(ctx context.Context) error {
	fmt.Fprintln(b.out, "pricing")
	b.price()
	cdrs := min(checkedCDRs, b.locations)
	bodies, err := b.bill(ctx, cdrs)
	if err != nil {
		return err
	}
	var inMemory, checked time.Duration
	for range 2 { // in turn
		took, err := checkInMemory(bodies)
		if err != nil {
			return err
		}
		inMemory += took / 2
		begun := time.Now()
		if err := command(ctx, b.program, "cdrs", "check", "--all", "--data", b.billedFolder()); err != nil {
			return err
		}
		checked += time.Since(begun) / 2
	}
	b.add(true, fmt.Sprintf("decode and check %d CDRs in memory", cdrs), "", "%s, %s each", inMemory.Round(time.Millisecond), (inMemory / time.Duration(cdrs)).Round(time.Microsecond))
	limit := longestCheck * time.Duration(cdrs) / checkedCDRs
	if cdrs < checkedCDRs {
		limit += time.Second // to start the program and to open the database
	}
	b.add(checked <= limit, fmt.Sprintf("roamwire cdrs check --all, %d CDRs", cdrs), "under "+limit.Round(time.Millisecond).String(),
		"%s, %.1fx of that", checked.Round(time.Millisecond), checked.Seconds()/inMemory.Seconds())
	return nil
}

// price measures the pricing of one CDR.
func (b *bench) price() {
	cdr := billedCDR(0)
	zone, _ := time.LoadLocation("Europe/Amsterdam") // UTC if the machine does not know it
	policy := tariff.Policy{Zone: zone}
	const rounds = 20_000
	begun := time.Now()
	for range rounds {
		charge := tariff.ChargeOfCDR(&cdr)
		compiled, err := tariff.Compile(&cdr.Tariffs[0])
		if err != nil {
			panic(err) // it is ours
		}
		if _, err := tariff.Price(&charge, []*tariff.Tariff{compiled}, policy); err != nil {
			panic(err)
		}
	}
	each := time.Since(begun) / rounds
	b.add(each < longestPrice, "price a CDR of 20 periods, 6 elements", "under "+longestPrice.String(), "%s", each.Round(100*time.Nanosecond))
}

func (b *bench) billedFolder() string { return filepath.Join(b.folder, "billed") }

// bill stores CDRs that a partner has sent, from its locations and with its tariff, and returns them.
func (b *bench) bill(ctx context.Context, cdrs int) (bodies [][]byte, err error) {
	data, err := node.OpenData(ctx, node.Config{Data: b.billedFolder()}) // makes the folder
	if err == nil {
		err = data.Close()
	}
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(b.billedFolder(), "roamwire.db"), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.AddPartner(ctx, store.Partner{Partner: *biller}); err != nil {
		return nil, err
	}
	owner := biller.Roles[0].Party
	sample := billedCDR(0)
	if _, err := object.ReceivedTariffs(db).Put(ctx, biller, ocpi.Key{Party: owner, ID: string(sample.Tariffs[0].ID)}, sample.Tariffs[0]); err != nil {
		return nil, err
	}
	for n := range billedLocations {
		l := billedLocation(n)
		if _, err := object.ReceivedLocations(db).Put(ctx, biller, ocpi.Key{Party: owner, ID: string(l.ID)}, l); err != nil {
			return nil, err
		}
	}
	received := object.NewReceivedCDRs(db)
	for begin := 0; begin < cdrs; begin += 1000 {
		var page []v230.CDR
		for n := begin; n < min(begin+1000, cdrs); n++ {
			cdr := billedCDR(n)
			body, err := json.Marshal(&cdr)
			if err != nil {
				return nil, err
			}
			page, bodies = append(page, cdr), append(bodies, body)
		}
		taken, err := received.Take(ctx, biller, object.Fetched[v230.CDR]{Objects: page, At: time.Now()})
		if err != nil || taken.Created != len(page) {
			return nil, fmt.Errorf("%d of %d CDRs are stored: %w", taken.Created, len(page), err)
		}
	}
	return bodies, nil
}

// checkInMemory decodes and checks CDRs.
func checkInMemory(bodies [][]byte) (took time.Duration, err error) {
	begun := time.Now()
	var work sync.WaitGroup
	failed := make([]error, runtime.GOMAXPROCS(0))
	for n := range failed {
		work.Go(func() {
			for i := n; i < len(bodies) && failed[n] == nil; i += len(failed) {
				var cdr v230.CDR
				if failed[n] = json.Unmarshal(bodies[i], &cdr, jsontext.AllowDuplicateNames(true)); failed[n] != nil {
					return
				}
				if tariff.Check(&cdr, nil, tariff.PolicyFor(ocpi.V221)).Verdict == tariff.CannotSay {
					failed[n] = fmt.Errorf("CDR %s cannot be checked", cdr.ID)
				}
			}
		})
	}
	work.Wait()
	return time.Since(begun), errors.Join(failed...)
}

// billedTariff has prices by time of day, day, energy and power, and for parking.
func billedTariff() v230.Tariff {
	price := func(d v230.TariffDimensionType, price string, step int) []v230.PriceComponent {
		return []v230.PriceComponent{{Type: d, Price: ocpi.MustNumber(price), VAT: new(ocpi.NumberOf(21)), StepSize: step}}
	}
	workdays := []v230.DayOfWeek{v230.DayOfWeekMonday, v230.DayOfWeekTuesday, v230.DayOfWeekWednesday}
	return v230.Tariff{
		CountryCode: "NL", PartyID: "GPE", ID: "SIX", Currency: "EUR", TaxIncluded: v230.TaxIncludedNo, LastUpdated: ocpi.NewDateTime(billedDay.Add(-time.Hour)),
		Elements: []v230.TariffElement{
			{PriceComponents: price(v230.TariffDimensionTypeFlat, "0.50", 0)},
			{PriceComponents: price(v230.TariffDimensionTypeEnergy, "0.59", 100), Restrictions: &v230.TariffRestrictions{MinPower: new(ocpi.NumberOf(50))}},
			{PriceComponents: price(v230.TariffDimensionTypeEnergy, "0.29", 100), Restrictions: &v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("06:00")}},
			{PriceComponents: price(v230.TariffDimensionTypeEnergy, "0.35", 100), Restrictions: &v230.TariffRestrictions{MaxKWh: new(ocpi.NumberOf(20)), DayOfWeek: workdays}},
			{PriceComponents: append(price(v230.TariffDimensionTypeEnergy, "0.42", 100), price(v230.TariffDimensionTypeTime, "0.60", 60)...)},
			{PriceComponents: price(v230.TariffDimensionTypeParkingTime, "6.00", 300), Restrictions: &v230.TariffRestrictions{StartTime: new("09:00"), EndTime: new("18:00")}},
		},
	}
}

func billedLocation(n int) v230.Location {
	return v230.Location{
		CountryCode: "NL", PartyID: "GPE", ID: ocpi.CiString(fmt.Sprint("L", n)), TimeZone: "Europe/Amsterdam", LastUpdated: ocpi.NewDateTime(billedDay),
		EVSEs: []v230.EVSE{{UID: "E", Connectors: []v230.Connector{{ID: "1", TariffIDs: []ocpi.CiString{"SIX"}}}}},
	}
}

// billedCDR is a CDR of 20 quarters of an hour, the last ones of parking.
func billedCDR(n int) v230.CDR {
	kind, rest := v230.CdrDimensionTypeTime, ocpi.MustNumber("0.25")
	cdr := v230.CDR{
		CountryCode: "NL", PartyID: "GPE", ID: ocpi.CiString(fmt.Sprint("C", n)), StartDateTime: ocpi.NewDateTime(billedDay),
		EndDateTime: ocpi.NewDateTime(billedDay.Add(5 * time.Hour)), Currency: "EUR", Tariffs: []v230.Tariff{billedTariff()},
		CDRToken:    v230.CdrToken{CountryCode: "DE", PartyID: "ROA", UID: "04A7", Type: v230.TokenTypeRFID, ContractID: "DE-ROA-1"},
		CDRLocation: v230.CdrLocation{ID: ocpi.CiString(fmt.Sprint("L", n%billedLocations)), Country: "NLD", EVSEUID: "E", ConnectorID: "1"},
		TotalCost:   v230.Price{BeforeTaxes: ocpi.NumberOf(int64(20 + n%10))}, TotalEnergy: ocpi.MustNumber("41.1465"), TotalTime: ocpi.NumberOf(5),
		LastUpdated: ocpi.NewDateTime(billedDay.Add(6 * time.Hour)),
	}
	for i := range 20 {
		energy := ocpi.MustNumber("2.7431")
		if i >= 15 {
			kind, energy = v230.CdrDimensionTypeParkingTime, ocpi.NumberOf(0)
		}
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, v230.ChargingPeriod{
			StartDateTime: ocpi.NewDateTime(billedDay.Add(time.Duration(i) * 15 * time.Minute)), TariffID: new(ocpi.CiString("SIX")),
			Dimensions: []v230.CdrDimension{{Type: v230.CdrDimensionTypeEnergy, Volume: energy}, {Type: kind, Volume: rest}},
		})
	}
	return cdr
}
