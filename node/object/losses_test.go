package object_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// pageLosses are the losses of the page of all locations in a version.
func pageLosses(t *testing.T, o *object.Objects, v ocpi.Version) ocpi.Losses {
	t.Helper()
	page, err := o.Locations.ListRendered(t.Context(), partner, v, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		if item[len(item)-1] != '}' {
			t.Fatalf("%s: more than a document: %q", v, item)
		}
	}
	return page.Losses
}

// lossy are locations of which 2.1.1 and 2.2.1 cannot say all.
func lossy(n int) (locations []v230.Location) {
	for i := range n {
		l := ocpitest.Network(own).Location(i + 1)
		if i%2 == 1 {
			l.HelpPhone = new(ocpi.CiString("+31201234567"))
		}
		locations = append(locations, l)
	}
	return locations
}

// A page tells what its version could not say of the objects on it, whether they are translated now, read as they were made ready, or
// remembered.
func TestAPageTellsWhatItsVersionCannotSay(t *testing.T) {
	db := openDB(t)
	first, err := object.New(db, []ocpi.Version{ocpi.V230})
	if err != nil {
		t.Fatal(err)
	}
	put(t, first.Locations, lossy(6)...)
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.Versions()...)
	translated := map[ocpi.Version]ocpi.Losses{}
	for v, want := range map[ocpi.Version]int{ocpi.V211: 3, ocpi.V221: 3, ocpi.V230: 0} {
		l := pageLosses(t, o, v)
		if l.Out != want || len(l.First) != want || want > 0 && !strings.HasPrefix(l.First[1].String(), "/3/help_phone: ") {
			t.Fatalf("%s: %+v", v, l)
		}
		translated[v] = l
	}
	if n, err := o.Render(t.Context(), slog.New(slog.DiscardHandler)); err != nil || n != 6 {
		t.Fatal(n, err)
	}
	for v, want := range translated {
		for _, how := range []string{"stored", "remembered"} {
			if diff := cmp.Diff(want, pageLosses(t, o, v)); diff != "" {
				t.Errorf("%s, %s: %s", v, how, diff)
			}
		}
	}
}

// The losses of a page are in what is observed of the exchange, as those of single objects are.
func TestTheLossesOfAPageAreObserved(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	put(t, o.Locations, lossy(6)...)
	partners := &ocpitest.Partners{}
	partners.Add("token", ocpi.Partner{ID: "p", Version: ocpi.V221, Roles: partner.Roles})
	var observed ocpi.Exchange
	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: "http://localhost/ocpi", Partners: partners, CPO: &ocpiserver.CPO{Locations: o.Locations},
		Observe: func(_ context.Context, e ocpi.Exchange) { observed = e },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/ocpi/2.2.1/sender/locations?offset=2&limit=2", nil)
	r.Header.Set("Authorization", "Token dG9rZW4=")
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r)
	if l := observed.Losses; answer.Code != http.StatusOK || l.Out != 1 || len(l.First) != 1 || !strings.HasPrefix(l.First[0].String(), "/1/help_phone: ") {
		t.Errorf("HTTP %d, losses %+v", answer.Code, l)
	}
}
