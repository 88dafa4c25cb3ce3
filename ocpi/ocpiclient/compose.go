package ocpiclient

import (
	"context"
	"fmt"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// ComposePut makes the Message that Put sends. The error is ErrWithheld where the object must not be sent in the partner's
// version.
func (r Receiver[T]) ComposePut(ctx context.Context, object T) (Message, error) {
	m, err := composePut(ctx, r, r.kind.codec, r.kind.key(&object), object)
	m.routing.To = r.kind.about(&object)
	return m, err
}

// ComposePatch makes the Message that Patch sends. changed is false, and there is no Message, where nothing differs in the
// partner's version.
func (r Receiver[T]) ComposePatch(ctx context.Context, before, after T) (m Message, changed bool, err error) {
	was, is := r.kind.key(&before), r.kind.key(&after)
	if was != is {
		return Message{}, false, fmt.Errorf("ocpiclient: patch %s %s: it has become %s", r.kind.codec.Object, was.ID, is.ID)
	}
	m, changed, err = composePatch(ctx, r, r.kind.codec, is, before, after)
	m.routing.To = r.kind.about(&after)
	return m, changed, err
}

// ComposePutEVSE makes the Message that PutEVSE sends.
func (r LocationReceiver) ComposePutEVSE(ctx context.Context, location ocpi.Key, evse v230.EVSE) (Message, error) {
	return composePut(ctx, r.Receiver, r.client.codecs.EVSEs, location, evse, string(evse.UID))
}

// ComposePatchEVSE makes the Message that PatchEVSE sends, as ComposePatch does.
func (r LocationReceiver) ComposePatchEVSE(ctx context.Context, location ocpi.Key, before, after v230.EVSE) (m Message, changed bool, err error) {
	if before.UID != after.UID {
		return Message{}, false, fmt.Errorf("ocpiclient: patch EVSE %s: it has become %s", before.UID, after.UID)
	}
	return composePatch(ctx, r.Receiver, r.client.codecs.EVSEs, location, before, after, string(after.UID))
}

// ComposeStatus makes the smallest Message that tells the status of an EVSE: a PATCH with its status and its last_updated,
// whatever they were before (requirement L-15).
func (r LocationReceiver) ComposeStatus(ctx context.Context, location ocpi.Key, evse v230.EVSE) (Message, error) {
	m, err := r.message(http.MethodPatch, location, string(evse.UID))
	if err != nil {
		return Message{}, err
	}
	c := r.client
	only := v230.EVSE{UID: evse.UID, Status: evse.Status, LastUpdated: evse.LastUpdated}
	raw, _, err := written(c.codecs.EVSEs, only, c.env(ctx, c.owner(location.Party)))
	if err != nil {
		return Message{}, err
	}
	members := membersOf(raw)
	patch := fmt.Appendf(nil, `{"status":%s,"last_updated":%s}`, members["status"], members[lastUpdated])
	m.body, m.quirks = c.profile.WritePatch(c.config.Version, c.codecs.EVSEs.Object, patch)
	return m, nil
}

// ComposePutConnector makes the Message that PutConnector sends.
func (r LocationReceiver) ComposePutConnector(ctx context.Context, location ocpi.Key, evseUID string, connector v230.Connector) (Message, error) {
	return composePut(ctx, r.Receiver, r.client.codecs.Connectors, location, connector, evseUID, string(connector.ID))
}

// ComposePatchConnector makes the Message that PatchConnector sends, as ComposePatch does.
func (r LocationReceiver) ComposePatchConnector(ctx context.Context, location ocpi.Key, evseUID string, before, after v230.Connector) (m Message, changed bool, err error) {
	if before.ID != after.ID {
		return Message{}, false, fmt.Errorf("ocpiclient: patch connector %s: it has become %s", before.ID, after.ID)
	}
	return composePatch(ctx, r.Receiver, r.client.codecs.Connectors, location, before, after, evseUID, string(after.ID))
}

// ComposeDelete makes the Message that Delete sends.
func (r TariffReceiver) ComposeDelete(key ocpi.Key) (Message, error) {
	return r.message(http.MethodDelete, key)
}

// ComposePost makes the Message that Post sends. The error is ErrWithheld where the CDR must not be sent in the partner's
// version, and ErrOtherOwner where the version says nothing of its owner, and the partner deals with another party of ours.
func (r CDRReceiver) ComposePost(ctx context.Context, cdr v230.CDR) (Message, error) {
	c := r.client
	if _, err := c.endpoint(ocpi.ModuleCDRs, ocpi.Receiver, ocpi.RoleEMSP); err != nil {
		return Message{}, err
	}
	m := Message{dialect: c.dialect, method: http.MethodPost, module: ocpi.ModuleCDRs, role: ocpi.RoleEMSP, id: string(cdr.ID)}
	owner := c.owner(newKey(cdr.CountryCode, cdr.PartyID, cdr.ID).Party)
	if own := c.config.Own; c.config.Version.Compare("2.2") < 0 && owner != own && own != (ocpi.Party{}) {
		return Message{}, fmt.Errorf("ocpiclient: %w: in %s the partner deals with %s, and the CDR is %s's", ErrOtherOwner, c.config.Version, own, owner)
	}
	m.routing = ocpi.Routing{To: driverOf(cdr.CDRToken), From: owner}
	var err error
	if m.writing, err = rewritten(c, c.codecs.CDRs, cdr, c.env(ctx, owner)); err != nil {
		return Message{}, err
	}
	return m, nil
}

func composePut[T, P any](ctx context.Context, r Receiver[T], codec wire.Codec[P], key ocpi.Key, part P, parts ...string) (Message, error) {
	m, err := r.message(http.MethodPut, key, parts...)
	if err != nil {
		return Message{}, err
	}
	m.writing, err = rewritten(r.client, codec, part, r.client.env(ctx, r.client.owner(key.Party)))
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

func composePatch[T, P any](ctx context.Context, r Receiver[T], codec wire.Codec[P], key ocpi.Key, before, after P, parts ...string) (m Message, changed bool, err error) {
	m, err = r.message(http.MethodPatch, key, parts...)
	if err != nil {
		return Message{}, false, err
	}
	c := r.client
	patched := codec.ReadPatch != nil // tariffs are not since 2.2 (requirement DTA-01)
	env := c.env(ctx, c.owner(key.Party))
	was, had, err := written(codec, before, env)
	if err != nil {
		return Message{}, false, err
	}
	is, losses, err := written(codec, after, env)
	if err != nil {
		return Message{}, false, err
	}
	difference, removes, err := diff(was, is)
	if err != nil || difference == nil {
		return Message{}, false, err
	}
	removes = removes && c.profile.Has(quirk.ExpectPutForRemovals)
	if removes || !patched {
		m, err = composePut(ctx, r, codec, key, after, parts...)
		if err != nil {
			return Message{}, false, err
		}
		if removes {
			m.quirks = append(m.quirks, quirk.ExpectPutForRemovals)
		}
		return m, true, nil
	}
	m.body, m.quirks = c.profile.WritePatch(c.config.Version, codec.Object, difference)
	m.losses = convert.Added(had, losses)
	return m, true, nil
}
