package ocpiclient

import (
	"context"
	"fmt"
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
	return putPart(ctx, r, r.kind.codec, r.kind.key(&object), object)
}

// Patch sends what differs between two states of an object, in the terms of the partner's version, with its
// last_updated (requirements TF-37, TF-40), and nothing where nothing differs there. Members that are gone are sent as
// null, or as an empty list.
//
// Where it fails, the partner may have it or not. Do not repeat it: Get the object, and Put it whole where it is missing
// (requirement TF-41).
func (r Receiver[T]) Patch(ctx context.Context, before, after T) error {
	was, is := r.kind.key(&before), r.kind.key(&after)
	if was != is {
		return fmt.Errorf("ocpiclient: patch %s %s: it has become %s", r.kind.codec.Object, was.ID, is.ID)
	}
	return patchPart(ctx, r, r.kind.codec, is, before, after)
}

// request is a call about an object, or a part of it below.
func (r Receiver[T]) request(method string, key ocpi.Key, parts ...string) (request, error) {
	endpoint, err := r.client.endpoint(r.kind.module, ocpi.Receiver, r.role)
	if err != nil {
		return request{}, err
	}
	query := url.Values{}
	if key.TokenType != "" && key.TokenType != string(v230.TokenTypeRFID) {
		// Version 2.1.1 has no such parameter, and tokens of two types with one uid; later versions have it, with RFID
		// as its default (requirement TOK-03).
		query.Set("type", key.TokenType)
	}
	party := r.client.owner(key.Party)
	segments := append([]string{party.CountryCode, party.PartyID, key.ID}, parts...)
	target, quirks, err := r.client.below(endpoint, query, segments...)
	if err != nil {
		return request{}, fmt.Errorf("ocpiclient: %s %s: %w", method, r.kind.module, err)
	}
	return request{method: method, url: target, module: r.kind.module, quirks: quirks}, nil
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
	call, err := r.request(http.MethodGet, key, parts...)
	if err != nil {
		var none P
		return none, err
	}
	part, _, err := ask(ctx, r.client, call, codec, r.client.env(ctx, r.client.owner(key.Party)))
	return part, err
}

func putPart[T, P any](ctx context.Context, r Receiver[T], codec wire.Codec[P], key ocpi.Key, part P, parts ...string) (created bool, err error) {
	call, err := r.request(http.MethodPut, key, parts...)
	if err != nil {
		return false, err
	}
	if err := write(r.client, &call, codec, part, r.client.env(ctx, r.client.owner(key.Party))); err != nil {
		return false, err
	}
	a, err := r.client.order(ctx, call)
	if err != nil {
		return false, err
	}
	return a.http == http.StatusCreated, nil
}

func patchPart[T, P any](ctx context.Context, r Receiver[T], codec wire.Codec[P], key ocpi.Key, before, after P, parts ...string) error {
	call, err := r.request(http.MethodPatch, key, parts...)
	if err != nil {
		return err
	}
	env := r.client.env(ctx, r.client.owner(key.Party))
	was, err := written(codec, before, env)
	if err != nil {
		return err
	}
	is, err := written(codec, after, env)
	if err != nil {
		return err
	}
	difference, err := diff(was, is)
	if err != nil || difference == nil {
		return err
	}
	rewritten, quirks := r.client.profile.WritePatch(r.client.config.Version, codec.Object, difference)
	call.body, call.quirks = rewritten, append(call.quirks, quirks...)
	_, err = r.client.order(ctx, call)
	return err
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
	return putPart(ctx, r.Receiver, r.client.codecs.EVSEs, location, evse, string(evse.UID))
}

// PatchEVSE sends what differs between two states of an EVSE, mostly its status (requirement L-15).
func (r LocationReceiver) PatchEVSE(ctx context.Context, location ocpi.Key, before, after v230.EVSE) error {
	if before.UID != after.UID {
		return fmt.Errorf("ocpiclient: patch EVSE %s: it has become %s", before.UID, after.UID)
	}
	return patchPart(ctx, r.Receiver, r.client.codecs.EVSEs, location, before, after, string(after.UID))
}

// GetConnector returns a connector of an EVSE of ours as the partner has it.
func (r LocationReceiver) GetConnector(ctx context.Context, location ocpi.Key, evseUID, id string) (v230.Connector, error) {
	return getPart(ctx, r.Receiver, r.client.codecs.Connectors, location, evseUID, id)
}

// PutConnector adds a connector to an EVSE, or replaces it whole.
func (r LocationReceiver) PutConnector(ctx context.Context, location ocpi.Key, evseUID string, connector v230.Connector) (created bool, err error) {
	return putPart(ctx, r.Receiver, r.client.codecs.Connectors, location, connector, evseUID, string(connector.ID))
}

// PatchConnector sends what differs between two states of a connector.
func (r LocationReceiver) PatchConnector(ctx context.Context, location ocpi.Key, evseUID string, before, after v230.Connector) error {
	if before.ID != after.ID {
		return fmt.Errorf("ocpiclient: patch connector %s: it has become %s", before.ID, after.ID)
	}
	return patchPart(ctx, r.Receiver, r.client.codecs.Connectors, location, before, after, evseUID, string(after.ID))
}

// A TariffReceiver is a Receiver of tariffs, the only objects that are deleted (requirement TF-42).
type TariffReceiver struct {
	Receiver[v230.Tariff]
}

// Delete removes a tariff of ours there.
func (r TariffReceiver) Delete(ctx context.Context, key ocpi.Key) error {
	call, err := r.request(http.MethodDelete, key)
	if err != nil {
		return err
	}
	_, err = r.client.order(ctx, call)
	return err
}
