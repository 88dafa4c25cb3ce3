package storetest

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func partner(name, token string) store.Partner {
	return store.Partner{
		Partner: ocpi.Partner{
			ID: name,
			Roles: []ocpi.PartyRole{
				{Role: ocpi.RoleEMSP, Party: msp},
				{Role: ocpi.RoleCPO, Party: xyz},
				{Role: ocpi.RoleCPO, Party: ocpi.Party{CountryCode: "odd", PartyID: `"\/`}},
			},
			Serves:  []ocpi.Party{abc},
			Version: ocpi.V211,
			Quirks:  "lenient",
		},
		Tokens: []store.Token{
			{Hash: hash(token), Status: "current", Used: noon},
			{Hash: hash("old " + token), Status: "old", Expires: noon.Add(time.Hour)},
		},
		Relation: []byte(`{"any":"thing"}`),
		Added:    noon.Add(time.Microsecond),
	}
}

func hash(token string) store.TokenHash { return sha256.Sum256([]byte(token)) }

// samePartner compares partners. The order of tokens is up to the home.
func samePartner(t *testing.T, got, want store.Partner) {
	t.Helper()
	for _, p := range []*store.Partner{&got, &want} {
		p.Tokens = slices.SortedFunc(slices.Values(p.Tokens), func(a, b store.Token) int { return cmp.Compare(a.Status, b.Status) })
	}
	equal(t, "partner "+want.ID, got, want)
}

func samePartners(t *testing.T, got []store.Partner, want ...store.Partner) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d partners, want %d", len(got), len(want))
	}
	for i := range want {
		samePartner(t, got[i], want[i])
	}
}

var partnerTests = []test{
	{name: "a partner is found by its token, whole", run: func(t *testing.T, home Home) {
		one, two := partner("one", "secret 1"), partner("two", "secret 2")
		two.Roles, two.Serves, two.Version = nil, nil, ""
		wantError(t, "AddPartner", home.AddPartner(t.Context(), two), nil)
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		for _, want := range []store.Partner{one, two} {
			for _, token := range want.Tokens {
				got, err := home.PartnerByToken(t.Context(), token.Hash)
				wantError(t, "PartnerByToken", err, nil)
				samePartner(t, got, want)
			}
			got, err := home.Partner(t.Context(), want.ID)
			wantError(t, "Partner", err, nil)
			samePartner(t, got, want)
		}
		_, err := home.PartnerByToken(t.Context(), hash("secret 3"))
		wantError(t, "unknown token", err, store.ErrNotFound)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		samePartners(t, all, one, two)
		_, err = home.Partner(t.Context(), "three")
		wantError(t, "unknown name", err, store.ErrNotFound)
	}},
	{name: "a name, token or party in a role that is taken is refused", run: func(t *testing.T, home Home) {
		wantError(t, "AddPartner", home.AddPartner(t.Context(), partner("one", "secret 1")), nil)
		wantError(t, "same name", home.AddPartner(t.Context(), partner("one", "secret 2")), store.ErrExists)
		wantError(t, "same token", home.AddPartner(t.Context(), partner("two", "secret 1")), store.ErrExists)
		wantError(t, "same parties", home.AddPartner(t.Context(), partner("two", "secret 2")), store.ErrExists)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		samePartners(t, all, partner("one", "secret 1"))
	}},
	{name: "a partner that is not registered claims no party", run: func(t *testing.T, home Home) {
		one, two := partner("one", "secret 1"), partner("two", "secret 2")
		two.Access = ocpi.AccessRegistration
		wantError(t, "AddPartner", home.AddPartner(t.Context(), two), nil)
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		register := func(p *store.Partner) ([]store.Event, error) { p.Access = ocpi.AccessFull; return nil, nil }
		wantError(t, "registered with the parties of another", home.ChangePartner(t.Context(), "two", register), store.ErrExists)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		samePartners(t, all, one, two)
	}},
	{name: "a change is whole or does not happen", run: func(t *testing.T, home Home) {
		one, two := partner("one", "secret 1"), partner("two", "secret 2")
		two.Roles = nil
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		wantError(t, "AddPartner", home.AddPartner(t.Context(), two), nil)

		broken := errors.New("broken")
		wantError(t, "fn fails", home.ChangePartner(t.Context(), "one", func(p *store.Partner) ([]store.Event, error) {
			p.Tokens, p.Relation = nil, []byte("other")
			return []store.Event{{Type: "never"}}, broken
		}), broken)
		wantError(t, "a token of another", home.ChangePartner(t.Context(), "one", func(p *store.Partner) ([]store.Event, error) {
			p.Tokens = append(p.Tokens, two.Tokens[0])
			return []store.Event{{Type: "never"}}, nil
		}), store.ErrExists)
		wantError(t, "unknown", home.ChangePartner(t.Context(), "three", func(*store.Partner) ([]store.Event, error) { return nil, nil }), store.ErrNotFound)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		samePartners(t, all, one, two)

		one.Tokens[0], one.Relation, one.Version, one.Roles = store.Token{Hash: hash("secret 3"), Status: "pending"}, []byte("{}"), ocpi.V230, nil
		wantError(t, "ChangePartner", home.ChangePartner(t.Context(), "one", func(p *store.Partner) ([]store.Event, error) {
			name := p.ID
			*p = one
			p.ID = "renamed " + name
			return []store.Event{{Type: "changed", Subject: name}}, nil
		}), nil)
		got, err := home.Partner(t.Context(), "one")
		wantError(t, "Partner", err, nil)
		samePartner(t, got, one)
		_, err = home.PartnerByToken(t.Context(), hash("secret 1"))
		wantError(t, "the token it had", err, store.ErrNotFound)
		events, _, err := home.Events(t.Context(), store.EventFilter{}, 0, 10)
		wantError(t, "Events", err, nil)
		if len(events) != 1 || events[0].Type != "changed" || events[0].Subject != "one" {
			t.Errorf("events %+v", events)
		}
	}},
	{name: "a note is what was kept last", run: func(t *testing.T, home Home) {
		_, err := home.ReadNote(t.Context(), "self")
		wantError(t, "ReadNote", err, store.ErrNotFound)
		for _, text := range []string{"one", "two", ""} {
			wantError(t, "Note", home.Note(t.Context(), "self", []byte(text)), nil)
			got, err := home.ReadNote(t.Context(), "self")
			wantError(t, "ReadNote", err, nil)
			equal(t, "note", string(got), text)
		}
	}},
	{name: "a partner without a name is refused", run: func(t *testing.T, home Home) {
		if err := home.AddPartner(t.Context(), partner("", "secret")); err == nil {
			t.Error("no error")
		}
	}},
	{name: "a removed partner is gone, its objects stay", run: func(t *testing.T, home Home) {
		one := partner("one", "secret 1")
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		o := location("L1")
		o.Source = "one"
		put(t, home, o)
		wantError(t, "RemovePartner", home.RemovePartner(t.Context(), "one"), nil)
		wantError(t, "RemovePartner again", home.RemovePartner(t.Context(), "one"), store.ErrNotFound)
		_, err := home.PartnerByToken(t.Context(), one.Tokens[0].Hash)
		wantError(t, "PartnerByToken", err, store.ErrNotFound)
		equal(t, "object", get(t, home, o.Key), o)
		wantError(t, "AddPartner again", home.AddPartner(t.Context(), one), nil)
	}},
}
