package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An Applied is what a CDR is priced with.
type Applied struct {
	Tariffs []*v230.Tariff
	// Candidates are tariffs of the connector of which any could have applied, and nothing says which; then there are no Tariffs.
	Candidates []*v230.Tariff
	// Sought are the tariffs that were looked for: those that the CDR names, or else those of the connector.
	Sought   []string
	Policy   tariff.Policy
	Findings []tariff.Finding
}

// Applied finds what a CDR of a partner's is to be priced with, or one of ours, with no partner.
func (a *Auditor) Applied(ctx context.Context, partner string, cdr *v230.CDR) (Applied, error) {
	return newReader(a.config.Store, a.config.Policy).applied(ctx, partner, cdr)
}

// TariffThen is a tariff of a partner's, or of ours, as it was at a time; nil where it was not there.
func (a *Auditor) TariffThen(ctx context.Context, partner string, owner ocpi.Party, id string, at time.Time) (*v230.Tariff, error) {
	then, err := newReader(a.config.Store, a.config.Policy).then(ctx, partner, owner, id, at)
	if then == nil || err != nil {
		return nil, err
	}
	return &then.tariff, nil
}

// A reader is what one run of checks has read of partners' tariffs and locations, which it reads once.
type reader struct {
	store  Store
	policy func(ctx context.Context, partner string) (tariff.Policy, error)

	mu        sync.Mutex
	policies  map[string]tariff.Policy
	states    map[store.Key][]state
	locations map[store.Key]*v230.Location
}

// mostLocations bounds how many locations are kept at once.
const mostLocations = 10_000

// A state is a tariff as it was for a while.
type state struct {
	since, until time.Time
	tariff       v230.Tariff
}

func newReader(s Store, policy func(context.Context, string) (tariff.Policy, error)) *reader {
	return &reader{
		store: s, policy: policy, policies: map[string]tariff.Policy{}, states: map[store.Key][]state{}, locations: map[store.Key]*v230.Location{},
	}
}

// price prices a CDR again with the tariffs that applied, and says how those were read.
func (r *reader) price(ctx context.Context, partner string, cdr *v230.CDR) (*tariff.Audit, tariff.Policy, error) {
	applied, err := r.applied(ctx, partner, cdr)
	if err != nil {
		return nil, applied.Policy, err
	}
	audit := tariff.Check(cdr, applied.Tariffs, applied.Policy)
	audit.Findings = append(audit.Findings, applied.Findings...)
	return audit, applied.Policy, nil
}

// applied finds the tariffs that applied to a CDR: those that its periods name, or else its own, or else that of the connector, each as it
// was when the charge began. Where we do not have it from then, the CDR's own copy is taken.
func (r *reader) applied(ctx context.Context, partner string, cdr *v230.CDR) (out Applied, err error) {
	party := ocpi.NewParty(string(cdr.CountryCode), string(cdr.PartyID))
	if out.Policy, err = r.policyOf(ctx, partner); err != nil {
		return out, err
	}
	location, err := r.location(ctx, partner, party, string(cdr.CDRLocation.ID))
	if err != nil {
		return out, err
	}
	var then *v230.Location // as it was when it was used, which 2.1.1 says
	if l, ok := convert.LocationIn(cdr); ok {
		then = &l
	}
	out.Policy.Zone = cmp.Or(zoneOf(then), zoneOf(location), timezone.OfCDR(&cdr.CDRLocation))
	names := named(cdr)
	if len(names) == 0 {
		ids := connectorTariffs(then, cdr)
		if len(ids) == 0 {
			ids = connectorTariffs(location, cdr)
		}
		if names, err = r.ofConnector(ctx, partner, party, ids, cdr, &out); err != nil {
			return out, err
		}
	}
	if out.Sought == nil {
		out.Sought = names
	}
	for _, name := range names {
		own := copyIn(cdr, name)
		then, err := r.published(ctx, partner, party, own, name, cdr.StartDateTime.Time())
		switch {
		case err != nil:
			return out, err
		case then == nil && own != nil:
			out.Tariffs = append(out.Tariffs, own)
		case then != nil:
			out.Tariffs = append(out.Tariffs, &then.tariff)
			if own != nil && !samePrices(own, &then.tariff) {
				out.Findings = append(out.Findings, tariff.Finding{
					Code: tariff.TariffOther, Pointer: "/tariffs",
					Message: fmt.Sprintf("tariff %s had other prices when the charge began, by what was published on %s", name, then.tariff.LastUpdated),
				})
			}
		}
	}
	return out, nil
}

// zoneOf is the time zone of a location; nil where that is not known.
func zoneOf(l *v230.Location) *time.Location {
	if l == nil {
		return nil
	}
	return timezone.Of(l)
}

// named are the tariffs that a CDR names, in its periods or else by having them.
func named(cdr *v230.CDR) (names []string) {
	add := func(name string) {
		for _, has := range names {
			if strings.EqualFold(has, name) {
				return
			}
		}
		names = append(names, name)
	}
	for i := range cdr.ChargingPeriods {
		if id := cdr.ChargingPeriods[i].TariffID; id != nil && *id != "" {
			add(string(*id))
		}
	}
	if len(names) > 0 {
		return names
	}
	for i := range cdr.Tariffs {
		add(string(cdr.Tariffs[i].ID))
	}
	return names
}

// copyIn is the tariff of a name that a CDR has in it; nil for none.
func copyIn(cdr *v230.CDR, name string) *v230.Tariff {
	for i := range cdr.Tariffs {
		if strings.EqualFold(string(cdr.Tariffs[i].ID), name) {
			return &cdr.Tariffs[i]
		}
	}
	return nil
}

// ofConnector are those of the tariffs of the connector that are for the driver's kind of token. Where there are several, nobody can
// say which applied.
func (r *reader) ofConnector(
	ctx context.Context, partner string, party ocpi.Party, ids []string, cdr *v230.CDR, out *Applied,
) (names []string, err error) {
	best := notFor
	out.Sought = ids
	for _, id := range ids {
		then, err := r.then(ctx, partner, party, id, cdr.StartDateTime.Time())
		if err != nil {
			return nil, err
		}
		if then == nil {
			continue
		}
		fits := fitOf(&then.tariff, cdr)
		if fits > best {
			best, names, out.Candidates = fits, nil, nil
		}
		if fits == best && fits != notFor {
			names, out.Candidates = append(names, id), append(out.Candidates, &then.tariff)
		}
	}
	if len(names) > 1 {
		out.Findings = append(out.Findings, tariff.Finding{
			Code: tariff.TariffMissing, Pointer: "/tariffs", Message: "the CDR names no tariff, and any of " + strings.Join(names, ", ") + " could have applied",
		})
		return nil, nil
	}
	out.Candidates = nil
	return names, nil
}

// connectorTariffs are the tariffs that the connector of a CDR has in a location.
func connectorTariffs(l *v230.Location, cdr *v230.CDR) (ids []string) {
	if l == nil {
		return nil
	}
	for i := range l.EVSEs {
		if !l.EVSEs[i].UID.Equal(cdr.CDRLocation.EVSEUID) {
			continue
		}
		for j := range l.EVSEs[i].Connectors {
			if c := &l.EVSEs[i].Connectors[j]; c.ID.Equal(cdr.CDRLocation.ConnectorID) {
				for _, id := range c.TariffIDs {
					ids = append(ids, string(id))
				}
			}
		}
	}
	return ids
}

// A fit is how well a tariff fits a driver.
type fit int

const (
	notFor     fit = iota
	forProfile     // for those who chose it with their charging preferences, of which a CDR says nothing
	forAll
	forTheirs // for their way to pay: by contract, or ad hoc
)

// fitOf is how well a tariff fits the driver of a CDR.
func fitOf(t *v230.Tariff, cdr *v230.CDR) fit {
	adHoc := cdr.CDRToken.Type == v230.TokenTypeAdHocUser
	switch {
	case t.Type == nil:
		return forAll
	case *t.Type == v230.TariffTypeAdHocPayment && adHoc, *t.Type == v230.TariffTypeRegular && !adHoc:
		return forTheirs
	case *t.Type == v230.TariffTypeAdHocPayment, *t.Type == v230.TariffTypeRegular:
		return notFor
	default:
		return forProfile
	}
}

// then is a tariff as it was at a time; nil where that is not known.
func (r *reader) then(ctx context.Context, partner string, party ocpi.Party, id string, at time.Time) (*state, error) {
	key := store.Key{Module: ocpi.ModuleTariffs, Source: partner, Party: party, ID: id, AnyCase: true}
	states, err := r.statesOf(ctx, key)
	if err != nil {
		return nil, err
	}
	for i := range states { // the latest first
		if st := &states[i]; !at.Before(st.since) && (st.until.IsZero() || at.Before(st.until)) {
			return st, nil
		}
	}
	return nil, nil
}

// published is a tariff as it was at a time: that of the owner whom the copy in a CDR names, where there is such, or else of the CDR's owner.
func (r *reader) published(
	ctx context.Context, partner string, party ocpi.Party, own *v230.Tariff, id string, at time.Time,
) (then *state, err error) {
	if own != nil && own.CountryCode != "" && own.PartyID != "" {
		then, err = r.then(ctx, partner, ocpi.NewParty(string(own.CountryCode), string(own.PartyID)), id, at)
	}
	if then != nil || err != nil {
		return then, err
	}
	return r.then(ctx, partner, party, id, at)
}

func (r *reader) statesOf(ctx context.Context, key store.Key) ([]state, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if states, ok := r.states[key]; ok {
		return states, nil
	}
	stored, err := r.store.TariffStates(ctx, key)
	if err != nil {
		return nil, err
	}
	var states []state
	for _, was := range stored {
		st := state{since: was.Since, until: was.Until}
		if err := read(was.Body, &st.tariff); err != nil {
			return nil, fmt.Errorf("a former state of tariff %s: %w", key.ID, err)
		}
		states = append(states, st)
	}
	r.states[key] = states
	return states, nil
}

func (r *reader) policyOf(ctx context.Context, partner string) (tariff.Policy, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.policies[partner]; ok {
		return p, nil
	}
	p, err := r.policy(ctx, partner)
	if err == nil {
		r.policies[partner] = p
	}
	return p, err
}

// location is a partner's location; nil where we do not have it.
func (r *reader) location(ctx context.Context, partner string, party ocpi.Party, id string) (*v230.Location, error) {
	key := store.Key{Module: ocpi.ModuleLocations, Source: partner, Party: party, ID: id, AnyCase: true}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.locations[key]; ok {
		return l, nil
	}
	if len(r.locations) >= mostLocations {
		clear(r.locations)
	}
	o, err := r.store.Object(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		r.locations[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := new(v230.Location)
	if err := read(o.Body, l); err != nil {
		return nil, fmt.Errorf("location %s: %w", id, err)
	}
	r.locations[key] = l
	return l, nil
}
