package node_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// When the first partner of a version comes, what is there is made ready for it: its totals do not count what is withheld from it, from
// the first page on. When the last one has gone, nothing is kept for the version.
func TestANodeRendersWhatItHasForAVersionThatIsNew(t *testing.T) {
	t.Parallel()
	c := config(t)
	n := start(t, c)
	private := ocpitest.Network(own).Location(1)
	private.Publish = false
	put(t, n.Objects.Locations, private, ocpitest.Network(own).Location(2))
	if got := rendered(t, n); len(got) != 0 {
		t.Errorf("before anybody has come: %v", got)
	}
	token := addPartner(t, n.Node, ocpi.NewParty("DE", "PTN")).Token
	list := func() {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL()+"/cpo/2.1.1/locations", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Token "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if total := response.Header.Get("X-Total-Count"); response.StatusCode != http.StatusOK || total != "1" {
			t.Errorf("%s, %s in all", response.Status, total)
		}
	}
	list()
	if diff := cmp.Diff([]ocpi.Version{ocpi.V211}, rendered(t, n)); diff != "" {
		t.Error(diff)
	}
	n.stop()
	n = start(t, c)
	if err := n.Partners.Remove(t.Context(), "PTN"); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n = start(t, c)
	eventually(t, "nothing is kept for a version that nobody speaks", func() bool { return len(rendered(t, n)) == 0 })
}

// rendered are the versions that objects of a node are rendered for.
func rendered(t *testing.T, n running) (versions []ocpi.Version) {
	t.Helper()
	versions, err := n.Objects.InUse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return versions
}
