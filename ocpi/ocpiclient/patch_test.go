package ocpiclient_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// TF-37, TF-40: a PATCH has what differs in the partner's version, with last_updated, and nothing else.
func TestPatchesSayWhatDiffers(t *testing.T) {
	sample := ocpitest.Network(ours)
	var got string
	requests := 0
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		got, requests = bodyOf(r), requests+1
		ok(w, "null")
	})
	for name, c := range map[string]struct {
		change func(l *v230.Location)
		want   string
	}{
		"nothing":                   {func(*v230.Location) {}, ""},
		"what 2.1.1 cannot say":     {func(l *v230.Location) { l.HelpPhone = new(ocpi.CiString("+31 53 1234567")) }, ""},
		"a name":                    {func(l *v230.Location) { l.Name = new("New") }, `{"last_updated":"2026-03-03T20:36:00Z","name":"New"}`},
		"a time alone":              {func(l *v230.Location) { l.LastUpdated = later(l.LastUpdated) }, `{"last_updated":"2026-03-03T20:37:00Z"}`},
		"a name that is gone":       {func(l *v230.Location) { l.Name = nil }, `{"last_updated":"2026-03-03T20:36:00Z","name":null}`},
		"a list that is gone":       {func(l *v230.Location) { l.Facilities = nil }, `{"facilities":[],"last_updated":"2026-03-03T20:36:00Z"}`},
		"a part of an object whole": {func(l *v230.Location) { l.Coordinates.Latitude = "52.000000" }, `{"coordinates":{"latitude":"52.000000","longitude":"6.890800"},"last_updated":"2026-03-03T20:36:00Z"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got = ""
			before := sample.Location(1)
			after := sample.Location(1)
			c.change(&after)
			n := requests
			if err := partner.client.EMSP().Locations.Patch(t.Context(), before, after); err != nil {
				t.Fatal(err)
			}
			if got != c.want || requests-n != min(len(c.want), 1) {
				t.Errorf("in %d requests:\n%s\nwant\n%s", requests-n, got, c.want)
			}
		})
	}
}

// What a PATCH says, applied to what was before, makes what is after, for whatever changes.
func TestPatchesLeadFromBeforeToAfter(t *testing.T) {
	sample, c, env := ocpitest.Network(ours), codecs(t), convert.Env{Owner: ours, EMSP: theirs}
	var body string
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) { body = bodyOf(r); ok(w, "null") })
	rapid.Check(t, func(rt *rapid.T) {
		before := sample.Location(rapid.IntRange(1, 6).Draw(rt, "before"))
		after := sample.Location(rapid.IntRange(1, 6).Draw(rt, "after"))
		after.ID, after.EVSEs = before.ID, before.EVSEs // an EVSE cannot be removed by a PATCH (L-16)
		body = "{}"
		if err := partner.client.EMSP().Locations.Patch(t.Context(), before, after); err != nil {
			rt.Fatal(err)
		}
		patch, _, err := c.Locations.ReadPatch([]byte(body), env, quirk.Profile{})
		if err != nil {
			rt.Fatal(err)
		}
		got := before
		if err := patch.Apply(&got, after.LastUpdated); err != nil {
			rt.Fatalf("%v: %s", err, body)
		}
		for _, l := range []*v230.Location{&got, &after} { // an empty list is as good as none
			dropEmpty(l)
		}
		if diff := cmp.Diff(inTheirTerms(t, c.Locations, after, env), inTheirTerms(t, c.Locations, got, env)); diff != "" {
			rt.Fatalf("%s\n(-want +got):\n%s", body, diff)
		}
	})
}

func dropEmpty(l *v230.Location) {
	if len(l.Directions) == 0 {
		l.Directions = nil
	}
	if len(l.Facilities) == 0 {
		l.Facilities = nil
	}
	if len(l.Images) == 0 {
		l.Images = nil
	}
	if len(l.RelatedLocations) == 0 {
		l.RelatedLocations = nil
	}
}

// TF-43, TF-49, TF-61, TF-63, TF-64: where requests go.
func TestURLs(t *testing.T) {
	sample := ocpitest.Network(ours)
	for name, c := range map[string]struct {
		endpoint, quirks, id  string
		list, object, command string
	}{
		"plain":               {"/t", "", "A", "/t?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
		"a slash at the end":  {"/t/", "", "A", "/t/?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
		"slashes at the end":  {"/t//", "", "A", "/t//?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
		"a query":             {"/t?key=a%2Fb", "", "A", "/t?key=a%2Fb&limit=2", "/t/BE/TST/A?key=a%2Fb", "/t/STOP_SESSION?key=a%2Fb"},
		"a slash and a query": {"/t/?key=1", "", "A", "/t/?key=1&limit=2", "/t/BE/TST/A?key=1", "/t/STOP_SESSION?key=1"},
		"an empty query":      {"/t?", "", "A", "/t?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
		"a fragment":          {"/t#top", "", "A", "/t?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
		"an escaped path":     {"/a%2Fb", "", "A", "/a%2Fb?limit=2", "/a%2Fb/BE/TST/A", "/a%2Fb/STOP_SESSION"},
		"signs in the id":     {"/t", "", "a/b c*d?e#f%", "/t?limit=2", "/t/BE/TST/a%2Fb%20c%2Ad%3Fe%23f%25", "/t/STOP_SESSION"},
		"slashes wanted":      {"/t?k=1", "trailing-slash", "A", "/t/?k=1&limit=2", "/t/BE/TST/A/?k=1", "/t/STOP_SESSION/?k=1"},
		"slashes refused":     {"/t/", "no-trailing-slash", "A", "/t?limit=2", "/t/BE/TST/A", "/t/STOP_SESSION"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			server := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.URL.RequestURI())
				ok(w, "[]")
			})
			var endpoints []ocpi.Endpoint
			for _, module := range []ocpi.ModuleID{ocpi.ModuleTariffs, ocpi.ModuleCommands} {
				endpoints = append(endpoints, ocpi.Endpoint{Module: module, URL: server.URL + c.endpoint})
			}
			client := newClient(t, ocpiclient.Config{Endpoints: endpoints, Partner: &ocpi.Partner{Quirks: c.quirks}})
			tariff := sample.ACTariff()
			tariff.ID = ocpi.CiString(c.id)
			all(t, client.CPO().Tariffs.List(t.Context(), ocpi.Query{Limit: 2}))
			if _, err := client.EMSP().Tariffs.Put(t.Context(), tariff); err != nil {
				t.Fatal(err)
			}
			_, _ = client.CPO().Commands.StopSession(t.Context(), sample.StopSession("https://example.com"))
			if diff := cmp.Diff([]string{c.list, c.object, c.command}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TF-43: an object without a party is Config.Own's.
func TestWhoseAnObjectIs(t *testing.T) {
	var got []string
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) { got = append(got, r.URL.Path); ok(w, "null") })
	tariff := ocpitest.Network(ocpi.NewParty("de", "abc")).ACTariff()
	for range 2 {
		if _, err := partner.client.EMSP().Tariffs.Put(t.Context(), tariff); err != nil {
			t.Fatal(err)
		}
		tariff.CountryCode, tariff.PartyID = "", ""
	}
	want := []string{"/ocpi/emsp/2.1.1/tariffs/DE/ABC/AC-STANDARD", "/ocpi/emsp/2.1.1/tariffs/BE/TST/AC-STANDARD"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
