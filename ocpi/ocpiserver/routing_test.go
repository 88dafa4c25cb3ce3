package ocpiserver_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// routed are the headers of a message, for call; a party is empty for none.
func routed(token, to, from string) []string {
	header := []string{"Authorization", "Token " + token}
	if country, party, ok := strings.Cut(to, "/"); ok {
		header = append(header, ocpi.HeaderToCountry, country, ocpi.HeaderToParty, party)
	}
	if country, party, ok := strings.Cut(from, "/"); ok {
		header = append(header, "ocpi-FROM-country-code", country, "ocpi-FROM-party-id", party)
	}
	return header
}

// reply is the routing of an answer, as "to from".
func reply(response *http.Response) string {
	h := response.Header
	return strings.Join([]string{
		h.Get("ocpi-to-country-code") + "/" + h.Get("ocpi-to-party-id"), h.Get("ocpi-from-country-code") + "/" + h.Get("ocpi-from-party-id"),
	}, " ")
}

// platform is a server with two parties, called by partners of one and of several.
func platform(t *testing.T, policy ocpi.RoutingPolicy, observe func(context.Context, ocpi.Exchange)) *ocpitest.Server {
	t.Helper()
	two := []ocpi.PartyRole{
		{Role: ocpi.RoleCPO, Party: own}, {Role: ocpi.RoleEMSP, Party: own}, {Role: ocpi.RoleEMSP, Party: ocpi.NewParty("NL", "TWO")},
	}
	_, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions(), Parties: two, Logger: quiet(), Observe: observe})
	roles := func(ids ...string) (all []ocpi.PartyRole) {
		for _, id := range ids {
			party := ocpi.NewParty("FR", id)
			all = append(all, ocpi.PartyRole{Role: ocpi.RoleCPO, Party: party}, ocpi.PartyRole{Role: ocpi.RoleEMSP, Party: party})
		}
		return all
	}
	receive := ocpi.Receiving{Routing: policy}
	server.Partners.Add("one", ocpi.Partner{ID: "one", Receive: receive, Roles: roles("ONE")})
	server.Partners.Add("many", ocpi.Partner{ID: "many", Receive: receive, Roles: roles("AAA", "BBB")})
	return server
}

// Requirements DT-18 to DT-21, DT-30: the routing headers of a request are checked, and those of the answer are swapped.
func TestRoutingHeadersAreCheckedAndAnswered(t *testing.T) {
	const cpo, emsp = "/sender/locations", "/receiver/tariffs/FR/ONE/T"
	for _, test := range []struct {
		name, token, path, to, from string
		http                        int
		status                      ocpi.StatusCode
		reply                       string
	}{
		{"both", "one", cpo, "NL/GPE", "FR/ONE", 200, 1000, "FR/ONE NL/GPE"},
		{"in small letters", "one", cpo, "nl/gpe", "fr/one", 200, 1000, "FR/ONE NL/GPE"},
		{"none, between one party and one", "one", cpo, "", "", 200, 1000, "/ /"},
		{"open routing: the hub has found us", "one", cpo, "", "FR/ONE", 200, 1000, "FR/ONE NL/GPE"},
		{"from nobody, of a partner with one party", "one", cpo, "NL/GPE", "", 200, 1000, "FR/ONE NL/GPE"},
		{"one of several", "many", cpo, "NL/GPE", "FR/BBB", 200, 1000, "FR/BBB NL/GPE"},
		{"none of several", "many", cpo, "NL/GPE", "", 200, 2001, "/ NL/GPE"},
		{"from another party", "one", cpo, "NL/GPE", "FR/AAA", 200, 2001, "FR/AAA NL/GPE"},
		{"from one of ours", "one", cpo, "NL/GPE", "NL/GPE", 200, 2001, "NL/GPE NL/GPE"},
		{"for another party", "one", cpo, "NL/XXX", "FR/ONE", 404, 4001, "FR/ONE NL/XXX"},
		{"half a party", "one", cpo, "NL/", "FR/ONE", 200, 2001, "FR/ONE NL/GPE"},
		{"for one of our two eMSPs", "one", emsp, "NL/TWO", "FR/ONE", 404, 2000, "FR/ONE NL/TWO"},
		{"for neither of our two eMSPs", "one", emsp, "", "FR/ONE", 200, 2001, "FR/ONE /"},
	} {
		for _, v := range later {
			t.Run(test.name+" in "+string(v), func(t *testing.T) {
				server := platform(t, ocpi.RoutingStrict, nil)
				response, envelope := call(t, server, "GET", "/"+string(v)+test.path, "", routed(test.token, test.to, test.from)...)
				if response.StatusCode != test.http || envelope.StatusCode != test.status {
					t.Errorf("HTTP %d, status %d: %s", response.StatusCode, envelope.StatusCode, envelope.StatusMessage)
				}
				if got := reply(response); got != test.reply {
					t.Errorf("the answer is for and from %s", got)
				}
			})
		}
	}
}

// Requirement DT-18: configuration modules have no routing headers, and neither has 2.1.1.
func TestMessagesWithoutRoutingAreAnsweredWithoutIt(t *testing.T) {
	server := platform(t, ocpi.RoutingStrict, nil)
	for _, path := range []string{"/versions", "/2.2.1/details", "/2.3.0/credentials", "/cpo/2.1.1/locations"} {
		response, envelope := call(t, server, "GET", path, "", routed("many", "NL/XXX", "NL/XXX")...)
		if response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusSuccess || reply(response) != "/ /" {
			t.Errorf("%s: HTTP %d, %s, for and from %s", path, response.StatusCode, envelope.StatusMessage, reply(response))
		}
	}
}

// The policy for a partner decides what becomes of parties that are not its own, in headers and URL. What it stores is its own
// all the same.
func TestThePolicyDecidesAboutPartiesThatAreNotThePartners(t *testing.T) {
	for _, test := range []struct {
		policy ocpi.RoutingPolicy
		taken  bool
		counts int
	}{{ocpi.RoutingStrict, false, 2}, {ocpi.RoutingLog, true, 2}, {ocpi.RoutingTrust, true, 0}} {
		t.Run("policy "+string(test.policy), func(t *testing.T) {
			var mu sync.Mutex
			counted := 0
			server := platform(t, test.policy, func(_ context.Context, e ocpi.Exchange) {
				mu.Lock()
				defer mu.Unlock()
				if slices.Contains(e.Quirks, "routing-mismatch") {
					counted++
				}
			})
			other := ocpi.NewParty("DE", "HID")
			tariff := ocpitest.Network(other).ACTariff()
			body := inVersion(t, ocpi.V221, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff)
			path := "/2.2.1/receiver/tariffs/DE/HID/" + string(tariff.ID)
			response, envelope := call(t, server, "GET", "/2.2.1/sender/locations", "", routed("one", "NL/GPE", "DE/HID")...)
			if taken := envelope.StatusCode == ocpi.StatusSuccess; taken != test.taken || response.StatusCode != http.StatusOK {
				t.Errorf("from another party: HTTP %d, %s", response.StatusCode, envelope.StatusMessage)
			}
			response, envelope = call(t, server, "PUT", path, body, routed("one", "NL/TWO", "FR/ONE")...)
			if taken := response.StatusCode == http.StatusCreated; taken != test.taken {
				t.Errorf("about another party: HTTP %d, %s", response.StatusCode, envelope.StatusMessage)
			}
			if got := len(server.EMSP.Tariffs.From("one")) == 1; got != test.taken {
				t.Errorf("stored: %v", got)
			}
			server.Close() // waits for the observer
			mu.Lock()
			defer mu.Unlock()
			if counted != test.counts {
				t.Errorf("counted %d instead of %d", counted, test.counts)
			}
		})
	}
}

// Requirement DT-29: what names our own party is refused whatever the policy, and a body that names another party than the URL too.
func TestTrustHasItsLimits(t *testing.T) {
	server := platform(t, ocpi.RoutingTrust, nil)
	tariff := ocpitest.Network(ocpi.NewParty("DE", "HID")).ACTariff()
	for _, v := range later {
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff)
		for party, want := range map[string]ocpi.StatusCode{"NL/GPE": ocpi.StatusClientError, "FR/ONE": ocpi.StatusInvalidParameters, "TOO/LONG": ocpi.StatusClientError} {
			response, envelope := call(t, server, "PUT", "/"+string(v)+"/receiver/tariffs/"+party+"/"+string(tariff.ID), body, routed("one", "NL/TWO", "FR/ONE")...)
			if envelope.StatusCode != want || response.StatusCode == http.StatusCreated {
				t.Errorf("%s in %s: HTTP %d, status %d: %s", party, v, response.StatusCode, envelope.StatusCode, envelope.StatusMessage)
			}
		}
	}
}

// Requirement DT-23: in a broadcast the URL names the owner, and the headers the hub.
func TestTheOwnerNeedNotBeTheSender(t *testing.T) {
	hub := ocpi.NewParty("FR", "HUB")
	tariff := ocpitest.Network(ocpi.NewParty("FR", "AAA")).ACTariff()
	for _, v := range later {
		server := platform(t, ocpi.RoutingStrict, nil)
		server.Partners.Add("hub", ocpi.Partner{ID: "hub", Roles: []ocpi.PartyRole{{Role: ocpi.RoleOther, Party: hub}, {Role: ocpi.RoleCPO, Party: ocpi.NewParty("FR", "AAA")}}})
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff)
		response, envelope := call(t, server, "PUT", "/"+string(v)+"/receiver/tariffs/FR/AAA/"+string(tariff.ID), body, routed("hub", "NL/TWO", "FR/HUB")...)
		if response.StatusCode != http.StatusCreated || reply(response) != "FR/HUB NL/TWO" {
			t.Errorf("%s: HTTP %d %s, for and from %s", v, response.StatusCode, envelope.StatusMessage, reply(response))
		}
	}
}

// A backend learns which party a message is from and for.
func TestABackendIsToldTheRouting(t *testing.T) {
	var got []ocpi.Routing
	two := []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: own}}
	locations := &toldRouting{Sender: new(ocpitest.Sender[v230.Location]), tell: func(r ocpi.Routing) { got = append(got, r) }}
	server, err := ocpitest.NewServer(ocpiserver.Config{Versions: ocpi.Versions(), Parties: two, CPO: &ocpiserver.CPO{Locations: locations}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	call(t, server, "GET", "/2.2.1/sender/locations", "", routed(server.Token, "NL/GPE", "BE/TST")...)
	call(t, server, "GET", "/2.2.1/sender/locations", "")
	want := []ocpi.Routing{{To: own, From: ocpi.NewParty("BE", "TST")}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

type toldRouting struct {
	*ocpitest.Sender[v230.Location]
	tell func(ocpi.Routing)
}

func (s *toldRouting) List(ctx context.Context, to *ocpi.Partner, q ocpi.Query) (ocpi.Page[v230.Location], error) {
	s.tell(ocpiserver.RoutingOf(ctx))
	return s.Sender.List(ctx, to, q)
}
