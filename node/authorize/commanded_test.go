package authorize_test

import (
	"context"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A driver whose eMSP has sent a command is not asked about in real time: a card for 15 minutes at that EVSE, the token of an app
// for the session of the command (requirement DM-05).
func TestACommandIsTheEMSPsWord_DM05(t *testing.T) {
	now := time.Date(2026, time.November, 28, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		version ocpi.Version
		kind    v230.TokenType
		// ago is when the command came, and evse where it was for.
		ago  time.Duration
		evse string
		at   *authorize.Place
		by   authorize.By
	}{
		"a card":                   {ocpi.V221, "RFID", 14 * time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"e-1"}}, authorize.ByCommand},
		"a card in 2.3.0":          {ocpi.V230, "RFID", 14 * time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-1"}}, authorize.ByCommand},
		"anywhere at the location": {ocpi.V221, "RFID", time.Minute, "", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-9"}}, authorize.ByCommand},
		"a card, too late":         {ocpi.V221, "RFID", 15 * time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-1"}}, authorize.ByRealtime},
		"an app":                   {ocpi.V221, "APP_USER", 55 * time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-1"}}, authorize.ByCommand},
		"a guest":                  {ocpi.V221, "AD_HOC_USER", 55 * time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-1"}}, authorize.ByCommand},
		"at another EVSE":          {ocpi.V221, "RFID", time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-2"}}, authorize.ByRealtime},
		"nobody knows where":       {ocpi.V221, "RFID", time.Minute, "E-1", nil, authorize.ByRealtime},
		"2.1.1 has no such rule":   {ocpi.V211, "RFID", time.Minute, "E-1", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"E-1"}}, authorize.ByRealtime},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMSPs(t)
			e.add(t, "one", answers(`{"allowed":"BLOCKED"}`))
			e.partners[0].Version = tt.version
			commanded := token(func(x *v230.Token) {
				x.UID, x.Type, x.Valid, x.Whitelist = "CARD", tt.kind, false, v230.WhitelistTypeNever
				x.CountryCode, x.PartyID = "DE", "ONE"
			})
			a := e.asker(func(c *authorize.AskerConfig) {
				c.Now = func() time.Time { return now }
				c.Commanded = func(_ context.Context, location string, since time.Time) ([]authorize.Commanded, error) {
					if location != "L" || now.Add(-tt.ago).Before(since) {
						t.Errorf("asked for the commands at %s since %s", location, since)
					}
					return []authorize.Commanded{{Partner: "one", Token: commanded, EVSEUID: tt.evse, Reference: "REF", At: now.Add(-tt.ago)}}, nil
				}
			})
			v, err := a.Ask(t.Context(), authorize.Question{TokenUID: "card", TokenType: tt.kind, Location: tt.at})
			if err != nil || v.By != tt.by {
				t.Fatalf("%+v, %v", v, err)
			}
			if tt.by != authorize.ByCommand {
				return
			}
			if v.Allowed != "ALLOWED" || v.AuthMethod != v230.AuthMethodCommand || v.AuthorizationReference != "REF" || v.Token == nil ||
				v.Party != partyOf("one") || v.Location == nil || e.calls.Load() != 0 {
				t.Errorf("%+v, after %d calls", v, e.calls.Load())
			}
		})
	}
}
