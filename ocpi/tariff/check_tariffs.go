package tariff

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// tariffsOf are the tariffs to price with: those that are known to have applied, or the CDR's own.
func (a *Audit) tariffsOf(cdr *v230.CDR, known []*v230.Tariff) []*v230.Tariff {
	var own []*v230.Tariff
	for i := range cdr.Tariffs {
		own = append(own, &cdr.Tariffs[i])
	}
	if len(known) == 0 {
		return own
	}
	for i, t := range own {
		same := false
		for _, k := range known {
			same = same || sameID(string(t.ID), string(k.ID))
		}
		if !same {
			a.find(TariffOther, fmt.Sprintf("/tariffs/%d", i), "tariff %s is not among those that applied", t.ID)
		}
	}
	return known
}

// applying are those of several tariffs that the CDR may be priced with: those that its periods name, and for periods that name none the
// CDR's own where they are among them. Of several with one id it is the first that was valid. Where it names none of them, all stay.
func applying(cdr *v230.CDR, tariffs []*v230.Tariff) (out []*v230.Tariff) {
	if len(tariffs) < 2 {
		return tariffs
	}
	named, nameless := map[string]bool{}, false
	for i := range cdr.ChargingPeriods {
		if id := cdr.ChargingPeriods[i].TariffID; id != nil {
			named[strings.ToLower(string(*id))] = true
		} else {
			nameless = true
		}
	}
	owned := map[string]bool{}
	for i := range cdr.Tariffs {
		owned[strings.ToLower(string(cdr.Tariffs[i].ID))] = true
	}
	own := slices.ContainsFunc(tariffs, func(t *v230.Tariff) bool { return owned[strings.ToLower(string(t.ID))] })
	taken := map[string]int{}
	for _, t := range tariffs {
		id := strings.ToLower(string(t.ID))
		if isNamed, isDefault := named[id], nameless && (owned[id] || !own); !isNamed && !isDefault {
			continue
		}
		if i, is := taken[id]; !is {
			taken[id] = len(out)
			out = append(out, t)
		} else if began := beginOf(cdr, t); validity(out[i], began) != "" && validity(t, began) == "" {
			out[i] = t
		}
	}
	if len(out) == 0 {
		return tariffs
	}
	return out
}

// validity is the member of a tariff that keeps it from being valid at a time (PR-09); empty for none.
func validity(t *v230.Tariff, at ocpi.DateTime) (member string) {
	switch {
	case t.StartDateTime != nil && at.Compare(*t.StartDateTime) < 0:
		return "/start_date_time"
	case t.EndDateTime != nil && at.Compare(*t.EndDateTime) >= 0:
		return "/end_date_time"
	default:
		return ""
	}
}

// compile reads the tariffs; nil where the CDR cannot be priced with them.
func (a *Audit) compile(cdr *v230.CDR, tariffs []*v230.Tariff) (compiled []*Tariff) {
	if len(tariffs) == 0 {
		a.find(TariffMissing, "/tariffs", "there is no tariff to price it with")
		return nil
	}
	for _, t := range tariffs {
		if !strings.EqualFold(t.Currency, cdr.Currency) {
			a.find(CurrencyDiffers, tariffPointer(cdr, t, "/currency"), "tariff %s is in %s, the CDR in %s", t.ID, t.Currency, cdr.Currency)
			return nil
		}
		began := beginOf(cdr, t)
		switch member := validity(t, began); member {
		case "/start_date_time":
			a.find(TariffNotValid, tariffPointer(cdr, t, member), "tariff %s is valid from %s, and applies from %s", t.ID, t.StartDateTime, began)
		case "/end_date_time":
			a.find(TariffNotValid, tariffPointer(cdr, t, member), "tariff %s was valid until %s, and applies from %s", t.ID, t.EndDateTime, began)
		}
		c, err := Compile(t)
		if err != nil {
			var unusable *TariffError
			errors.As(err, &unusable)
			a.find(TariffUnusable, tariffPointer(cdr, t, unusable.Pointer), "%s", err)
			return nil
		}
		compiled = append(compiled, c)
	}
	return compiled
}

// tariffPointer is the place of a member of a tariff in the CDR. A tariff from elsewhere is not in it: then it is that of the CDR's own of
// the same id, or of all its tariffs.
func tariffPointer(cdr *v230.CDR, t *v230.Tariff, member string) string {
	for i := range cdr.Tariffs {
		if &cdr.Tariffs[i] == t {
			return fmt.Sprintf("/tariffs/%d%s", i, member)
		}
	}
	for i := range cdr.Tariffs {
		if sameID(string(cdr.Tariffs[i].ID), string(t.ID)) {
			return fmt.Sprintf("/tariffs/%d", i)
		}
	}
	return "/tariffs"
}

// beginOf is when a tariff begins to apply: at the first period that names it, or from the start (PR-09).
func beginOf(cdr *v230.CDR, t *v230.Tariff) ocpi.DateTime {
	began, named := cdr.StartDateTime, false
	for i := range cdr.ChargingPeriods {
		p := &cdr.ChargingPeriods[i]
		if p.TariffID != nil && sameID(string(*p.TariffID), string(t.ID)) && (!named || p.StartDateTime.Compare(began) < 0) {
			began, named = p.StartDateTime, true
		}
	}
	return began
}
