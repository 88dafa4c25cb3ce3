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
	endpoint := peer.EndpointOf(kind.module, ocpi.Receiver)
	if endpoint == "" {
		return Reply{}, fmt.Errorf("ocpitest: push: the other side has no endpoint %s", kind.module)
	}
	if kind.module == ocpi.ModuleCDRs {
		return p.Do(ctx, http.MethodPost, endpoint, body)
	}
	key := keyOf(&object)
	path := strings.Join([]string{key.Party.CountryCode, key.Party.PartyID, url.PathEscape(key.ID)}, "/")
	target := p.flavour.join(endpoint, path)
	if key.TokenType != "" && key.TokenType != string(v230.TokenTypeRFID) && peer.Version.Compare("2.2") >= 0 {
		target += "?type=" + url.QueryEscape(key.TokenType)
	}
	return p.Do(ctx, http.MethodPut, target, body)
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
		raw, err = document(o, version, env, convert.LocationTo211, convert.LocationTo221)
	case *v230.Session:
		kind = pushedKind{ocpi.ModuleSessions, "Session"}
		raw, err = document(o, version, env, convert.SessionTo211, convert.SessionTo221)
	case *v230.CDR:
		kind = pushedKind{ocpi.ModuleCDRs, "CDR"}
		raw, err = document(o, version, env, convert.CDRTo211, convert.CDRTo221)
	case *v230.Tariff:
		kind = pushedKind{ocpi.ModuleTariffs, "Tariff"}
		raw, err = document(o, version, env, convert.TariffTo211, convert.TariffTo221)
	case *v230.Token:
		kind = pushedKind{ocpi.ModuleTokens, "Token"}
		raw, err = document(o, version, env, convert.TokenTo211, convert.TokenTo221)
	default:
		panic("ocpitest: unreachable: Object lists its types")
	}
	if err != nil {
		return nil, kind, err
	}
	return p.flavour.dress(raw, kind.name), kind, nil
}

// document writes an object of the model in a version.
func document[T, Old211, Old221 any](
	object *T, version ocpi.Version, env convert.Env,
	to211 func(T, convert.Env) (Old211, []convert.Loss), to221 func(T, convert.Env) (Old221, []convert.Loss),
) ([]byte, error) {
	raw, err := inVersion(object, version, env, to211, to221)
	return convert.StripLeftovers(raw), err
}

func inVersion[T, Old211, Old221 any](
	object *T, version ocpi.Version, env convert.Env,
	to211 func(T, convert.Env) (Old211, []convert.Loss), to221 func(T, convert.Env) (Old221, []convert.Loss),
) ([]byte, error) {
	switch version {
	case ocpi.V211:
		old, _ := to211(*object, env)
		return json.Marshal(&old)
	case ocpi.V221:
		old, _ := to221(*object, env)
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
