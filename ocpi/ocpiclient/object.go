package ocpiclient

import (
	"context"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A kind is what the calls need to know about one kind of object.
type kind[T any] struct {
	module ocpi.ModuleID
	codec  wire.Codec[T]
	// key is the object's identity, updated the time of its last change.
	key     func(*T) ocpi.Key
	updated func(*T) ocpi.DateTime
}

func (c *Client) locations() kind[wire.Location] {
	return kind[wire.Location]{ocpi.ModuleLocations, c.codecs.Locations,
		func(l *wire.Location) ocpi.Key { return newKey(l.CountryCode, l.PartyID, l.ID) },
		func(l *wire.Location) ocpi.DateTime { return l.LastUpdated },
	}
}

func (c *Client) sessions() kind[wire.Session] {
	return kind[wire.Session]{ocpi.ModuleSessions, c.codecs.Sessions,
		func(s *wire.Session) ocpi.Key { return newKey(s.CountryCode, s.PartyID, s.ID) },
		func(s *wire.Session) ocpi.DateTime { return s.LastUpdated },
	}
}

func (c *Client) cdrs() kind[wire.CDR] {
	return kind[wire.CDR]{ocpi.ModuleCDRs, c.codecs.CDRs,
		func(d *wire.CDR) ocpi.Key { return newKey(d.CountryCode, d.PartyID, d.ID) },
		func(d *wire.CDR) ocpi.DateTime { return d.LastUpdated },
	}
}

func (c *Client) tariffs() kind[wire.Tariff] {
	return kind[wire.Tariff]{ocpi.ModuleTariffs, c.codecs.Tariffs,
		func(t *wire.Tariff) ocpi.Key { return newKey(t.CountryCode, t.PartyID, t.ID) },
		func(t *wire.Tariff) ocpi.DateTime { return t.LastUpdated },
	}
}

func (c *Client) tokens() kind[wire.Token] {
	return kind[wire.Token]{ocpi.ModuleTokens, c.codecs.Tokens,
		func(t *wire.Token) ocpi.Key {
			key := newKey(t.CountryCode, t.PartyID, t.UID)
			key.TokenType = string(t.Type)
			return key
		},
		func(t *wire.Token) ocpi.DateTime { return t.LastUpdated },
	}
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
	body, quirks, err := rewritten(c, codec, object, env)
	if err != nil {
		return err
	}
	r.body, r.quirks = body, append(r.quirks, quirks...)
	return nil
}

// rewritten is an object in the partner's version, as the partner wants it.
func rewritten[T any](c *Client, codec wire.Codec[T], object T, env convert.Env) (body []byte, quirks []quirk.Name, err error) {
	raw, err := written(codec, object, env)
	if err != nil {
		return nil, nil, err
	}
	body, quirks = c.profile.Write(c.config.Version, codec.Object, raw)
	return body, quirks, nil
}

// written is an object in the partner's version. What the model keeps of another version stays with us.
func written[T any](codec wire.Codec[T], object T, env convert.Env) ([]byte, error) {
	raw, losses, err := codec.Write(object, env)
	if err != nil {
		return nil, fmt.Errorf("ocpiclient: %w", err)
	}
	for _, loss := range losses {
		if loss.Withhold {
			return nil, fmt.Errorf("ocpiclient: %s: %w: %s", codec.Object, ErrWithheld, loss)
		}
	}
	return convert.StripLeftovers(raw), nil
}
