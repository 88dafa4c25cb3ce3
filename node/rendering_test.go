package node_test

import (
	"testing"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// When a node starts with a version that it did not speak before, what is there is made ready for the partners of that version:
// their totals do not count what is withheld from them.
func TestANodeRendersWhatItHasForAVersionThatIsNew(t *testing.T) {
	c := config(t)
	c.Versions = []ocpi.Version{ocpi.V230}
	n := start(t, c)
	private := ocpitest.Network(own).Location(1)
	private.Publish = false
	items := []object.Item[v230.Location]{{Party: own, Object: private}, {Party: own, Object: ocpitest.Network(own).Location(2)}}
	if _, err := n.Objects.Locations.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
	n.stop()
	c.Versions = ocpi.Versions()
	n = start(t, c)
	to := &ocpi.Partner{ID: "p", Version: ocpi.V211}
	eventually(t, "2.1.1 counts what it can say", func() bool {
		page, err := n.Objects.Locations.ListRendered(t.Context(), to, ocpi.V211, ocpi.Query{Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		return page.Total == 1 && len(page.Items) == 1
	})
}
