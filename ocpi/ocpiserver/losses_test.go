package ocpiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// What does not cross between versions is told with the exchange, in both directions, of objects that are changed in part too.
func TestLossesAreToldWithTheExchange(t *testing.T) {
	told := make(chan ocpi.Exchange, 1)
	target, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions(), Logger: quiet(), Observe: func(_ context.Context, e ocpi.Exchange) {
		told <- e
	}})
	sample := target.Sample
	location, private, session := sample.Location(1), sample.Location(1), sample.ActiveSession()
	location.HelpPhone = new(ocpi.CiString("+31201234567"))
	private.ID, private.Publish = "PRIVATE", false
	server.CPO.Locations.Put(location, private)
	path := "/emsp/2.1.1/sessions/BE/TST/" + string(session.ID)
	flat := strings.Replace(inVersion(t, ocpi.V211, func(c wire.Codecs) wire.Codec[wire.Session] { return c.Sessions }, session), `"type":"ENERGY"`, `"type":"FLAT"`, 1)
	for _, test := range []struct {
		method, path, body string
		version            ocpi.Version
		in, out            bool
		first              string
		withheld           bool
	}{
		{method: "GET", path: "/cpo/2.1.1/locations/LOC1", version: ocpi.V211, out: true, first: "/help_phone: "},
		{method: "GET", path: "/cpo/2.1.1/locations", version: ocpi.V211, out: true, first: "/0/help_phone: "},
		{method: "GET", path: "/cpo/2.2.1/locations/LOC1", version: ocpi.V221, out: true, first: "/help_phone: "},
		{method: "GET", path: "/cpo/2.3.0/locations/LOC1", version: ocpi.V230},
		{method: "GET", path: "/cpo/2.1.1/locations/PRIVATE", version: ocpi.V211, out: true, first: "/publish: ", withheld: true},
		{method: "PUT", path: path, body: flat, version: ocpi.V211, in: true, first: "/charging_periods/0/dimensions/0/type: "},
		{
			method: "PATCH", path: path, version: ocpi.V211, in: true, first: "/charging_periods/",
			body: `{"charging_periods":[{"start_date_time":"2030-01-01T00:00:00Z","dimensions":[{"type":"FLAT","volume":1}]}]}`,
		},
		{method: "PATCH", path: path, version: ocpi.V211, body: `{"kwh":1}`},
	} {
		response, envelope := call(t, server, test.method, test.path, test.body)
		if response.StatusCode >= http.StatusBadRequest && !test.withheld {
			t.Errorf("%s %s: HTTP %d %s", test.method, test.path, response.StatusCode, envelope.StatusMessage)
		}
		last := <-told
		l := last.Losses
		if last.Version != test.version || l.In > 0 != test.in || l.Out > 0 != test.out {
			t.Errorf("%s %s: version %q, losses %+v", test.method, test.path, last.Version, l)
		}
		found := test.first == ""
		for _, loss := range l.First {
			found = found || strings.HasPrefix(loss.String(), test.first) && loss.Withheld == test.withheld
		}
		if !found {
			t.Errorf("%s %s: no loss of %s in %v", test.method, test.path, test.first, l.First)
		}
	}
}

// However many objects a page has, no more than the first losses are kept, and their number.
func TestLossesOfAnExchangeAreBounded(t *testing.T) {
	var l ocpi.Losses
	for i := range 3 * ocpi.MaxLosses {
		convert.Tell(&l, ocpi.Outbound, fmt.Sprintf("/%d", i), []convert.Loss{{Pointer: "/help_phone", Reason: "gone"}})
	}
	if len(l.First) != ocpi.MaxLosses || l.Total() != 3*ocpi.MaxLosses || l.First[2].String() != "/2/help_phone: gone" {
		t.Errorf("%d kept of %d, the third is %s", len(l.First), l.Total(), l.First[2])
	}
}
