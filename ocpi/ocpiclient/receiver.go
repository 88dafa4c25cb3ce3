package ocpiclient

import (
	"context"
	"net/http"
	"net/url"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A Receiver is where a partner takes our objects of one module (requirements TF-43 to TF-49).
type Receiver[T any] struct {
	client *Client
	kind   kind[T]
	// role is the partner's.
	role ocpi.Role
}

// Get returns an object of ours as the partner has it, or an error that is ocpi.ErrNotFound. A Key without a Party is
// Config.Own's.
func (r Receiver[T]) Get(ctx context.Context, key ocpi.Key) (T, error) {
	return getPart(ctx, r, r.kind.codec, key)
}

// Put sends a whole object, which creates or replaces it there (requirements TF-35, TF-36). created is what the partner
// says by HTTP 201; many answer 200 in either case.
func (r Receiver[T]) Put(ctx context.Context, object T) (created bool, err error) {
	m, err := r.ComposePut(ctx, object)
	return r.client.put(ctx, m, err)
}

// Patch sends what differs between two states of an object, in the terms of the partner's version, with its
// last_updated (requirements TF-37, TF-40), and nothing where nothing differs there. Members that are gone are sent as
// null, or as an empty list; to a partner that passes over null, the object is sent whole instead, and so is what the version
// does not patch: tariffs since 2.2.
//
// Where it fails, the partner may have it or not. Do not repeat it: Get the object, and Put it whole where it is missing
// (requirement TF-41).
func (r Receiver[T]) Patch(ctx context.Context, before, after T) error {
	m, changed, err := r.ComposePatch(ctx, before, after)
	return r.client.patch(ctx, m, changed, err)
}

// put sends a Message, if it could be composed.
func (c *Client) put(ctx context.Context, m Message, err error) (created bool, _ error) {
	if err != nil {
		return false, err
	}
	sent, err := c.Send(ctx, m)
	return sent.Created, err
}

// patch sends a Message, if it could be composed and says anything.
func (c *Client) patch(ctx context.Context, m Message, changed bool, err error) error {
	if err != nil || !changed {
		return err
	}
	_, err = c.Send(ctx, m)
	return err
}

// typeQuery tells tokens of two types with one uid apart, with RFID as the default (requirement TOK-03). The type is named as
// in the body, which is what the partner's version calls it.
func (c *Client) typeQuery(key ocpi.Key) string {
	if key.TokenType == "" || key.TokenType == string(v230.TokenTypeRFID) {
		return ""
	}
	return url.Values{"type": {string(c.typeName(v230.TokenType(key.TokenType)))}}.Encode()
}

// owner is the party of an object of ours.
func (c *Client) owner(party ocpi.Party) ocpi.Party {
	if party == (ocpi.Party{}) {
		return c.config.Own
	}
	return party
}

// getPart gets an object, or a part of it.
func getPart[T, P any](ctx context.Context, r Receiver[T], codec wire.Codec[P], key ocpi.Key, parts ...string) (P, error) {
	var none P
	m, err := r.message(http.MethodGet, key, parts...)
	if err != nil {
		return none, err
	}
	call, err := r.client.request(m)
	if err != nil {
		return none, err
	}
	part, _, err := ask(ctx, r.client, call, codec, r.client.env(ctx, r.client.owner(key.Party)))
	return part, err
}

// A LocationReceiver is a Receiver of locations, whose EVSEs and connectors can be called by themselves (requirements
// L-10 to L-16).
type LocationReceiver struct {
	Receiver[v230.Location]
}

// GetEVSE returns an EVSE of a location of ours as the partner has it.
func (r LocationReceiver) GetEVSE(ctx context.Context, location ocpi.Key, uid string) (v230.EVSE, error) {
	return getPart(ctx, r.Receiver, r.client.codecs.EVSEs, location, uid)
}

// PutEVSE adds an EVSE to a location, or replaces it whole.
func (r LocationReceiver) PutEVSE(ctx context.Context, location ocpi.Key, evse v230.EVSE) (created bool, err error) {
	m, err := r.ComposePutEVSE(ctx, location, evse)
	return r.client.put(ctx, m, err)
}

// PatchEVSE sends what differs between two states of an EVSE, mostly its status (requirement L-15).
func (r LocationReceiver) PatchEVSE(ctx context.Context, location ocpi.Key, before, after v230.EVSE) error {
	m, changed, err := r.ComposePatchEVSE(ctx, location, before, after)
	return r.client.patch(ctx, m, changed, err)
}

// GetConnector returns a connector of an EVSE of ours as the partner has it.
func (r LocationReceiver) GetConnector(ctx context.Context, location ocpi.Key, evseUID, id string) (v230.Connector, error) {
	return getPart(ctx, r.Receiver, r.client.codecs.Connectors, location, evseUID, id)
}

// PutConnector adds a connector to an EVSE, or replaces it whole.
func (r LocationReceiver) PutConnector(ctx context.Context, location ocpi.Key, evseUID string, connector v230.Connector) (created bool, err error) {
	m, err := r.ComposePutConnector(ctx, location, evseUID, connector)
	return r.client.put(ctx, m, err)
}

// PatchConnector sends what differs between two states of a connector.
func (r LocationReceiver) PatchConnector(ctx context.Context, location ocpi.Key, evseUID string, before, after v230.Connector) error {
	m, changed, err := r.ComposePatchConnector(ctx, location, evseUID, before, after)
	return r.client.patch(ctx, m, changed, err)
}

// A TariffReceiver is a Receiver of tariffs, the only objects that are deleted (requirement TF-42).
type TariffReceiver struct {
	Receiver[v230.Tariff]
}

// Delete removes a tariff of ours there.
func (r TariffReceiver) Delete(ctx context.Context, key ocpi.Key) error {
	m, err := r.ComposeDelete(key)
	if err != nil {
		return err
	}
	_, err = r.client.Send(ctx, m)
	return err
}
