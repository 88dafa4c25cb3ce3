package tariff_test

import (
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// quay is a tariff of 0.45 for a kWh, and from nine in the evening 0.32.
const quay = `{"id": "QUAY", "currency": "EUR", "tax_included": "NO", "elements": [
	{"price_components": [{"type": "ENERGY", "price": 0.32, "vat": 21, "step_size": 100}], "restrictions": {"start_time": "21:00", "end_time": "07:00"}},
	{"price_components": [{"type": "ENERGY", "price": 0.45, "vat": 21, "step_size": 100}]}
]}`

// A charge is divided where prices change, and priced.
func ExamplePrice() {
	var source v230.Tariff
	if err := json.Unmarshal([]byte(quay), &source); err != nil {
		fmt.Println(err)
		return
	}
	quay, err := tariff.Compile(&source)
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Date(2026, 1, 14, 20, 30, 0, 0, time.UTC)
	charge := tariff.Charge{Periods: []tariff.Period{{
		Start: start, End: start.Add(time.Hour), Energy: exact.MustParse("11.05"), Charging: exact.New(3600, 0),
	}}}
	policy := tariff.Policy{Zone: time.UTC}
	divided, err := tariff.Divide(&charge, []*tariff.Tariff{quay}, policy)
	if err != nil {
		fmt.Println(err)
		return
	}
	price, err := tariff.Price(&divided, []*tariff.Tariff{quay}, policy)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(price.Total.Before, price.Total.After)
	// Output: 4.27025 5.1670025
}

// A CDR is compared with its own tariffs, and the report says where they differ.
func ExampleCheck() {
	var cdr v230.CDR
	err := json.Unmarshal([]byte(`{"id": "CDR-1", "currency": "EUR", "start_date_time": "2026-01-14T21:00:00Z", "end_date_time": "2026-01-14T22:00:00Z",
		"charging_periods": [{"start_date_time": "2026-01-14T21:00:00Z", "tariff_id": "QUAY", "dimensions": [{"type": "ENERGY", "volume": 11}, {"type": "TIME", "volume": 1}]}],
		"total_energy": 11, "total_time": 1, "total_cost": {"before_taxes": 4.95, "taxes": [{"name": "VAT", "amount": 1.04}]}, "tariffs": [`+quay+`]}`), &cdr)
	if err != nil {
		fmt.Println(err)
		return
	}
	audit := tariff.Check(&cdr, nil, tariff.Policy{Zone: time.UTC})
	fmt.Println(audit.Verdict)
	if err := audit.Report().Write(os.Stdout, time.UTC); err != nil {
		fmt.Println(err)
	}
	// Output:
	// differs
	// Wed 2026-01-14 21:00:00 +0000 to 22:00:00
	//   ENERGY       11 kWh × 0.32 = 3.52 EUR, 4.2592 with taxes (VAT 21 %)  [tariff QUAY, element 0, price component 0: from 21:00 to 07:00]
	//   TIME         1:00:00 h has no price
	// total_energy_cost      3.52 EUR, 4.2592 with taxes
	// total_cost             3.52 EUR, 4.2592 with taxes; the CDR states 4.95 EUR, 5.99 with taxes: DIFFERS
	// cost-differs /total_cost: total_cost is 4.95 before taxes, the tariff gives 3.52: +1.43
	// cost-differs /total_cost: total_cost is 5.99 with taxes, the tariff gives 4.2592: +1.7308
}
