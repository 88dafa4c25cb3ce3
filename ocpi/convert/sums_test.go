package convert

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// sums are what a session or CDR says of money, energy, and who owes whom. None of it may be other where the object arrives.
type sums struct {
	Party, ID, Contract, Currency string
	Cost, Energy, Measured        string
	Priced, Credit, Compensated   bool
}

func sumsOfSession(s *v230.Session) sums {
	out := sums{
		Party: partyText(s.CountryCode, s.PartyID), ID: string(s.ID), Contract: string(s.CDRToken.ContractID), Currency: s.Currency,
		Energy: plainText(s.KWh), Measured: measured(s.ChargingPeriods).String(), Priced: s.TotalCost != nil,
	}
	if s.TotalCost != nil {
		out.Cost = plainText(s.TotalCost.BeforeTaxes)
	}
	return out
}

func sumsOfCDR(c *v230.CDR) sums {
	return sums{
		Party: partyText(c.CountryCode, c.PartyID), ID: string(c.ID), Contract: string(c.CDRToken.ContractID), Currency: c.Currency,
		Cost: plainText(c.TotalCost.BeforeTaxes), Energy: plainText(c.TotalEnergy), Measured: measured(c.ChargingPeriods).String(), Priced: true,
		Credit: c.Credit != nil && *c.Credit, Compensated: c.HomeChargingCompensation != nil && *c.HomeChargingCompensation,
	}
}

func plainText(n ocpi.Number) string { return n.Decimal().String() }

func partyText(countryCode, partyID ocpi.CiString) string {
	return ocpi.NewParty(string(countryCode), string(partyID)).String()
}

// measured is the energy in the periods.
func measured(periods []v230.ChargingPeriod) decimal.Decimal {
	sum := decimal.Zero
	for _, p := range periods {
		for _, d := range p.Dimensions {
			if d.Type == v230.CdrDimensionTypeEnergy {
				sum = sum.Add(d.Volume.Decimal())
			}
		}
	}
	return sum
}

// What arrives of money, energy and identity in an older version is what left, or the object is withheld.
func TestMoneyEnergyAndIdentityArriveOrAreWithheld(t *testing.T) {
	s211, s221 := readTables(t), readTablesOf(t, "2.2.1")
	for name, check := range map[string]func(*rapid.T){
		"CDR to 2.1.1":     func(t *rapid.T) { checkSums(t, s211, CDRTo211, CDRFrom211, sumsOfCDR) },
		"CDR to 2.2.1":     func(t *rapid.T) { checkSums(t, s221, CDRTo221, CDRFrom221, sumsOfCDR) },
		"Session to 2.1.1": func(t *rapid.T) { checkSums(t, s211, SessionTo211, SessionFrom211, sumsOfSession) },
		"Session to 2.2.1": func(t *rapid.T) { checkSums(t, s221, SessionTo221, SessionFrom221, sumsOfSession) },
	} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, check) })
	}
}

func checkSums[Old, Model any](
	t *rapid.T, s *tables, down func(Model, Env) (Old, []Loss), up func(Old, Env) (Model, []Loss), of func(*Model) sums,
) {
	r := &random{tables: s, t: t}
	in := object[Model](r)
	env := r.env()
	if r.oneIn(2) {
		env.follow(reflect.ValueOf(&in).Elem())
	}
	out, losses := down(in, env)
	if Withheld(losses) {
		return
	}
	arrived, _ := up(out, env)
	want, got := of(&in), of(&arrived)
	if lostAt(losses, "/charging_periods") { // one period says the energy of all of them
		want.Measured = want.Energy
	}
	if want.Party == partyText("", "") || env.Owner == (ocpi.Party{}) { // whose it is, is said outside the object
		want.Party = got.Party
	}
	if want != got {
		t.Errorf("left    %+v\narrived %+v\nlosses %v\nvia %s", want, got, losses, marshal(t, out))
	}
}

// What of a CDR or session would be wrong in the older version is withheld there, and what it just does not say is not.
func TestWhatWouldBeWrongIsWithheldFrom211(t *testing.T) {
	for name, test := range map[string]struct {
		set      string
		owner    ocpi.Party
		withheld bool
	}{
		"sums by kind and taxes":               {`{"total_fixed_cost":{"before_taxes":1},"total_reservation_cost":{"before_taxes":1},"total_cost":{"before_taxes":3,"taxes":[{"name":"VAT","amount":1},{"name":"City","amount":2}]}}`, testEnv.Owner, false},
		"energy that was drawn and given back": {`{"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"ENERGY_IMPORT","volume":3},{"type":"ENERGY_EXPORT","volume":2}]}]}`, testEnv.Owner, false},
		"no compensation for the driver":       {`{"home_charging_compensation":false}`, testEnv.Owner, false},
		"a compensation for the driver":        {`{"home_charging_compensation":true}`, testEnv.Owner, true},
		"a credit":                             {`{"credit":true}`, testEnv.Owner, true},
		"the CDR of another party":             {``, ocpi.NewParty("DE", "OTH"), true},
		"the CDR of a party in another case":   {``, ocpi.NewParty("de", "roa"), false},
		"the CDR of nobody":                    {`{"country_code":"","party_id":""}`, testEnv.Owner, false},
	} {
		t.Run(name, func(t *testing.T) {
			var in v230.CDR
			if err := json.Unmarshal(patched(t, baseCDR, test.set), &in); err != nil {
				t.Fatal(err)
			}
			_, losses := CDRTo211(in, Env{Owner: test.owner})
			if Withheld(losses) != test.withheld {
				t.Errorf("withheld: %v, losses %v", !test.withheld, losses)
			}
		})
	}
}
