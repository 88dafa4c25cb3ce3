package authorize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A site is what has to be known of a location to say where in it a driver may charge. Reading no more of it takes a third of
// the time.
type site struct {
	EVSEs []siteEVSE `json:"evses"`
}

type siteEVSE struct {
	UID        string      `json:"uid"`
	Status     v230.Status `json:"status"`
	Connectors []struct {
		ID string `json:"id"`
	} `json:"connectors"`
}

// within is what the location has of a place: the EVSEs that are there and not removed, and their connectors. It is false
// where that is nothing. Ids stay as they are written in the place.
func (s *site) within(p *Place) (*Place, bool) {
	open := slices.DeleteFunc(slices.Clone(s.EVSEs), func(e siteEVSE) bool {
		return e.Status == v230.StatusRemoved || len(p.EVSEUIDs) > 0 && !contains(p.EVSEUIDs, e.UID)
	})
	left := &Place{LocationID: p.LocationID}
	for _, uid := range p.EVSEUIDs {
		if slices.ContainsFunc(open, func(e siteEVSE) bool { return strings.EqualFold(e.UID, uid) }) {
			left.EVSEUIDs = append(left.EVSEUIDs, uid)
		}
	}
	for _, id := range p.ConnectorIDs {
		if hasConnector(open, id) {
			left.ConnectorIDs = append(left.ConnectorIDs, id)
		}
	}
	return left, len(open) > 0 && (len(p.ConnectorIDs) == 0 || len(left.ConnectorIDs) > 0)
}

func hasConnector(evses []siteEVSE, id string) bool {
	for _, e := range evses {
		for _, c := range e.Connectors {
			if strings.EqualFold(c.ID, id) {
				return true
			}
		}
	}
	return false
}

// contains reports whether an id is in a list, whatever the case of its letters.
func contains(ids []string, id string) bool {
	return slices.ContainsFunc(ids, func(other string) bool { return strings.EqualFold(other, id) })
}

// anyCase reports whether ids are the same to a partner whatever their case (requirement DT-31).
func anyCase(p *ocpi.Partner) bool { return p.Version.Compare("2.2") >= 0 }

// partnersSite is a location that a CPO has sent; nil where it has not, or not yet its EVSEs. Of a CPO that speaks for
// several parties, a question does not say which one's it is: then it is what they have of this id together.
func partnersSite(ctx context.Context, s Store, from *ocpi.Partner, id string) (*site, error) {
	var all site
	for _, party := range from.Parties(ocpi.RoleCPO) {
		o, err := s.Object(ctx, store.Key{Module: ocpi.ModuleLocations, Source: from.ID, Party: party, ID: id, AnyCase: anyCase(from)})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one, err := readSite(o)
		if err != nil {
			return nil, err
		}
		all.EVSEs = append(all.EVSEs, one.EVSEs...)
	}
	if len(all.EVSEs) == 0 {
		return nil, nil
	}
	return &all, nil
}

// ownSite is a location of ours; nil where there is none, or one without EVSEs.
func ownSite(ctx context.Context, s Store, id string) (*site, error) {
	o, err := s.Find(ctx, store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true, AnyCase: true}, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ours, err := readSite(o)
	if err != nil || len(ours.EVSEs) == 0 {
		return nil, err
	}
	return ours, nil
}

func readSite(o store.Object) (*site, error) {
	var s site
	if err := json.Unmarshal(o.Body, &s, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("read stored location: %w", err)
	}
	return &s, nil
}
