package ocpi_test

import (
	"net/http"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
)

// Requirements DT-18 to DT-20: the routing headers in both directions.
func TestRoutingHeaders_DT20(t *testing.T) {
	h := http.Header{}
	routing := ocpi.Routing{To: ocpi.NewParty("nl", "abc"), From: ocpi.NewParty("DE", "XYZ")}
	routing.Set(h)
	if got, err := ocpi.ReadRouting(h); got != routing || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if got := routing.Reply(); got.To != routing.From || got.From != routing.To {
		t.Errorf("the answer goes from %v to %v", got.From, got.To)
	}
	if got, err := ocpi.ReadRouting(http.Header{}); got != (ocpi.Routing{}) || err != nil {
		t.Errorf("without headers: %v %v", got, err)
	}
	for _, value := range []string{"", "A", "ABCD", "A/C"} {
		h.Set(ocpi.HeaderToParty, value)
		if got, err := ocpi.ReadRouting(h); err == nil || got.From != routing.From || got.To != (ocpi.Party{}) {
			t.Errorf("%q: %v %v", value, got, err)
		}
	}
}

func TestModulesWithRoutingHeaders_DT18(t *testing.T) {
	for _, m := range ocpi.Modules() {
		functional := m != ocpi.ModuleCredentials && m != ocpi.ModuleHubClientInfo
		if ocpi.Routed(ocpi.V221, m) != functional || ocpi.Routed(ocpi.V230, m) != functional || ocpi.Routed(ocpi.V211, m) {
			t.Errorf("%s: %v", m, ocpi.Routed(ocpi.V221, m))
		}
	}
}
