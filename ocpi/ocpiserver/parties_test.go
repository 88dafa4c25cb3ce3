package ocpiserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// A platform of ours has two CPOs, with locations under the same ids, and an eMSP.
var second, driving = ocpi.NewParty("NL", "TWO"), ocpi.NewParty("NL", "EMP")

func twoCPOs(t *testing.T, partner ocpi.Partner) *ocpitest.Server {
	t.Helper()
	server, err := ocpitest.NewServer(ocpiserver.Config{Versions: ocpi.Versions(), Logger: quiet(), Parties: []ocpi.PartyRole{
		{Role: ocpi.RoleCPO, Party: own}, {Role: ocpi.RoleEMSP, Party: driving}, {Role: ocpi.RoleCPO, Party: second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, party := range []ocpi.Party{own, second} {
		locations := ocpitest.Network(party).Locations()[:2]
		for i := range locations {
			locations[i].ID = ocpi.CiString(fmt.Sprint("L", i))
			locations[i].City = party.String()
		}
		server.CPO.Locations.Put(locations...)
	}
	partner.ID, partner.Roles = "theirs", []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("FR", "ONE")}}
	server.Partners.Add("theirs", partner)
	return server
}

// cities are those of a list of locations, or of one location, which tell whose they are; with the total of a list.
func cities(t *testing.T, server *ocpitest.Server, path, to string) string {
	t.Helper()
	response, envelope := call(t, server, "GET", path, "", routed("theirs", to, "FR/ONE")...)
	type location struct {
		City string `json:"city"`
	}
	var all []location
	if strings.HasSuffix(path, "/locations") {
		if err := json.Unmarshal(envelope.Data, &all); err != nil {
			t.Fatalf("%s for %s: HTTP %d, %d: %v", path, to, response.StatusCode, envelope.StatusCode, err)
		}
	} else {
		all = make([]location, 1)
		if err := json.Unmarshal(envelope.Data, &all[0]); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, l := range all {
		names = append(names, l.City)
	}
	return strings.TrimSpace(strings.Join(names, " ") + " " + response.Header.Get("X-Total-Count"))
}

// A message that is for one of our parties gets what is that party's (requirement DT-21).
func TestAPartyOfOursShowsItsOwnObjects_DT21(t *testing.T) {
	for _, version := range later {
		t.Run(string(version), func(t *testing.T) {
			server := twoCPOs(t, ocpi.Partner{Receive: ocpi.Receiving{Routing: ocpi.RoutingLog}})
			root := "/" + string(version) + "/sender/locations"
			for _, test := range []struct{ path, to, want string }{
				{root, "NL/GPE", "NL/GPE NL/GPE 2"},
				{root, "NL/TWO", "NL/TWO NL/TWO 2"},
				{root + "/L0", "NL/GPE", "NL/GPE"},
				{root + "/L0", "NL/TWO", "NL/TWO"},
				{root, "NL/EMP", "NL/GPE NL/GPE NL/TWO NL/TWO 4"}, // which is no CPO
				{root, "", "NL/GPE NL/GPE NL/TWO NL/TWO 4"},
			} {
				if diff := cmp.Diff(test.want, cities(t, server, test.path, test.to)); diff != "" {
					t.Errorf("%s for %q: %s", test.path, test.to, diff)
				}
			}
		})
	}
}

// In 2.1.1 a partner takes what it gets for that of the party whose credentials it has, so it gets no others' (requirement C-22).
func TestObjectsOf211AreThoseOfOneParty_C22(t *testing.T) {
	for name, test := range map[string]struct {
		serves []ocpi.Party
		want   ocpi.Party
	}{
		"nobody is chosen": {nil, own},
		"one is":           {[]ocpi.Party{second}, second},
		"two are":          {[]ocpi.Party{second, own}, own},
		"the CPO of two":   {[]ocpi.Party{driving, second}, second},
	} {
		t.Run(name, func(t *testing.T) {
			server := twoCPOs(t, ocpi.Partner{Serves: test.serves})
			want := test.want.String()
			if got := cities(t, server, "/cpo/2.1.1/locations", ""); got != want+" "+want+" 2" {
				t.Errorf("%q, want those of %s", got, want)
			}
			if got := cities(t, server, "/cpo/2.1.1/locations/L1", ""); got != want {
				t.Errorf("L1 is that of %s, want %s", got, want)
			}
		})
	}
}
