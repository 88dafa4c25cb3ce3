package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// applied finds the tariffs that apply to a session of ours, as they were at a time.
func (d *Data) applied(ctx context.Context, s *v230.Session, at ocpi.DateTime) (audit.Applied, error) {
	// It is what a CDR of the session says of itself.
	return d.Auditor().Applied(ctx, "", &v230.CDR{
		CountryCode: s.CountryCode, PartyID: s.PartyID, StartDateTime: at, CDRToken: s.CDRToken, ChargingPeriods: s.ChargingPeriods,
		CDRLocation: v230.CdrLocation{ID: s.LocationID, EVSEUID: s.EVSEUID, ConnectorID: s.ConnectorID},
	})
}

// billing makes CDRs of our sessions.
type billing struct{ n *Node }

// Bill implements backend.Biller.
func (b billing) Bill(ctx context.Context, r backend.BillRequest) (bill backend.Bill, err error) {
	s := r.Session
	owner := ocpi.NewParty(string(s.CountryCode), string(s.PartyID))
	location, err := b.n.Objects.Locations.Find(ctx, []ocpi.Party{owner}, string(s.LocationID))
	if errors.Is(err, ocpi.ErrNotFound) {
		return bill, backend.Refuse(http.StatusConflict, "no CDR can be made: there is no location %s of ours", s.LocationID)
	}
	if err != nil {
		return bill, err
	}
	applied, err := b.n.applied(ctx, s, s.StartDateTime)
	if err != nil {
		return bill, err
	}
	auditor := b.n.Auditor()
	tariffs := r.Tariffs
	for _, id := range r.TariffIDs {
		t, err := auditor.TariffThen(ctx, "", owner, id, s.StartDateTime.Time())
		if err != nil {
			return bill, err
		}
		if t == nil {
			return bill, backend.Refuse(http.StatusConflict, "no CDR can be made: there was no tariff %s of ours when the session began", id)
		}
		tariffs = append(tariffs, t)
	}
	if len(tariffs) == 0 {
		tariffs = applied.Tariffs
	}
	// A CDR that is made again is the same one, so it has the time of the session.
	origin := tariff.Origin{ID: r.ID, Location: &location, Made: s.LastUpdated}
	policy := applied.Policy
	policy.Zone = cmp.Or(policy.Zone, timezone.Of(&location))
	cdr, price, err := tariff.MakeCDR(s, origin, tariffs, policy)
	if errors.Is(err, tariff.ErrNoTariff) {
		return bill, backend.Refuse(http.StatusConflict, "no CDR can be made: %s", whyNoTariff(&applied))
	}
	if err != nil {
		return bill, err
	}
	return backend.Bill{CDR: *cdr, Price: tariff.ReportOf(price)}, nil
}

// whyNoTariff says why none applied to a session, and what to do about it.
func whyNoTariff(applied *audit.Applied) string {
	switch {
	case len(applied.Candidates) > 0:
		var ids []string
		for _, t := range applied.Candidates {
			ids = append(ids, string(t.ID))
		}
		return fmt.Sprintf("any of %s could have applied, and nothing says which: name it in tariff_ids", strings.Join(ids, ", "))
	case len(applied.Sought) > 0:
		return fmt.Sprintf("tariff %s was not there when the session began, or is for other drivers", strings.Join(applied.Sought, ", "))
	default:
		return "its connector has no tariff: name one in tariff_ids"
	}
}
