package ocpiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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

// Requirements TF-46, TF-47: without a party in the URL, a CDR belongs to the party it names, which must be the partner's.
func TestACDRBelongsToThePartyItNames(t *testing.T) {
	for _, test := range []struct {
		name, member string
		http         int
		status       ocpi.StatusCode
		path         string
	}{
		{"nobody", ``, http.StatusCreated, ocpi.StatusSuccess, "FR/ONE"},
		{"the first party", `"country_code":"FR","party_id":"ONE",`, http.StatusCreated, ocpi.StatusSuccess, "FR/ONE"},
		{"another party of the partner, in small letters", `"country_code":"fr","party_id":"two",`, http.StatusCreated, ocpi.StatusSuccess, "FR/TWO"},
		{"a party of somebody else", `"country_code":"FR","party_id":"XXX",`, http.StatusOK, ocpi.StatusInvalidParameters, ""},
		{"a party of somebody else, escaped", `"country_code":"FR","p\u0061rty_id":"XXX",`, http.StatusOK, ocpi.StatusInvalidParameters, ""},
		{"a party that is no CPO", `"country_code":"FR","party_id":"EMP",`, http.StatusOK, ocpi.StatusInvalidParameters, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, server := newTarget(t, ocpiserver.Config{})
			one := ocpi.NewParty("FR", "ONE")
			server.Partners.Add("both", ocpi.Partner{ID: "both", Roles: []ocpi.PartyRole{
				{Role: ocpi.RoleCPO, Party: one}, {Role: ocpi.RoleCPO, Party: ocpi.NewParty("FR", "TWO")}, {Role: ocpi.RoleEMSP, Party: ocpi.NewParty("FR", "EMP")},
			}})
			cdr, _ := convert.CDRTo211(ocpitest.Network(one).CDR(1), convert.Env{Owner: one})
			body := "{" + test.member + strings.TrimPrefix(text(t, &cdr), "{")
			response, envelope := call(t, server, "POST", "/emsp/2.1.1/cdrs", body, "Authorization", "Token both")
			if response.StatusCode != test.http || envelope.StatusCode != test.status {
				t.Fatalf("HTTP %d, status %d: %s", response.StatusCode, envelope.StatusCode, envelope.StatusMessage)
			}
			if at := response.Header.Get("Location"); test.path != "" && !strings.Contains(at, "/cdrs/"+test.path+"/") {
				t.Errorf("it is at %s", at)
			}
		})
	}
}

// What a partner should not have sent is seen in the figures about it, not only in the answer (requirement CDR-08).
func TestWhatIsRefusedIsCounted(t *testing.T) {
	counts := func(receive ocpi.Receiving, send func(network)) map[string]int {
		var mu sync.Mutex
		seen := map[string]int{}
		n := newNetwork(t, receive, ocpiserver.Config{Observe: func(_ context.Context, e ocpi.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range e.Quirks {
				seen[name]++
			}
		}})
		send(n)
		n.server.Close() // waits for the observer
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
	older := func(n network) {
		l, path := n.location()
		l.LastUpdated = ocpi.NewDateTime(l.LastUpdated.Time().Add(-time.Hour))
		n.send("PUT", path, text(n.T, &l))
	}
	for _, test := range []struct {
		name    string
		receive ocpi.Receiving
		send    func(network)
		want    map[string]int
	}{
		{"an older location", ocpi.Receiving{}, older, map[string]int{"older-update": 1}},
		{"an older location that is let in", ocpi.Receiving{AllowOlder: true}, older, map[string]int{"older-update": 1}},
		{"a CDR with other content", ocpi.Receiving{}, func(n network) {
			cdr, _ := convert.CDRTo211(ocpitest.Network(n.party).CDR(1), convert.Env{Owner: n.party})
			n.send("POST", "/emsp/2.1.1/cdrs", text(n.T, &cdr))
			n.send("POST", "/emsp/2.1.1/cdrs", text(n.T, &cdr))
			cdr.Remark = new("other")
			n.send("POST", "/emsp/2.1.1/cdrs", text(n.T, &cdr))
		}, map[string]int{"changed-cdr": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, counts(test.receive, test.send)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
