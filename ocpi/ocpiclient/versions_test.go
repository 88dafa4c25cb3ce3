package ocpiclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// answers is a partner that says one thing.
func answers(t *testing.T, config ocpiclient.Config, body string) awkward {
	t.Helper()
	return newAwkward(t, config, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.ReplaceAll(body, "BASE", "http://"+r.Host))
	})
}

// V-01, V-08: every version is kept, whatever it is.
func TestVersions(t *testing.T) {
	type entries = []ocpiclient.VersionEntry
	for name, c := range map[string]struct {
		body string
		want entries
	}{
		"as it should be": {
			`{"data":[{"version":"2.1.1","url":"https://a.example.com/2.1.1"},{"version":"2.2.1","url":"https://a.example.com/2.2.1"}],"status_code":1000}`,
			entries{{"2.1.1", "https://a.example.com/2.1.1"}, {"2.2.1", "https://a.example.com/2.2.1"}},
		},
		"versions nobody knows": {
			`{"data":[{"version":"1.9","url":"https://a/1"},{"version":"3.0-draft","url":"https://a/3"}],"status_code":1000}`,
			entries{{"1.9", "https://a/1"}, {"3.0-draft", "https://a/3"}},
		},
		"relative URLs": {
			`{"data":[{"version":"2.1.1","url":"/ocpi/2.1.1"},{"version":"2.2.1","url":"2.2.1"}],"status_code":1000}`,
			entries{{"2.1.1", "BASE/ocpi/2.1.1"}, {"2.2.1", "BASE/ocpi/2.2.1"}},
		},
		"entries that say nothing": {
			`{"data":[7,null,{},{"version":"2.0"},{"url":"https://a/x"},{"version":null,"url":"https://a/x"},{"version":"2.1.1","url":"https://a/2"}],"status_code":1000}`,
			entries{{"2.1.1", "https://a/2"}},
		},
		"numbers, blanks and more": {
			` {"x":{"y":[1]},"status_code":"1000","data":[{"version":2.2,"url":" https://a/2 ","more":1}]} `,
			entries{{"2.2", "https://a/2"}},
		},
		"a byte order mark": {"\ufeff" + `{"data":[{"version":"2.0","url":"https://a/2"}],"status_code":1000}`, entries{{"2.0", "https://a/2"}}},
		"one object":        {`{"data":{"version":"2.0","url":"https://a/2"},"status_code":1000}`, entries{{"2.0", "https://a/2"}}},
		"names said twice":  {`{"data":[],"status_code":1000,"data":[{"version":"2.0","url":"https://a/2"}]}`, entries{{"2.0", "https://a/2"}}},
		"an empty list":     {`{"data":[],"status_code":1000}`, nil},
		"no data":           {`{"status_code":1000}`, nil},
		"null":              {`{"data":null,"status_code":1000}`, nil},
		"a text":            {`{"data":"2.1.1","status_code":1000}`, nil},
		"two documents":     {`{"data":[{"version":"2.0","url":"https://a/2"}],"status_code":1000}{}`, nil},
		"half a document":   {`{"data":[{"version":"2.0","url":"https://a/2"}],"status_code":1000`, nil},
		"no status":         {`{"data":[{"version":"2.0","url":"https://a/2"}]}`, nil},
		"a status of words": {`{"data":[{"version":"2.0","url":"https://a/2"}],"status_code":"ok"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			partner := answers(t, ocpiclient.Config{Version: ""}, c.body)
			got, err := partner.client.Versions(t.Context(), partner.URL+"/ocpi/versions")
			if c.want == nil {
				var failed *ocpiclient.Error
				if !errors.As(err, &failed) || failed.Kind != ocpiclient.Permanent {
					t.Errorf("got %v, %v; want a permanent error", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.want {
				c.want[i].URL = strings.ReplaceAll(c.want[i].URL, "BASE", partner.URL)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// V-02, V-04, V-07.
func TestDetails(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want ocpiclient.Details
	}{
		"2.1.1": {
			`{"data":{"version":"2.1.1","endpoints":[{"identifier":"credentials","url":"https://a/c"},{"identifier":"nltnm-tokens","url":"https://a/x"}]},"status_code":1000}`,
			ocpiclient.Details{Version: "2.1.1", Endpoints: []ocpi.Endpoint{
				{Module: "credentials", URL: "https://a/c"}, {Module: "nltnm-tokens", URL: "https://a/x"},
			}},
		},
		"2.2.1 with roles": {
			`{"data":{"version":"2.2.1","endpoints":[{"identifier":"tokens","role":"RECEIVER","url":"https://a/r"},{"identifier":"tokens","role":"sender","url":"https://a/s"}]},"status_code":1000}`,
			ocpiclient.Details{Version: "2.2.1", Endpoints: []ocpi.Endpoint{
				{Module: "tokens", Role: ocpi.Receiver, URL: "https://a/r"}, {Module: "tokens", Role: ocpi.Sender, URL: "https://a/s"},
			}},
		},
		"in other words": {
			`{"data":[{"endpoints":{"identifier":"CDRs","url":"/cdrs"}}],"status_code":1000}`,
			ocpiclient.Details{Endpoints: []ocpi.Endpoint{{Module: "cdrs", URL: "BASE/cdrs"}}},
		},
		"endpoints that say nothing": {
			`{"data":{"version":"2.1.1","endpoints":[{},1,{"identifier":"tokens"},{"url":"https://a"},{"identifier":"tokens","url":"https://a/t"}]},"status_code":1000}`,
			ocpiclient.Details{Version: "2.1.1", Endpoints: []ocpi.Endpoint{{Module: "tokens", URL: "https://a/t"}}},
		},
		"no endpoints": {`{"data":{"version":"2.1.1","endpoints":[]},"status_code":1000}`, ocpiclient.Details{}},
		"no list":      {`{"data":{"version":"2.1.1"},"status_code":1000}`, ocpiclient.Details{}},
		"two of them":  {`{"data":[{"endpoints":[]},{}],"status_code":1000}`, ocpiclient.Details{}},
		"no data":      {`{"status_code":1000}`, ocpiclient.Details{}},
	} {
		t.Run(name, func(t *testing.T) {
			partner := answers(t, ocpiclient.Config{}, c.body)
			got, err := partner.client.Details(t.Context(), partner.URL+"/ocpi/2.1.1")
			if (err == nil) != (c.want.Endpoints != nil) {
				t.Fatal(err)
			}
			for i := range c.want.Endpoints {
				c.want.Endpoints[i].URL = strings.ReplaceAll(c.want.Endpoints[i].URL, "BASE", partner.URL)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// V-05: which endpoint a call goes to.
func TestEndpointsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		endpoints []ocpi.Endpoint
		cpo, emsp string
	}{
		"one of a version without roles": {[]ocpi.Endpoint{{Module: "locations", URL: "/l"}}, "/l", "/l"},
		"two of a version without roles": {[]ocpi.Endpoint{
			{Module: "locations", URL: "/cpo/l"}, {Module: "locations", URL: "/emsp/l"},
		}, "/cpo/l", "/emsp/l"},
		"two in the other order": {[]ocpi.Endpoint{
			{Module: "locations", URL: "/EMSP/l"}, {Module: "locations", URL: "/CPO/l"},
		}, "/CPO/l", "/EMSP/l"},
		"two whose paths say nothing": {[]ocpi.Endpoint{{Module: "locations", URL: "/a"}, {Module: "locations", URL: "/b"}}, "/a", "/a"},
		"names that only look alike": {[]ocpi.Endpoint{
			{Module: "locations", URL: "/mycpo/l"}, {Module: "locations", URL: "/cpo/l"},
		}, "/cpo/l", "/mycpo/l"},
		"roles": {[]ocpi.Endpoint{
			{Module: "locations", Role: ocpi.Receiver, URL: "/r"}, {Module: "locations", Role: ocpi.Sender, URL: "/s"},
		}, "/s", "/r"},
		"only the other role": {[]ocpi.Endpoint{{Module: "locations", Role: ocpi.Receiver, URL: "/r"}}, "", "/r"},
		"another module":      {[]ocpi.Endpoint{{Module: "tokens", URL: "/t"}, {Module: "locations"}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var called []string
			partner := newAwkward(t, ocpiclient.Config{Endpoints: []ocpi.Endpoint{{}}}, func(http.ResponseWriter, *http.Request) {})
			for i := range c.endpoints {
				if c.endpoints[i].URL != "" {
					c.endpoints[i].URL = partner.URL + c.endpoints[i].URL
				}
			}
			client := newClient(t, ocpiclient.Config{Endpoints: c.endpoints, Observe: func(_ context.Context, x ocpi.Exchange) {
				called = append(called, strings.TrimPrefix(x.URL, partner.URL))
			}})
			_, errCPO := client.CPO().Locations.Get(t.Context(), "1")
			_, errEMSP := client.EMSP().Locations.Get(t.Context(), ocpi.Key{ID: "1"})
			var want []string
			if c.cpo != "" {
				want = append(want, c.cpo+"/1")
			}
			if c.emsp != "" {
				want = append(want, c.emsp+"/BE/TST/1")
			}
			if diff := cmp.Diff(want, called); diff != "" {
				t.Error(diff)
			}
			if errors.Is(errCPO, ocpiclient.ErrNotOffered) != (c.cpo == "") || errors.Is(errEMSP, ocpiclient.ErrNotOffered) != (c.emsp == "") {
				t.Errorf("got %v and %v", errCPO, errEMSP)
			}
		})
	}
}

// A registrar takes what it is sent and answers with a new token.
type registrar struct {
	own   ocpitest.Credentials
	calls []string
	got   v230.Credentials
}

func (r *registrar) Credentials(ctx context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	return r.own.Credentials(ctx, partner, role, token)
}

func (r *registrar) Register(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	r.calls, r.got = append(r.calls, "register"), theirs
	return r.own.Credentials(ctx, from.Partner, from.Role, "token-c")
}

func (r *registrar) Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	r.calls, r.got = append(r.calls, "update"), theirs
	return r.own.Credentials(ctx, from.Partner, from.Role, "token-d")
}

func (r *registrar) Unregister(context.Context, ocpi.Caller) error {
	r.calls = append(r.calls, "unregister")
	return nil
}

// C-02, C-04, C-10, C-13: the four calls, with the roles that 2.1.1 does not say.
func TestCredentials(t *testing.T) {
	r := &registrar{own: ocpitest.Credentials{Name: "GPE", Parties: both(theirs)}}
	server, err := ocpitest.NewServer(ocpiserver.Config{Credentials: r, Parties: both(theirs)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r.own.BaseURL = server.URL
	server.Partners.Add("token-a", ocpi.Partner{ID: "new", Roles: both(ours), Access: ocpi.AccessRegistration})
	server.Partners.Add("token-c", ocpi.Partner{ID: "new", Roles: both(ours)})
	with := func(token string) *ocpiclient.Client {
		return newClient(t, ocpiclient.Config{
			Token: token, PartnerRole: ocpi.RoleCPO, OwnRole: ocpi.RoleEMSP,
			Endpoints: []ocpi.Endpoint{
				{Module: ocpi.ModuleCredentials, URL: server.URL + "/emsp/2.1.1/credentials"},
				{Module: ocpi.ModuleCredentials, URL: server.URL + "/cpo/2.1.1/credentials"},
			},
		})
	}
	own := v230.Credentials{Token: "token-b", URL: "https://tst.example.com/versions", Roles: []v230.CredentialsRole{
		{Role: ocpi.RoleCPO, CountryCode: "BE", PartyID: "CPO", BusinessDetails: v230.BusinessDetails{Name: "Wrong"}},
		{Role: ocpi.RoleEMSP, CountryCode: "BE", PartyID: "TST", BusinessDetails: v230.BusinessDetails{Name: "Right"}},
	}}
	check := func(name string, got v230.Credentials, err error, token string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got.Token != token || got.URL != server.URL+"/cpo/versions" || len(got.Roles) != 1 || got.Roles[0].Role != ocpi.RoleCPO || got.Roles[0].PartyID != "GPE" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	theirCredentials, err := with("token-a").Register(t.Context(), own)
	check("POST", theirCredentials, err, "token-c")
	if r.got.Token != "token-b" || r.got.Roles[0].PartyID != "TST" || r.got.Roles[0].BusinessDetails.Name != "Right" {
		t.Errorf("they got %+v", r.got)
	}
	theirCredentials, err = with("token-c").UpdateCredentials(t.Context(), own)
	check("PUT", theirCredentials, err, "token-d")
	theirCredentials, err = with("token-c").Credentials(t.Context())
	check("GET", theirCredentials, err, "token-c")
	if err := with("token-c").Unregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"register", "update", "unregister"}, r.calls); diff != "" {
		t.Error(diff)
	}

	var failed *ocpiclient.Error
	if _, err := with("token-c").Register(t.Context(), own); !errors.As(err, &failed) || failed.HTTP != http.StatusMethodNotAllowed {
		t.Errorf("registered twice: %v, want HTTP 405 (C-05)", err)
	}
	if _, err := with("token-x").Register(t.Context(), own); !errors.Is(err, ocpi.ErrUnauthorized) {
		t.Errorf("an unknown token: %v, want an error that is ocpi.ErrUnauthorized", err)
	}
}
