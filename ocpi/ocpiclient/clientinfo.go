package ocpiclient

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// ClientInfos returns where a partner that is a hub lists the parties behind it, since 2.2 (requirement DH-02).
func (c *Client) ClientInfos() Sender[v230.ClientInfo] {
	return Sender[v230.ClientInfo]{client: c, kind: c.clientInfos(), role: ocpi.RoleHub}
}

func (c *Client) clientInfos() kind[wire.ClientInfo] {
	return kind[wire.ClientInfo]{module: ocpi.ModuleHubClientInfo, codec: c.codecs.ClientInfos,
		key:     func(i *wire.ClientInfo) ocpi.Key { return newKey(i.CountryCode, i.PartyID, ocpi.CiString(i.Role)) },
		updated: func(i *wire.ClientInfo) ocpi.DateTime { return i.LastUpdated },
	}
}

// A ClientInfoReceiver takes what we say as a hub about the parties behind us, since 2.2 (requirement DH-01).
type ClientInfoReceiver struct {
	client *Client
}

// ClientInfoReceiver returns the calls of a hub to a partner.
func (c *Client) ClientInfoReceiver() ClientInfoReceiver { return ClientInfoReceiver{c} }

// Get returns what the partner knows of a party, or an error that is ocpi.ErrNotFound. Of a party with several roles it is one of
// them: the URL does not say which (requirement DH-06).
func (r ClientInfoReceiver) Get(ctx context.Context, party ocpi.Party) (v230.ClientInfo, error) {
	call, err := r.request(http.MethodGet, party)
	if err != nil {
		return v230.ClientInfo{}, err
	}
	info, _, err := ask(ctx, r.client, call, r.client.codecs.ClientInfos, convert.Env{Owner: party})
	return info, err
}

// Put tells the partner about a party. It is never taken back: a party that has gone is SUSPENDED (requirement DH-03).
func (r ClientInfoReceiver) Put(ctx context.Context, info v230.ClientInfo) error {
	call, err := r.request(http.MethodPut, ocpi.NewParty(string(info.CountryCode), string(info.PartyID)))
	if err == nil {
		err = write(r.client, &call, r.client.codecs.ClientInfos, info, convert.Env{})
	}
	if err != nil {
		return err
	}
	return r.client.order(ctx, call)
}

func (r ClientInfoReceiver) request(method string, party ocpi.Party) (request, error) {
	c := r.client
	if err := c.since22(ocpi.ModuleHubClientInfo); err != nil {
		return request{}, err
	}
	endpoint, err := c.endpoint(ocpi.ModuleHubClientInfo, ocpi.Receiver, "")
	if err != nil {
		return request{}, err
	}
	target, quirks, err := c.below(endpoint, nil, party.CountryCode, party.PartyID)
	return request{method: method, url: target, module: ocpi.ModuleHubClientInfo, quirks: quirks}, err
}
