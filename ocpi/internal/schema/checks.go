package schema

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
)

// read decodes the members a check looks at. The walk has found their types right, so it cannot fail; should it, the
// check has nothing to say.
func read[T any](object []byte) (members T, ok bool) {
	err := json.Unmarshal(object, &members, jsontext.AllowDuplicateNames(true))
	return members, err == nil
}

func inconsistent(pointer, format string, args ...any) ocpi.Finding {
	return ocpi.Finding{Pointer: pointer, Code: ocpi.FindingConsistency, Message: fmt.Sprintf(format, args...)}
}

// HoursChoice checks that opening times are either around the clock or a list of hours (requirements L-30, DL-08). The
// specification's own example of 2.1.1 sets both, which is accepted while they agree.
func HoursChoice(object []byte) []ocpi.Finding {
	hours, ok := read[struct {
		TwentyFourSeven *bool            `json:"twentyfourseven"`
		RegularHours    []jsontext.Value `json:"regular_hours"`
	}](object)
	always := hours.TwentyFourSeven != nil && *hours.TwentyFourSeven
	switch {
	case !ok:
		return nil
	case !always && len(hours.RegularHours) == 0:
		return []ocpi.Finding{inconsistent("", "neither open around the clock nor any regular_hours")}
	case always && len(hours.RegularHours) > 0:
		return []ocpi.Finding{inconsistent("/regular_hours", "regular_hours beside twentyfourseven")}
	default:
		return nil
	}
}

// PeriodOrder checks that a period ends after it begins (requirement L-29).
func PeriodOrder(object []byte) []ocpi.Finding {
	period, ok := read[struct {
		Begin string `json:"period_begin"`
		End   string `json:"period_end"`
	}](object)
	if !ok || period.End == "" || !after(period.Begin, period.End) {
		return nil
	}
	return []ocpi.Finding{inconsistent("/period_end", "the period ends before it begins")}
}

// after compares two timestamps, or two times of day, which sort as text.
func after(begin, end string) bool {
	b, errB := ocpi.ParseDateTime(begin)
	e, errE := ocpi.ParseDateTime(end)
	if errB == nil && errE == nil {
		return b.Compare(e) > 0
	}
	return begin >= end
}

// Percentages100 checks that the sources of an energy mix add up to 100 (requirement L-32).
func Percentages100(object []byte) []ocpi.Finding {
	mix, ok := read[struct {
		Sources []struct {
			Percentage ocpi.Number `json:"percentage"`
		} `json:"energy_sources"`
	}](object)
	if !ok || len(mix.Sources) == 0 {
		return nil
	}
	sum := decimal.Zero
	for _, s := range mix.Sources {
		sum = sum.Add(s.Percentage.Decimal())
	}
	if sum.Equal(decimal.NewFromInt(100)) {
		return nil
	}
	return []ocpi.Finding{inconsistent("/energy_sources", "the percentages add up to %s, not 100", sum)}
}

// CDRSums checks that the periods of a CDR are in order and inside the session, and that their volumes add up to its
// totals (requirements CDR-14, CDR-16).
func CDRSums(object []byte) []ocpi.Finding {
	cdr, ok := read[cdrTotals](object)
	if !ok {
		return nil
	}
	findings := cdr.order()
	energy, duration := decimal.Zero, decimal.Zero
	var hasEnergy, hasTime bool
	for _, period := range cdr.Periods {
		for _, d := range period.Dimensions {
			switch d.Type {
			case "ENERGY":
				energy, hasEnergy = energy.Add(d.Volume.Decimal()), true
			case "TIME", "PARKING_TIME":
				duration, hasTime = duration.Add(d.Volume.Decimal()), true
			}
		}
	}
	if hasEnergy && differ(energy, cdr.Energy) {
		findings = append(findings, inconsistent("/total_energy", "the periods add up to %s kWh, the total is %s", energy, cdr.Energy))
	}
	if hasTime && differ(duration, cdr.Time) {
		findings = append(findings, inconsistent("/total_time", "the periods add up to %s hours, the total is %s", duration, cdr.Time))
	}
	return findings
}

type cdrTotals struct {
	Start   ocpi.DateTime  `json:"start_date_time"`
	Stop    *ocpi.DateTime `json:"stop_date_time"` // 2.1.1
	End     *ocpi.DateTime `json:"end_date_time"`  // 2.2 and later
	Energy  ocpi.Number    `json:"total_energy"`
	Time    ocpi.Number    `json:"total_time"`
	Periods []struct {
		Start      ocpi.DateTime `json:"start_date_time"`
		Dimensions []struct {
			Type   string      `json:"type"`
			Volume ocpi.Number `json:"volume"`
		} `json:"dimensions"`
	} `json:"charging_periods"`
}

func (c *cdrTotals) order() []ocpi.Finding {
	var findings []ocpi.Finding
	end := c.Stop
	if end == nil {
		end = c.End
	}
	if end != nil && end.Compare(c.Start) < 0 {
		findings = append(findings, inconsistent("/start_date_time", "the session ends before it starts"))
	}
	previous := c.Start
	for i, period := range c.Periods {
		at := fmt.Sprintf("/charging_periods/%d/start_date_time", i)
		if period.Start.Compare(previous) < 0 {
			findings = append(findings, inconsistent(at, "the period starts before what comes before it"))
		} else if end != nil && period.Start.Compare(*end) > 0 {
			findings = append(findings, inconsistent(at, "the period starts after the end of the session"))
		}
		previous = period.Start
	}
	return findings
}

// differ allows what rounding to four decimals can cost in each of a few periods.
func differ(sum decimal.Decimal, total ocpi.Number) bool {
	return sum.Sub(total.Decimal()).Abs().GreaterThan(decimal.New(1, -2))
}

// SessionOrder checks that a session ends after it starts.
func SessionOrder(object []byte) []ocpi.Finding {
	session, ok := read[struct {
		Start211 *ocpi.DateTime `json:"start_datetime"`
		End211   *ocpi.DateTime `json:"end_datetime"`
		Start    *ocpi.DateTime `json:"start_date_time"`
		End      *ocpi.DateTime `json:"end_date_time"`
	}](object)
	if !ok {
		return nil
	}
	var findings []ocpi.Finding
	if session.Start211 != nil && session.End211 != nil && session.End211.Compare(*session.Start211) < 0 {
		findings = append(findings, inconsistent("/end_datetime", "the session ends before it starts"))
	}
	if session.Start != nil && session.End != nil && session.End.Compare(*session.Start) < 0 {
		findings = append(findings, inconsistent("/end_date_time", "the session ends before it starts"))
	}
	return findings
}

// PublishToken checks that an entry names a token by uid, visual number or group, and says the type of a uid and the
// issuer of a visual number (requirement DL-06).
func PublishToken(object []byte) []ocpi.Finding {
	token, ok := read[struct {
		UID    *string `json:"uid"`
		Type   *string `json:"type"`
		Visual *string `json:"visual_number"`
		Issuer *string `json:"issuer"`
		Group  *string `json:"group_id"`
	}](object)
	switch {
	case !ok:
		return nil
	case token.UID == nil && token.Visual == nil && token.Group == nil:
		return []ocpi.Finding{inconsistent("", "none of uid, visual_number and group_id is set")}
	case token.UID != nil && token.Type == nil:
		return []ocpi.Finding{inconsistent("/type", "a uid needs its type")}
	case token.Visual != nil && token.Issuer == nil:
		return []ocpi.Finding{inconsistent("/issuer", "a visual_number needs its issuer")}
	default:
		return nil
	}
}

// PublishAllowed checks that publish_allowed_to is only set for locations that are not published (requirement DL-05).
func PublishAllowed(object []byte) []ocpi.Finding {
	location, ok := read[struct {
		Publish bool             `json:"publish"`
		Allowed []jsontext.Value `json:"publish_allowed_to"`
	}](object)
	if !ok || !location.Publish || len(location.Allowed) == 0 {
		return nil
	}
	return []ocpi.Finding{inconsistent("/publish_allowed_to", "only used where publish is false")}
}

// CDRCredit checks that a credit CDR names the CDR it undoes, that no other one does, and that only its id is longer than 36
// characters (requirements DD-02, DD-03).
func CDRCredit(object []byte) []ocpi.Finding {
	const longest = 36
	cdr, ok := read[struct {
		ID        string  `json:"id"`
		Credit    bool    `json:"credit"`
		Reference *string `json:"credit_reference_id"`
	}](object)
	var findings []ocpi.Finding
	switch {
	case !ok:
		return nil
	case cdr.Credit && cdr.Reference == nil:
		findings = append(findings, inconsistent("/credit_reference_id", "a credit CDR names the CDR that it undoes"))
	case !cdr.Credit && cdr.Reference != nil:
		findings = append(findings, inconsistent("/credit_reference_id", "only a credit CDR names another CDR"))
	}
	if !cdr.Credit && len(cdr.ID) > longest {
		findings = append(findings, inconsistent("/id", "only the id of a credit CDR is longer than %d characters", longest))
	}
	return findings
}

// sessionDimensions are those that say how things are at a moment, and so have no place in the account of a whole period.
var sessionDimensions = []string{"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}

// CDRDimensions checks that the periods of a CDR have no dimensions that are for sessions alone (requirement DS-11).
func CDRDimensions(object []byte) []ocpi.Finding {
	cdr, ok := read[cdrTotals](object)
	if !ok {
		return nil
	}
	var findings []ocpi.Finding
	for i, period := range cdr.Periods {
		for j, d := range period.Dimensions {
			if slices.Contains(sessionDimensions, d.Type) {
				findings = append(findings, inconsistent(fmt.Sprintf("/charging_periods/%d/dimensions/%d/type", i, j), "%s is for sessions alone", d.Type))
			}
		}
	}
	return findings
}

// ReservationPrices checks that what a reservation costs is a flat price or one by time (requirement DTA-09).
func ReservationPrices(object []byte) []ocpi.Finding {
	element, ok := read[struct {
		Components []struct {
			Type string `json:"type"`
		} `json:"price_components"`
		Restrictions struct {
			Reservation *string `json:"reservation"`
		} `json:"restrictions"`
	}](object)
	if !ok || element.Restrictions.Reservation == nil {
		return nil
	}
	var findings []ocpi.Finding
	for i, c := range element.Components {
		if c.Type != "FLAT" && c.Type != "TIME" {
			findings = append(findings, inconsistent(fmt.Sprintf("/price_components/%d/type", i), "reservations have prices by FLAT and TIME, not by %s", c.Type))
		}
	}
	return findings
}

// RolesOnce checks that credentials have each role of a party once (requirement DC-01).
func RolesOnce(object []byte) []ocpi.Finding {
	credentials, ok := read[struct {
		Roles []struct {
			Role    string        `json:"role"`
			Country ocpi.CiString `json:"country_code"`
			Party   ocpi.CiString `json:"party_id"`
		} `json:"roles"`
	}](object)
	if !ok {
		return nil
	}
	var findings []ocpi.Finding
	seen := map[string]bool{}
	for i, r := range credentials.Roles {
		key := r.Role + " of " + r.Country.Fold() + r.Party.Fold()
		if seen[key] {
			findings = append(findings, inconsistent(fmt.Sprintf("/roles/%d", i), "the role %s is there twice", key))
		}
		seen[key] = true
	}
	return findings
}

// ParkingPlaces checks that each parking place of a location has an id of its own, and that EVSEs are at places that the location has
// (requirement ZL-01).
func ParkingPlaces(object []byte) []ocpi.Finding {
	location, ok := read[struct {
		Places []struct {
			ID ocpi.CiString `json:"id"`
		} `json:"parking_places"`
		EVSEs []struct {
			Parking []struct {
				ID ocpi.CiString `json:"parking_id"`
			} `json:"parking"`
		} `json:"evses"`
	}](object)
	if !ok {
		return nil
	}
	var findings []ocpi.Finding
	known := map[string]bool{}
	for i, p := range location.Places {
		if known[p.ID.Fold()] {
			findings = append(findings, inconsistent(fmt.Sprintf("/parking_places/%d/id", i), "another parking place has the id %s", p.ID))
		}
		known[p.ID.Fold()] = true
	}
	for i, e := range location.EVSEs {
		for j, p := range e.Parking {
			if !known[p.ID.Fold()] {
				findings = append(findings, inconsistent(fmt.Sprintf("/evses/%d/parking/%d/parking_id", i, j), "the location has no parking place %s", p.ID))
			}
		}
	}
	return findings
}
