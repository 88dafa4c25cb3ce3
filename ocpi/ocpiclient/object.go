package ocpiclient

import (
	"context"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A kind is what the calls need to know about one kind of object.
type kind[T any] struct {
	module ocpi.ModuleID
	codec  wire.Codec[T]
	// key is the object's identity, updated the time of its last change.
	key     func(*T) ocpi.Key
	updated func(*T) ocpi.DateTime
	// audience is the party of the partner's that an object of ours is about; nil where it is about nobody.
	audience func(*T) ocpi.Party
}

// about is whom a message with an object is for.
func (k kind[T]) about(object *T) ocpi.Party {
	if k.audience == nil {
		return ocpi.Party{}
	}
	return k.audience(object)
}

func (c *Client) locations() kind[wire.Location] {
	return kind[wire.Location]{module: ocpi.ModuleLocations, codec: c.codecs.Locations,
		key:     func(l *wire.Location) ocpi.Key { return newKey(l.CountryCode, l.PartyID, l.ID) },
		updated: func(l *wire.Location) ocpi.DateTime { return l.LastUpdated },
	}
}

func (c *Client) sessions() kind[wire.Session] {
	return kind[wire.Session]{module: ocpi.ModuleSessions, codec: c.codecs.Sessions,
		key:      func(s *wire.Session) ocpi.Key { return newKey(s.CountryCode, s.PartyID, s.ID) },
		updated:  func(s *wire.Session) ocpi.DateTime { return s.LastUpdated },
		audience: func(s *wire.Session) ocpi.Party { return driverOf(s.CDRToken) },
	}
}

func (c *Client) cdrs() kind[wire.CDR] {
	return kind[wire.CDR]{module: ocpi.ModuleCDRs, codec: c.codecs.CDRs,
		key:      func(d *wire.CDR) ocpi.Key { return newKey(d.CountryCode, d.PartyID, d.ID) },
		updated:  func(d *wire.CDR) ocpi.DateTime { return d.LastUpdated },
		audience: func(d *wire.CDR) ocpi.Party { return driverOf(d.CDRToken) },
	}
}

func (c *Client) tariffs() kind[wire.Tariff] {
	return kind[wire.Tariff]{module: ocpi.ModuleTariffs, codec: c.codecs.Tariffs,
		key:     func(t *wire.Tariff) ocpi.Key { return newKey(t.CountryCode, t.PartyID, t.ID) },
		updated: func(t *wire.Tariff) ocpi.DateTime { return t.LastUpdated },
	}
}

func (c *Client) tokens() kind[wire.Token] {
	return kind[wire.Token]{module: ocpi.ModuleTokens, codec: c.codecs.Tokens,
		key: func(t *wire.Token) ocpi.Key {
			key := newKey(t.CountryCode, t.PartyID, t.UID)
			key.TokenType = string(t.Type)
			return key
		},
		updated: func(t *wire.Token) ocpi.DateTime { return t.LastUpdated },
	}
}

// driverOf is the eMSP whose driver a session or CDR is about.
func driverOf(token v230.CdrToken) ocpi.Party {
	return newKey(token.CountryCode, token.PartyID, "").Party
}

func newKey(countryCode, partyID, id ocpi.CiString) ocpi.Key {
	return ocpi.Key{Party: ocpi.NewParty(string(countryCode), string(partyID)), ID: string(id)}
}

// env is what 2.1.1 says outside of an object: whose it is, whose driver it is about, and where it took place.
func (c *Client) env(ctx context.Context, owner ocpi.Party) convert.Env {
	env := convert.Env{Owner: owner, EMSP: c.emsp()}
	if c.config.Location != nil {
		env.Location = func(id string) (wire.Location, bool) { return c.config.Location(ctx, owner, id) }
	}
	return env
}

// emsp is the eMSP of the two sides; the zero Party where it is not known.
func (c *Client) emsp() ocpi.Party {
	if c.config.OwnRole == ocpi.RoleEMSP {
		return c.config.Own
	}
	return c.only(ocpi.RoleEMSP)
}

// only is the partner's party in a role; the zero Party where there is none or several. In 2.1.1 there is exactly one
// (requirement C-22).
func (c *Client) only(role ocpi.Role) ocpi.Party {
	if parties := c.config.Partner.Parties(role); len(parties) == 1 {
		return parties[0]
	}
	return ocpi.Party{}
}

// ask makes a call that is answered with one object. owner is whose it is.
func ask[T any](ctx context.Context, c *Client, r request, codec wire.Codec[T], env convert.Env) (T, *reply, error) {
	var none T
	ctx = correlated(ctx)
	a, err := c.do(ctx, r)
	if err != nil {
		return none, nil, err
	}
	if a.data == nil || a.data.Kind() == 'n' {
		return none, nil, c.fail(ctx, a, Permanent, nil, "no "+codec.Object+": there is no data")
	}
	object, report, err := codec.Read(a.data, env, c.profile.At(a.exchange.At))
	c.note(a, report, "")
	if err != nil {
		return none, nil, c.fail(ctx, a, Permanent, err, fmt.Sprintf("its %s cannot be used: %s", codec.Object, reason(err)))
	}
	c.tell(ctx, a.exchange)
	return object, a, nil
}

// order makes a call whose answer says no more than that it worked (requirement TF-56).
func (c *Client) order(ctx context.Context, r request) error {
	ctx = correlated(ctx)
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	c.tell(ctx, a.exchange)
	return nil
}

// write makes the body for an object, as the partner wants it, and puts it into the request.
func write[T any](c *Client, r *request, codec wire.Codec[T], object T, env convert.Env) error {
	w, err := rewritten(c, codec, object, env)
	if err != nil {
		return err
	}
	r.body, r.quirks, r.losses = w.body, append(r.quirks, w.quirks...), w.losses
	return nil
}

// A writing is an object as a partner gets it.
type writing struct {
	body []byte
	// quirks are those that shaped the body.
	quirks []quirk.Name
	// losses are what the partner's version cannot say of the object.
	losses []convert.Loss
}

// rewritten is an object in the partner's version, as the partner wants it.
func rewritten[T any](c *Client, codec wire.Codec[T], object T, env convert.Env) (w writing, err error) {
	raw, losses, err := written(codec, object, env)
	if err != nil {
		return writing{}, err
	}
	w.losses = losses
	w.body, w.quirks = c.profile.Write(c.config.Version, codec.Object, raw)
	return w, nil
}

// written is an object in the partner's version. What the model keeps of another version stays with us.
func written[T any](codec wire.Codec[T], object T, env convert.Env) ([]byte, []convert.Loss, error) {
	raw, losses, err := codec.Write(object, env)
	if err != nil {
		return nil, nil, fmt.Errorf("ocpiclient: %w", err)
	}
	for _, loss := range losses {
		if loss.Withhold {
			return nil, nil, fmt.Errorf("ocpiclient: %s: %w: %s", codec.Object, ErrWithheld, loss)
		}
	}
	return convert.StripLeftovers(raw), losses, nil
}
