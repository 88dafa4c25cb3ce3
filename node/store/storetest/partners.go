package storetest

import (
	"crypto/sha256"
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
		},
		Token: sha256.Sum256([]byte(token)),
		Added: noon.Add(time.Microsecond),
	}
}

var partnerTests = []test{
	{"a partner is found by its token, whole", func(t *testing.T, home Home) {
		one, two := partner("one", "secret 1"), partner("two", "secret 2")
		two.Roles, two.Serves, two.Version = nil, nil, ""
		wantError(t, "AddPartner", home.AddPartner(t.Context(), two), nil)
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		for _, want := range []store.Partner{one, two} {
			got, err := home.PartnerByToken(t.Context(), want.Token)
			wantError(t, "PartnerByToken", err, nil)
			equal(t, "partner", got, want)
		}
		_, err := home.PartnerByToken(t.Context(), sha256.Sum256([]byte("secret 3")))
		wantError(t, "unknown token", err, store.ErrNotFound)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		equal(t, "all by name", all, []store.Partner{one, two})
	}},
	{"a name, token or party in a role that is taken is refused", func(t *testing.T, home Home) {
		wantError(t, "AddPartner", home.AddPartner(t.Context(), partner("one", "secret 1")), nil)
		wantError(t, "same name", home.AddPartner(t.Context(), partner("one", "secret 2")), store.ErrExists)
		wantError(t, "same token", home.AddPartner(t.Context(), partner("two", "secret 1")), store.ErrExists)
		wantError(t, "same parties", home.AddPartner(t.Context(), partner("two", "secret 2")), store.ErrExists)
		all, err := home.Partners(t.Context())
		wantError(t, "Partners", err, nil)
		equal(t, "partners", all, []store.Partner{partner("one", "secret 1")})
	}},
	{"a partner without a name is refused", func(t *testing.T, home Home) {
		if err := home.AddPartner(t.Context(), partner("", "secret")); err == nil {
			t.Error("no error")
		}
	}},
	{"a removed partner is gone, its objects stay", func(t *testing.T, home Home) {
		one := partner("one", "secret 1")
		wantError(t, "AddPartner", home.AddPartner(t.Context(), one), nil)
		o := location("L1")
		o.Source = "one"
		put(t, home, o)
		wantError(t, "RemovePartner", home.RemovePartner(t.Context(), "one"), nil)
		wantError(t, "RemovePartner again", home.RemovePartner(t.Context(), "one"), store.ErrNotFound)
		_, err := home.PartnerByToken(t.Context(), one.Token)
		wantError(t, "PartnerByToken", err, store.ErrNotFound)
		equal(t, "object", get(t, home, o.Key), o)
		wantError(t, "AddPartner again", home.AddPartner(t.Context(), one), nil)
	}},
}
