package hubclient_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/hubclient"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	hub   = &ocpi.Partner{ID: "hub", Roles: []ocpi.PartyRole{{Role: ocpi.RoleHub, Party: ocpi.NewParty("SE", "HUB")}}}
	other = &ocpi.Partner{ID: "other"}
	party = ocpi.NewParty("DE", "AAA")
)

func info(role ocpi.Role, status v230.ConnectionStatus, minute int) v230.ClientInfo {
	return v230.ClientInfo{
		CountryCode: "DE", PartyID: "AAA", Role: role, Status: status, LastUpdated: ocpi.NewDateTime(time.Date(2026, 11, 1, 0, minute, 0, 0, time.UTC)),
	}
}

// What a hub says is kept for each party and role, told as events, and decides whether a party can be reached (requirements DH-01,
// DH-03, DH-04, DH-06).
func TestWhatAHubSaysIsKept_DH01_DH04(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roamwire.db")
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clients := hubclient.New(db)
	reachable := func(role ocpi.Role, want bool) {
		t.Helper()
		if got, err := clients.Reachable(t.Context(), hub.ID, party, role); err != nil || got != want {
			t.Errorf("as %q reachable: %v, %v", role, got, err)
		}
	}
	put := func(o v230.ClientInfo, want bool) {
		t.Helper()
		if created, err := clients.Put(t.Context(), hub, o); err != nil || created != want {
			t.Errorf("created: %v, %v", created, err)
		}
	}
	reachable("", true) // nothing is known
	if _, err := clients.Get(t.Context(), hub, party); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("%v", err)
	}
	put(info(ocpi.RoleCPO, v230.ConnectionStatusPlanned, 1), true)
	reachable("", false)
	put(info(ocpi.RoleCPO, v230.ConnectionStatusConnected, 2), false)
	put(info(ocpi.RoleCPO, v230.ConnectionStatusConnected, 2), false) // again
	reachable(ocpi.RoleCPO, true)
	put(info(ocpi.RoleEMSP, v230.ConnectionStatusSuspended, 3), true)
	reachable(ocpi.RoleEMSP, false)
	reachable(ocpi.RoleCPO, true)
	if _, err := clients.Put(t.Context(), hub, info(ocpi.RoleCPO, v230.ConnectionStatusOffline, 1)); err == nil {
		t.Error("what is older is taken")
	}
	if last, err := clients.Get(t.Context(), hub, party); err != nil || last.Role != ocpi.RoleEMSP {
		t.Errorf("%+v, %v", last, err)
	}
	if _, err := clients.Get(t.Context(), other, party); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("another hub: %v", err)
	}
	events, _, err := db.Events(t.Context(), store.EventFilter{Types: []string{hubclient.EventChanged}}, 0, 10)
	if err != nil || len(events) != 3 || events[0].Subject != "hubclients/hub/DE/AAA/CPO" || events[0].Partner != "hub" {
		t.Errorf("%+v, %v", events, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sqlite.Open(t.Context(), path, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	known, err := hubclient.New(db).List(t.Context(), hub.ID)
	if err != nil || len(known) != 2 || !slices.ContainsFunc(known, func(i v230.ClientInfo) bool { return i.Status == v230.ConnectionStatusConnected }) {
		t.Errorf("after a restart: %+v, %v", known, err)
	}
}
