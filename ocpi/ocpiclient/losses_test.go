package ocpiclient_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// What the partner's version cannot say of an object is told with the exchange that carries it; of a change, what of the change
// it cannot say.
func TestLossesAreToldWithTheExchange(t *testing.T) {
	sample := ocpitest.Network(ours)
	location, named := sample.Location(1), sample.Location(1)
	location.HelpPhone, named.HelpPhone = new(ocpi.CiString("+31201234567")), new(ocpi.CiString("+31201234567"))
	named.Name, named.State = new("Renamed"), new("Utrecht")
	for version, want := range map[ocpi.Version][3]string{
		ocpi.V211: {"/help_phone", "/state", "/evses/0/connectors/0/max_electric_power"},
		ocpi.V221: {"/help_phone", "", ""},
		ocpi.V230: {},
	} {
		partner, _ := keeping(t, ocpiclient.Config{Version: version})
		emsp, ctx := partner.client.EMSP(), t.Context()
		if _, err := emsp.Locations.Put(ctx, location); err != nil {
			t.Fatal(err)
		}
		if err := emsp.Locations.Patch(ctx, location, named); err != nil {
			t.Fatal(err)
		}
		all := partner.exchanges.taken()
		if len(all) != 2 {
			t.Fatalf("%d exchanges", len(all))
		}
		for i, x := range all {
			if got := places(x.Losses); x.Version != version || x.Losses.In != 0 || (want[i] == "") != (got == "") || !strings.Contains(got, want[i]) {
				t.Errorf("exchange %d in %s: %q, losses of %q, want %q", i, version, x.Version, got, want[i])
			}
		}
		if got := places(all[1].Losses); strings.Contains(got, "help_phone") {
			t.Errorf("%s: the change says nothing of the phone: %s", version, got)
		}
	}
}

// places are those of the losses.
func places(l ocpi.Losses) string {
	var all []string
	for _, loss := range l.First {
		all = append(all, loss.Pointer)
	}
	return strings.Join(all, " ")
}

// What the model cannot take over of a page is told with the page.
func TestLossesOfAPageAreTold(t *testing.T) {
	page := `[{"id":"S1","start_datetime":"2026-01-01T00:00:00Z","kwh":1,"auth_id":"X","auth_method":"WHITELIST","currency":"EUR","status":"ACTIVE",` +
		`"location":{"id":"L","type":"OTHER","address":"a","city":"c","postal_code":"p","country":"NLD","coordinates":{"latitude":"1.0","longitude":"2.0"},` +
		`"last_updated":"2026-01-01T00:00:00Z"},"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"FLAT","volume":1}]}],` +
		`"last_updated":"2026-01-01T00:00:00Z"}]`
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) { ok(w, page) })
	for _, err := range partner.client.CPO().Sessions.List(t.Context(), ocpi.Query{DateFrom: time.Unix(0, 0)}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if l := partner.exchanges.taken()[0].Losses; l.In == 0 || l.Out != 0 || !strings.Contains(places(l), "/0/charging_periods/0/dimensions/0/type") {
		t.Errorf("losses %+v", l)
	}
}
