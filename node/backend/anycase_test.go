package backend_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// openInAnyCase is the API of a node that speaks all versions.
func openInAnyCase(t *testing.T) *place {
	return open(t, func(c *backend.Config) {
		objects, err := object.New(c.Store.(object.Store), ocpi.Versions())
		if err != nil {
			t.Fatal(err)
		}
		c.AnyCase = objects.AnyCase()
		c.Objects = backend.Objects{
			Locations: ownObjects[v230.Location]{objects.Locations}, Sessions: ownObjects[v230.Session]{objects.Sessions},
			CDRs: ownObjects[v230.CDR]{objects.CDRs}, Tariffs: ownObjects[v230.Tariff]{objects.Tariffs}, Tokens: ownObjects[v230.Token]{objects.Tokens},
			Statuses: objects,
		}
	})
}

// Requirement DT-31: where the node speaks 2.2 or later, the API finds an object and its parts by their ids in any case, and they
// keep those they came with first.
func TestIDsInAnotherCaseAreTheSameObject(t *testing.T) {
	p := openInAnyCase(t)
	l := sample.Location(1)
	l.ID, l.EVSEs = "LOC1", l.EVSEs[:1]
	l.EVSEs[0].UID, l.EVSEs[0].Connectors[0].ID = "EVSE1", "C1"
	// as the store keeps a location; what is left out is stamped
	unstamped := func(text string) string {
		text = with(t, with(t, text, "last_updated", nil), "evses.last_updated", nil)
		return with(t, text, "evses.connectors.last_updated", nil)
	}
	first := p.want(http.StatusCreated, "PUT", "/api/v1/locations/NL/GPE/LOC1", unstamped(text(t, l))).body
	p.clock.Add(int64(3600e9))
	again := unstamped(text(t, l))
	for _, id := range []string{"LOC1", "EVSE1", "C1"} {
		again = strings.ReplaceAll(again, `"`+id+`"`, `"`+strings.ToLower(id)+`"`)
	}
	if got := p.want(http.StatusOK, "PUT", "/api/v1/locations/NL/GPE/loc1", again).body; got != first {
		t.Errorf("the same in another case has changed it:\n%s\n%s", got, first)
	}
	bulk := lines(t, p.want(http.StatusOK, "POST", "/api/v1/locations/bulk", again, "Content-Type", "application/x-ndjson").body)
	if len(bulk) != 1 || bulk[0].Result != "unchanged" {
		t.Errorf("%+v", bulk)
	}
	p.want(http.StatusOK, "GET", "/api/v1/locations/NL/GPE/Loc1", "")
	evse := "/api/v1/locations/NL/GPE/loc1/evses/evse1"
	p.want(http.StatusOK, "GET", evse+"/connectors/c1", "")
	p.want(http.StatusOK, "PATCH", evse, `{"floor_level":"2"}`)
	p.want(http.StatusOK, "PATCH", evse+"/connectors/c1", `{"max_voltage":230}`)
	p.want(http.StatusOK, "PATCH", "/api/v1/locations/NL/GPE/loc1", `{"id":"loc1","city":"Utrecht"}`)
	p.want(http.StatusOK, "PUT", evse, with(t, with(t, text(t, l.EVSEs[0]), "uid", "evse1"), "status", "RESERVED"))
	p.want(http.StatusOK, "POST", "/api/v1/evses/Evse1/status", `{"status":"BLOCKED"}`)
	if got := p.want(http.StatusUnprocessableEntity, "PATCH", evse, `{"uid":"other"}`).pointers(t); len(got) != 1 || got[0] != "/uid" {
		t.Errorf("%v", got)
	}
	location, err := p.find("LOC1")
	if err != nil {
		t.Fatal(err)
	}
	e := location.EVSEs[0]
	if location.ID != "LOC1" || location.City != "Utrecht" || len(location.EVSEs) != 1 || e.UID != "EVSE1" || e.Status != v230.StatusBlocked || len(e.Connectors) != len(l.EVSEs[0].Connectors) || e.Connectors[0].ID != "C1" {
		t.Errorf("%s", text(t, location))
	}
	p.want(http.StatusNoContent, "DELETE", "/api/v1/locations/NL/GPE/loc1?purge=true", "")
	p.want(http.StatusNotFound, "GET", "/api/v1/locations/NL/GPE/LOC1", "")
}

// Of two EVSEs that differ in case, from when the node spoke 2.1.1 alone, the one with the very uid is meant.
func TestTheVeryUIDIsMeantWhereTwoDifferInCase(t *testing.T) {
	p := openInAnyCase(t)
	for id, uid := range map[ocpi.CiString]ocpi.CiString{"ONE": "E", "TWO": "e"} {
		l := sample.Location(1)
		l.ID, l.EVSEs = id, l.EVSEs[:1]
		l.EVSEs[0].UID = uid
		p.want(http.StatusCreated, "PUT", "/api/v1/locations/NL/GPE/"+string(id), text(t, l))
	}
	for uid, id := range map[string]string{"E": "NL/GPE/ONE", "e": "NL/GPE/TWO"} {
		got := decoded[backend.StatusChange](t, p.want(http.StatusOK, "POST", "/api/v1/evses/"+uid+"/status", `{"status":"BLOCKED"}`).body)
		if got.Location != id {
			t.Errorf("%s is in %s", uid, got.Location)
		}
	}
}

// find reads a location of ours as it is stored.
func (p *place) find(id string) (v230.Location, error) {
	return p.objects.Locations.Find(p.t.Context(), nil, id)
}
