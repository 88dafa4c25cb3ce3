package ocpiserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A network is a partner that is received as its Receive says.
type network struct {
	*testing.T
	server *ocpitest.Server
	party  ocpi.Party
}

func newNetwork(t *testing.T, receive ocpi.Receiving, config ocpiserver.Config) network {
	t.Helper()
	_, server := newTarget(t, config)
	party := ocpi.NewParty("FR", "NET")
	server.Partners.Add("network", ocpi.Partner{ID: "network", Receive: receive, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}}})
	return network{t, server, party}
}

func (n network) send(method, path, body string) (*http.Response, ocpi.Envelope[jsontext.Value]) {
	n.Helper()
	return call(n.T, n.server, method, path, body, "Authorization", "Token network")
}

// location puts a location with two EVSEs, and returns it with its path.
func (n network) location() (v211.Location, string) {
	n.Helper()
	l, _ := convert.LocationTo211(ocpitest.Network(n.party).Location(1), convert.Env{Owner: n.party})
	second := l.EVSEs[0]
	second.UID = "SECOND"
	l.EVSEs = append(l.EVSEs[:1:1], second)
	path := "/emsp/2.1.1/locations/FR/NET/" + l.ID
	if response, envelope := n.send("PUT", path, text(n.T, &l)); response.StatusCode != http.StatusCreated {
		n.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
	}
	return l, path
}

func text(t *testing.T, object any) string {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Requirements TF-38, L-16: what becomes of EVSEs in the PATCH of a location is decided for each partner, however the
// PATCH is written.
func TestThePolicyDecidesAboutEVSEsInThePATCHOfALocation(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy ocpi.PatchedEVSEs
		evses  string
		want   []string
	}{
		{"merged", ocpi.MergeEVSEs, `[{"uid":"SECOND","status":"BLOCKED"}]`, []string{"FIRST AVAILABLE", "SECOND BLOCKED"}},
		{"replaced", ocpi.ReplaceEVSEs, `[{"uid":"SECOND","status":"BLOCKED"}]`, []string{"SECOND BLOCKED"}},
		{"replaced, as an object", ocpi.ReplaceEVSEs, `{"uid":"SECOND","status":"BLOCKED"}`, []string{"SECOND BLOCKED"}},
		{"refused", ocpi.RejectEVSEs, `[{"uid":"SECOND","status":"BLOCKED"}]`, []string{"FIRST AVAILABLE", "SECOND AVAILABLE"}},
	} {
		for _, form := range []string{`{"evses":%s}`, `[{"evses":%s}]`} {
			t.Run(fmt.Sprintf("%s in %s", test.name, form), func(t *testing.T) {
				n := newNetwork(t, ocpi.Receiving{EVSEs: test.policy}, ocpiserver.Config{})
				l, path := n.location()
				_, envelope := n.send("PATCH", path, fmt.Sprintf(form, test.evses))
				if refused := envelope.StatusCode == ocpi.StatusInvalidParameters; refused != (test.policy == ocpi.RejectEVSEs) {
					t.Errorf("status %d: %s", envelope.StatusCode, envelope.StatusMessage)
				}
				_, envelope = n.send("GET", path, "")
				var got v211.Location
				if err := json.Unmarshal(envelope.Data, &got); err != nil {
					t.Fatal(err)
				}
				var evses []string
				for _, evse := range got.EVSEs {
					evses = append(evses, strings.Replace(evse.UID, l.EVSEs[0].UID, "FIRST", 1)+" "+string(evse.Status))
				}
				if diff := cmp.Diff(test.want, evses); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
