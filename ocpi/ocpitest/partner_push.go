package ocpitest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Push sends an object of a Partner's to the other side, in the version that was agreed on and as its flavour writes it:
// a CDR with POST, every other object with PUT to its own URL. The object need not be in a backend.
func Push[T Object](ctx context.Context, p *Partner, object T) (Reply, error) {
	peer := p.Peer()
	if !peer.Registered {
		return Reply{}, errNotRegistered
	}
	body, kind, err := p.write(&object, peer.Version)
	if err != nil {
		return Reply{}, fmt.Errorf("ocpitest: push: %w", err)
	}
	endpoint := peer.Endpoint(kind.module)
	if endpoint == "" {
		return Reply{}, fmt.Errorf("ocpitest: push: the other side has no endpoint %s", kind.module)
	}
	if kind.module == ocpi.ModuleCDRs {
		return p.Do(ctx, http.MethodPost, endpoint, body)
	}
	key := keyOf(&object)
	path := strings.Join([]string{key.Party.CountryCode, key.Party.PartyID, url.PathEscape(key.ID)}, "/")
	return p.Do(ctx, http.MethodPut, p.flavour.join(endpoint, path), body)
}

// A pushedKind is a kind of object.
type pushedKind struct {
	module ocpi.ModuleID
	// name is that of the object in the tables of 2.1.1.
	name string
}

// write writes an object in a version, as the flavour does.
func (p *Partner) write(object any, version ocpi.Version) (raw []byte, kind pushedKind, err error) {
	env := convert.Env{Location: p.locationOf}
	switch o := object.(type) {
	case *v230.Location:
		kind = pushedKind{ocpi.ModuleLocations, "Location"}
		raw, err = document(o, version, convert.LocationTo211, env)
	case *v230.Session:
		kind = pushedKind{ocpi.ModuleSessions, "Session"}
		raw, err = document(o, version, convert.SessionTo211, env)
	case *v230.CDR:
		kind = pushedKind{ocpi.ModuleCDRs, "CDR"}
		raw, err = document(o, version, convert.CDRTo211, env)
	case *v230.Tariff:
		kind = pushedKind{ocpi.ModuleTariffs, "Tariff"}
		raw, err = document(o, version, convert.TariffTo211, env)
	case *v230.Token:
		kind = pushedKind{ocpi.ModuleTokens, "Token"}
		raw, err = document(o, version, convert.TokenTo211, env)
	default:
		panic("ocpitest: unreachable: Object lists its types")
	}
	if err != nil {
		return nil, kind, err
	}
	return p.flavour.dress(raw, kind.name), kind, nil
}

// document writes an object of the model in a version.
func document[T, Old any](object *T, version ocpi.Version, to211 func(T, convert.Env) (Old, []convert.Loss), env convert.Env) ([]byte, error) {
	switch version {
	case ocpi.V211:
		old, _ := to211(*object, env)
		return json.Marshal(&old)
	case ocpi.V230:
		return json.Marshal(object)
	default:
		return nil, fmt.Errorf("version %s cannot be written", version)
	}
}

// locationOf finds the location that a session of ours took place at, which 2.1.1 sends with it.
func (p *Partner) locationOf(id string) (v230.Location, bool) {
	if p.CPO == nil {
		return v230.Location{}, false
	}
	l, err := p.CPO.Locations.Get(context.Background(), &ocpi.Partner{}, id)
	return l, err == nil
}
