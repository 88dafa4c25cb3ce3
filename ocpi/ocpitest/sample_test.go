package ocpitest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	gpe = ocpi.NewParty("NL", "GPE")
	tub = ocpi.NewParty("DE", "TUB")
)

// sample has two parties, so that mixing them up shows.
func sample() ocpitest.Sample { return ocpitest.Sample{CPO: gpe, EMSP: tub} }

const callback = "https://tubantia.example.com/ocpi/emsp/2.1.1/commands/START_SESSION/17"

// A validated object can say what is wrong with it.
type validated[T any] interface {
	*T
	Validate() []ocpi.Finding
}

// A check proves one sample object valid in both versions and returns the pointers of what 2.1.1 loses.
type check func(t *testing.T) (lost []string)

// valid makes the check of an object.
func valid[T, Old any, P validated[T], Q validated[Old]](
	object T, down func(T, convert.Env) (Old, []convert.Loss), env convert.Env,
) check {
	return func(t *testing.T) []string {
		t.Helper()
		if findings := P(&object).Validate(); len(findings) > 0 {
			t.Errorf("in 2.3.0: %v", findings)
		}
		old, losses := down(object, env)
		if findings := Q(&old).Validate(); len(findings) > 0 {
			t.Errorf("in 2.1.1: %v", findings)
		}
		lost := make([]string, len(losses))
		for i, l := range losses {
			lost[i] = l.Pointer
		}
		return lost
	}
}

func TestSamplesAreValidInEveryVersion(t *testing.T) {
	s := sample()
	cpo := convert.Env{Owner: s.CPO, EMSP: s.EMSP, Role: ocpi.RoleCPO, Location: find(s)}
	emsp := convert.Env{Owner: s.EMSP, EMSP: s.EMSP, Role: ocpi.RoleEMSP}
	versions := "https://grenspaal.example.com/ocpi/versions"
	cases := []struct {
		name   string
		sample check
		// lost are the pointers of what 2.1.1 cannot say.
		lost []string
	}{
		{"the tariff with energy, time and parking", valid(s.ACTariff(), convert.TariffTo211, cpo), nil},
		{"the tariff with a flat fee", valid(s.DCTariff(), convert.TariffTo211, cpo), nil},
		{"the tariff that is free of charge", valid(s.FreeTariff(), convert.TariffTo211, cpo), nil},
		{"a further tariff", valid(s.Tariff(5), convert.TariffTo211, cpo), nil},
		{"the active session", valid(s.ActiveSession(), convert.SessionTo211, cpo), []string{"/cdr_token"}},
		{"an answer to a request for authorization", valid(s.AuthorizationInfo(1), convert.AuthorizationInfoTo211, emsp), []string{"/token"}},
		{"location references", valid(s.LocationReferences(), convert.LocationReferencesTo211, emsp), nil},
		{"a command to start", valid(s.StartSession(callback), convert.StartSessionTo211, emsp), nil},
		{"a command to stop", valid(s.StopSession(callback), convert.StopSessionTo211, emsp), nil},
		{"a command to reserve", valid(s.ReserveNow(callback), convert.ReserveNowTo211, emsp), nil},
		{"a command to unlock", valid(s.UnlockConnector(callback), convert.UnlockConnectorTo211, emsp), nil},
		{"the answer to a command", valid(s.CommandResponse(), convert.CommandResponseTo211, cpo), []string{"/timeout"}},
		{"the result of a command", valid(s.CommandResult(), convert.CommandResultTo211, cpo), nil},
		{"credentials", valid(s.Credentials("secret", versions), convert.CredentialsTo211, cpo), []string{"/roles"}},
		{"version details of a CPO", valid(s.VersionDetails(ocpi.V211, ocpi.RoleCPO, "https://grenspaal.example.com/ocpi"), convert.VersionDetailsTo211, cpo), nil},
		{"version details of an eMSP", valid(s.VersionDetails(ocpi.V211, ocpi.RoleEMSP, "https://tubantia.example.com/ocpi"), convert.VersionDetailsTo211, emsp), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.lost, c.sample(t), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("losses (-want +got):\n%s", diff)
			}
		})
	}
	command := s.CancelReservation(callback)
	if findings := command.Validate(); len(findings) > 0 {
		t.Errorf("a command to cancel a reservation, which 2.1.1 does not have: %v", findings)
	}
}

func TestEveryNumberedSampleIsValidInEveryVersion(t *testing.T) {
	s := sample()
	cpo := convert.Env{Owner: s.CPO, EMSP: s.EMSP, Location: find(s)}
	emsp := convert.Env{Owner: s.EMSP}
	for n := 1; n <= 50; n++ {
		cases := []struct {
			name   string
			sample check
			lost   []string
		}{
			{"location", valid(s.Location(n), convert.LocationTo211, cpo), nil},
			{"session", valid(s.Session(n), convert.SessionTo211, cpo), []string{"/cdr_token"}},
			{"CDR", valid(s.CDR(n), convert.CDRTo211, cpo), []string{"/cdr_token", "/session_id"}},
			{"tariff", valid(s.Tariff(n), convert.TariffTo211, cpo), nil},
			{"token", valid(s.Token(n), convert.TokenTo211, emsp), nil},
		}
		for _, c := range cases {
			if diff := cmp.Diff(c.lost, c.sample(t), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("losses of %s %d (-want +got):\n%s", c.name, n, diff)
			}
		}
	}
}

// find looks up the sample's locations, as a CPO's server does.
func find(s ocpitest.Sample) func(id string) (v230.Location, bool) {
	return func(id string) (v230.Location, bool) {
		for _, l := range s.Locations() {
			if string(l.ID) == id {
				return l, true
			}
		}
		return v230.Location{}, false
	}
}

func TestNumberedSamplesAreDifferentObjects(t *testing.T) {
	s := sample()
	seen := map[string]bool{}
	for n := 1; n <= 200; n++ {
		for _, id := range []ocpi.CiString{
			s.Location(n).ID, s.Session(n).ID, s.CDR(n).ID, s.Tariff(n).ID, s.Token(n).UID, s.Location(n).EVSEs[0].UID, *s.Location(n).EVSEs[0].EVSEID,
		} {
			if seen[id.Fold()] {
				t.Errorf("%s comes twice", id)
			}
			seen[id.Fold()] = true
		}
	}
}

func TestSamplesAreFresh(t *testing.T) {
	s := sample()
	l := s.Location(1)
	*l.Name, l.Operator.Name, l.EVSEs[0].Status, l.EVSEs[0].Connectors[0].TariffIDs[0] = "changed", "changed", "changed", "changed"
	cdr := s.CDR(1)
	cdr.ChargingPeriods[0].Dimensions[0].Volume, *cdr.SessionID = ocpi.NumberOf(-1), "changed"
	token := s.Token(1)
	*token.VisualNumber = "changed"
	if got := *s.Location(1).Name + s.Location(1).Operator.Name + string(s.Location(1).EVSEs[0].Status) +
		string(s.Location(1).EVSEs[0].Connectors[0].TariffIDs[0]) + string(*s.CDR(1).SessionID) + *s.Token(1).VisualNumber; strings.Contains(got, "changed") {
		t.Error("changing a sample has changed the next one")
	}
	if s.CDR(1).ChargingPeriods[0].Dimensions[0].Volume.Sign() < 0 {
		t.Error("changing a CDR's periods has changed the next one's")
	}
}

func TestSampleObjectsReferToEachOther(t *testing.T) {
	s := sample()
	sessions := map[ocpi.CiString]v230.Session{}
	for _, x := range s.Sessions() {
		sessions[x.ID] = x
		l, ok := find(s)(string(x.LocationID))
		if !ok {
			t.Fatalf("session %s is at location %s, which there is not", x.ID, x.LocationID)
		}
		e := l.EVSEs[slices.IndexFunc(l.EVSEs, func(e v230.EVSE) bool { return e.UID == x.EVSEUID })]
		if !slices.ContainsFunc(e.Connectors, func(c v230.Connector) bool { return c.ID == x.ConnectorID }) {
			t.Errorf("session %s is at a connector that EVSE %s does not have", x.ID, e.UID)
		}
		if x.Status == v230.SessionStatusActive && e.Status != v230.StatusCharging {
			t.Errorf("session %s is active, and its EVSE is %s", x.ID, e.Status)
		}
		if !slices.ContainsFunc(s.Tokens(), func(k v230.Token) bool {
			return k.UID == x.CDRToken.UID && k.Type == x.CDRToken.Type && k.ContractID == x.CDRToken.ContractID && k.Valid
		}) {
			t.Errorf("session %s was started with a token that there is not or that is not valid", x.ID)
		}
	}
	for _, c := range s.CDRs() {
		x := sessions[*c.SessionID]
		if x.Status != v230.SessionStatusCompleted || !x.EndDateTime.Equal(c.EndDateTime) || !x.KWh.Equal(c.TotalEnergy) || x.EVSEUID != c.CDRLocation.EVSEUID {
			t.Errorf("CDR %s is not that of session %s", c.ID, *c.SessionID)
		}
	}
	for _, l := range s.Locations() {
		for _, e := range l.EVSEs {
			if e.LastUpdated.Compare(l.LastUpdated) > 0 {
				t.Errorf("EVSE %s is newer than its location", e.UID)
			}
			for _, c := range e.Connectors {
				if c.LastUpdated.Compare(e.LastUpdated) > 0 || !slices.ContainsFunc(s.Tariffs(), func(f v230.Tariff) bool { return f.ID == c.TariffIDs[0] }) {
					t.Errorf("connector %s of EVSE %s is newer than its EVSE, or has a tariff that there is not", c.ID, e.UID)
				}
			}
		}
	}
}

// TestSampleCostsAreWhatTheTariffSays computes the CDRs again, from their own tariffs. All sessions were in the
// daytime and shorter than what the restrictions on duration begin at.
func TestSampleCostsAreWhatTheTariffSays(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(2027, time.July, 11, 23, 30, 0, 0, time.UTC)} {
		s := sample()
		s.At = at
		for n := 1; n <= 30; n++ {
			cdr := s.CDR(n)
			cost := decimal.Zero
			prices := dayPrices(&cdr.Tariffs[0])
			if flat, ok := prices[v230.TariffDimensionTypeFlat]; ok {
				cost = flat
			}
			for _, period := range cdr.ChargingPeriods {
				for _, d := range period.Dimensions {
					cost = cost.Add(prices[v230.TariffDimensionType(d.Type)].Mul(d.Volume.Decimal()))
				}
			}
			if !cost.Equal(cdr.TotalCost.BeforeTaxes.Decimal()) {
				t.Errorf("CDR %d costs %s, its tariff says %s", n, cdr.TotalCost.BeforeTaxes, cost)
			}
			hour := cdr.StartDateTime.Time().Hour()
			if hour < 7 || cdr.EndDateTime.Time().Hour() > 20 || cdr.EndDateTime.Time().After(s.Session(n).LastUpdated.Time()) {
				t.Errorf("CDR %d is not in the daytime: %s to %s", n, cdr.StartDateTime, cdr.EndDateTime)
			}
		}
	}
}

// dayPrices are the first price of each dimension among the elements that a short charge in the daytime meets.
func dayPrices(tariff *v230.Tariff) map[v230.TariffDimensionType]decimal.Decimal {
	prices := map[v230.TariffDimensionType]decimal.Decimal{}
	for _, e := range tariff.Elements {
		if e.Restrictions != nil && e.Restrictions.MinDuration != nil {
			continue
		}
		for _, p := range e.PriceComponents {
			if _, ok := prices[p.Type]; !ok {
				prices[p.Type] = p.Price.Decimal()
			}
		}
	}
	return prices
}
