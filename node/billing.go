package node

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// billing makes CDRs of our sessions.
type billing struct{ n *Node }

// Bill implements backend.Biller.
func (b billing) Bill(ctx context.Context, r backend.BillRequest) (bill backend.Bill, err error) {
	s := r.Session
	owner := ocpi.NewParty(string(s.CountryCode), string(s.PartyID))
	location, err := b.n.Objects.Locations.Find(ctx, []ocpi.Party{owner}, string(s.LocationID))
	if err != nil {
		return bill, backend.Refuse(http.StatusConflict, "no CDR can be made: there is no location %s of ours", s.LocationID)
	}
	auditor := b.n.Auditor()
	// What a CDR of the session says of itself, by which the tariff that applied is found.
	said := v230.CDR{
		CountryCode: s.CountryCode, PartyID: s.PartyID, StartDateTime: s.StartDateTime, CDRToken: s.CDRToken, ChargingPeriods: s.ChargingPeriods,
		CDRLocation: v230.CdrLocation{ID: s.LocationID, EVSEUID: s.EVSEUID, ConnectorID: s.ConnectorID},
	}
	applied, err := auditor.Applied(ctx, "", &said)
	if err != nil {
		return bill, err
	}
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
	cdr, price, err := tariff.MakeCDR(s, origin, tariffs, applied.Policy)
	if err != nil {
		return bill, err
	}
	return backend.Bill{CDR: *cdr, Price: tariff.ReportOf(price)}, nil
}
