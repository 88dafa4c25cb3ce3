package partner_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

func as(id, party string, role ocpi.Role) ocpi.Partner {
	p, err := ocpi.ParseParty(party)
	if err != nil {
		panic(err)
	}
	return ocpi.Partner{ID: id, Roles: []ocpi.PartyRole{{Role: role, Party: p}}}
}

func keys(t *testing.T) *partner.Keyring {
	t.Helper()
	return partner.KeysInFile(filepath.Join(t.TempDir(), "key"), nil)
}

func TestPartnersAreKnownByTheirTokensAndOneByOne(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := partner.NewRegistry(db, keys(t), time.Now)
	token, err := r.Add(t.Context(), as("a", "NL/AAA", ocpi.RoleEMSP), "")
	if err != nil || len(token) != 64 || ocpi.CheckToken(token) != nil {
		t.Fatalf("token %q, %v", token, err)
	}
	got, err := r.PartnerByToken(t.Context(), token)
	if err != nil || got.ID != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := r.PartnerByToken(t.Context(), token+"x"); !errors.Is(err, ocpi.ErrUnauthorized) {
		t.Errorf("an unknown token: %v", err)
	}
	for name, tt := range map[string]struct {
		partner ocpi.Partner
		token   string
		says    string
	}{
		"the same name":                          {as("a", "NL/BBB", ocpi.RoleEMSP), "", "already there"},
		"the same token":                         {as("b", "NL/BBB", ocpi.RoleEMSP), token, "already there"},
		"the same party in the same role (C-20)": {as("b", "NL/AAA", ocpi.RoleEMSP), "", "NL/AAA as EMSP is already there: it is partner a"},
		"no name":                                {as(" ", "NL/BBB", ocpi.RoleEMSP), "", "name"},
		"no role":                                {ocpi.Partner{ID: "b"}, "", "role"},
		"a token with a space (TF-02)":           {as("b", "NL/BBB", ocpi.RoleEMSP), "a b", "space"},
		"a token of 65 characters (TF-02)":       {as("b", "NL/BBB", ocpi.RoleEMSP), strings.Repeat("x", 65), "65"},
	} {
		if _, err := r.Add(t.Context(), tt.partner, tt.token); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Add(t.Context(), as("b", "NL/AAA", ocpi.RoleCPO), ""); err != nil {
		t.Errorf("the same party in another role: %v", err)
	}
	if err := r.Remove(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := r.Remove(t.Context(), "a"); !errors.Is(err, handshake.ErrUnknown) {
		t.Errorf("removing it again: %v", err)
	}
	if _, err := r.PartnerByToken(t.Context(), token); !errors.Is(err, ocpi.ErrUnauthorized) {
		t.Errorf("the token of a partner that is gone: %v", err)
	}
}
