package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A driver says how to charge; what the EVSE can follow is accepted and told (requirement DS-09).
func TestPreferencesOfDriversAreTaken_DS09(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			able := sample.Location(3)
			able.EVSEs[1].Capabilities = append(able.EVSEs[1].Capabilities, v230.CapabilityChargingPreferencesCapable)
			put(t, cpo.Objects.Locations, able)
			session := func(id ocpi.CiString, evse int, status v230.SessionStatus) {
				s := sample.ActiveSession()
				s.ID, s.Status, s.LocationID, s.EVSEUID = id, status, able.ID, able.EVSEs[evse].UID
				put(t, cpo.Objects.Sessions, s)
			}
			session("S-ABLE", 1, v230.SessionStatusActive)
			session("S-OVER", 1, v230.SessionStatusCompleted)
			session("S-UNABLE", 0, v230.SessionStatusActive)
			soon := new(ocpi.NewDateTime(time.Now().Add(time.Hour)))
			for name, tt := range map[string]struct {
				session string
				wants   v230.ChargingPreferences
				want    string
			}{
				"fast":                         {"S-ABLE", v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast}, "ACCEPTED"},
				"green, until some time":       {"S-ABLE", v230.ChargingPreferences{ProfileType: v230.ProfileTypeGreen, DepartureTime: soon}, "ACCEPTED"},
				"cheap, and nobody knows when": {"S-ABLE", v230.ChargingPreferences{ProfileType: v230.ProfileTypeCheap}, "DEPARTURE_REQUIRED"},
				"a session that is over":       {"S-OVER", v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast}, "NOT_POSSIBLE"},
				"an EVSE that cannot":          {"S-UNABLE", v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast}, "takes no charging preferences"},
				"no session":                   {"S-NONE", v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast}, "does not know session"},
			} {
				told, err := emsp.Prefer(t.Context(), backend.PreferenceRequest{Partner: "grenspaal", Session: ocpi.Key{ID: tt.session}, Preferences: tt.wants})
				got := told.Result
				if err != nil {
					got = err.Error()
				}
				if !strings.Contains(got, tt.want) {
					t.Errorf("%s: %s, want %s", name, got, tt.want)
				}
			}
			events, err := cpo.Told(t.Context(), command.EventPreferences)
			if err != nil || len(events) != 4 || !strings.HasPrefix(events[0].Subject, "sessions/NL/GPE/S-") || events[0].Partner != "greenwheels" {
				t.Errorf("told %+v, %v", events, err)
			}
		})
	}
}
