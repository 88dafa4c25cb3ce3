// Package hubclient is the room of what hubs say about the parties that are reached through them: the module hubclientinfo of OCPI
// since 2.2, as its receiver.
package hubclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// EventChanged is the type of events by which a hub says something new about a party. Their subject is
// "hubclients/{hub}/{country}/{party}/{role}", and their data the ClientInfo.
const EventChanged = "hubclient.changed"

// A Store is what this room needs of the node's home.
type Store interface {
	Write(ctx context.Context, fn func(store.Tx) error) error
	List(ctx context.Context, sel store.Selection, q ocpi.Query) (store.Page, error)
}

// Clients are the parties behind hubs, as the hubs say. It is an ocpiserver.ClientInfos.
type Clients struct {
	store Store
}

// New makes the room.
func New(s Store) *Clients { return &Clients{s} }

// Get returns what a hub has said last about a party, in whatever role, or ocpi.ErrNotFound (requirement DH-06).
func (c *Clients) Get(ctx context.Context, hub *ocpi.Partner, party ocpi.Party) (v230.ClientInfo, error) {
	known, err := c.List(ctx, hub.ID, party)
	if err != nil {
		return v230.ClientInfo{}, err
	}
	if len(known) == 0 {
		return v230.ClientInfo{}, ocpi.NotFound("nothing is known of %s", party)
	}
	last := known[0]
	for _, info := range known[1:] {
		if info.LastUpdated.Compare(last.LastUpdated) > 0 {
			last = info
		}
	}
	return last, nil
}

// Put keeps what a hub says about a party in one role, and tells of it as an event where that is new. What is older than what is
// known is refused. Nothing is ever deleted (requirement DH-03).
func (c *Clients) Put(ctx context.Context, hub *ocpi.Partner, info v230.ClientInfo) (created bool, err error) {
	party := ocpi.NewParty(string(info.CountryCode), string(info.PartyID))
	body, err := json.Marshal(&info, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return false, fmt.Errorf("write ClientInfo of %s: %w", party, err)
	}
	err = c.store.Write(ctx, func(tx store.Tx) error {
		created = false
		key := store.Key{Module: ocpi.ModuleHubClientInfo, Source: hub.ID, Party: party, ID: string(info.Role)}
		before, err := tx.Object(key)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case err == nil && info.LastUpdated.Time().Before(before.LastUpdated) && !hub.Receive.AllowOlder:
			return ocpi.Unusable("ClientInfo", []ocpi.Finding{{
				Pointer: "/last_updated", Code: ocpi.FindingConsistency, Unusable: true, Message: "it is older than what is known",
			}})
		case err == nil && bytes.Equal(before.Body, body):
			return nil
		}
		if created, err = tx.Put(store.Object{Key: key, LastUpdated: info.LastUpdated.Time(), Body: body}); err != nil {
			return err
		}
		return tx.Emit(store.Event{
			Type: EventChanged, Subject: fmt.Sprintf("hubclients/%s/%s/%s", hub.ID, party, info.Role), Partner: hub.ID,
			Module: ocpi.ModuleHubClientInfo, Data: body,
		})
	})
	return created, err
}

// pageSize is how many are read at once.
const pageSize = 500

// List returns what a hub has said, about some parties or about all where none is named.
func (c *Clients) List(ctx context.Context, hub string, parties ...ocpi.Party) (known []v230.ClientInfo, err error) {
	selection := store.Selection{Module: ocpi.ModuleHubClientInfo, Source: hub, Parties: parties, AnyAudience: true}
	query := ocpi.Query{Limit: pageSize}
	for {
		page, err := c.store.List(ctx, selection, query)
		if err != nil {
			return nil, fmt.Errorf("list what %s says of its clients: %w", hub, err)
		}
		for i := range page.Objects {
			var info v230.ClientInfo
			if err := json.Unmarshal(page.Objects[i].Body, &info, jsontext.AllowDuplicateNames(true)); err != nil {
				return nil, fmt.Errorf("read ClientInfo of %s: %w", page.Objects[i].Party, err)
			}
			known = append(known, info)
		}
		if page.Next == "" {
			return known, nil
		}
		query.Cursor = page.Next
	}
}

// Reachable tells whether requests to a party may be sent to a hub: not where the hub has said that it is OFFLINE, PLANNED or
// SUSPENDED in that role (requirement DH-04). The empty role stands for any; a party of which nothing is known is reachable.
func (c *Clients) Reachable(ctx context.Context, hub string, party ocpi.Party, role ocpi.Role) (bool, error) {
	known, err := c.List(ctx, hub, party)
	if err != nil {
		return false, err
	}
	reachable := true
	for i := range known {
		if role != "" && known[i].Role != role {
			continue
		}
		if known[i].Status == v230.ConnectionStatusConnected {
			return true, nil
		}
		reachable = false
	}
	return reachable, nil
}
