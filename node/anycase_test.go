package node_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Requirement DT-31: a command names an EVSE and a connector of a partner in any case where its version is 2.2 or later.
func TestACommandNamesAPlaceInAnyCaseSince22(t *testing.T) {
	l := ocpitest.Network(own).Location(1)
	l.EVSEs[0].UID, l.EVSEs[0].Connectors[0].ID = "EVSE1", "C1"
	body, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		evse, connector  string
		since22, in211ok bool
	}{{"EVSE1", "C1", true, true}, {"evse1", "", true, false}, {"EVSE1", "c1", true, false}, {"evse2x", "", false, false}} {
		r := backend.CommandRequest{Type: v230.CommandTypeUnlockConnector, EVSEUID: test.evse, ConnectorID: test.connector}
		for anyCase, want := range map[bool]bool{true: test.since22, false: test.in211ok} {
			if err := node.CheckPlace(ocpi.ModuleLocations, store.Object{Body: body}, &r, anyCase); (err == nil) != want {
				t.Errorf("%s %s, any case %t: %v", test.evse, test.connector, anyCase, err)
			}
		}
	}
}
