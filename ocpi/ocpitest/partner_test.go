package ocpitest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func newPartner(t *testing.T, config ocpitest.PartnerConfig) *ocpitest.Partner {
	t.Helper()
	p, err := ocpitest.NewPartner(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newCPO(t *testing.T) *ocpitest.Partner {
	return newPartner(t, ocpitest.PartnerConfig{Party: gpe, Name: "Grensland", Roles: []ocpi.Role{ocpi.RoleCPO}})
}

// registered are a CPO and an eMSP, of which the eMSP has registered with the CPO.
func registered(t *testing.T) (cpo, emsp *ocpitest.Partner) {
	t.Helper()
	cpo, emsp = newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
	url, tokenA := cpo.Invite()
	if err := emsp.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	return cpo, emsp
}

// plain makes one call with the standard library alone.
func plain(ctx context.Context, method, url, token, body string) (ocpitest.Reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return ocpitest.Reply{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Token "+token)
	}
	return do(request)
}

func status(t *testing.T, method, url, token string) int {
	t.Helper()
	reply, err := plain(t.Context(), method, url, token, "")
	if err != nil {
		t.Fatal(err)
	}
	return reply.HTTP
}

// Both directions: each side invites, and each registers.
func TestPartnersRegisterWithEachOther(t *testing.T) {
	for _, who := range []string{"the eMSP registers with the CPO", "the CPO registers with the eMSP"} {
		t.Run(who, func(t *testing.T) {
			cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{Name: "Tubantia"})
			host, guest := cpo, emsp
			if strings.HasPrefix(who, "the CPO") {
				host, guest = emsp, cpo
			}
			url, tokenA := host.Invite()
			if host.Registered() || guest.Registered() {
				t.Error("registered before anything has happened")
			}
			if err := guest.Register(t.Context(), url, tokenA); err != nil {
				t.Fatal(err)
			}
			checkPair(t, host, guest)
			checkPair(t, guest, host)
			if got := status(t, "GET", url, tokenA); got != http.StatusUnauthorized {
				t.Errorf("token A is answered with %d after the registration (C-09)", got)
			}
			checkTraffic(t, cpo, emsp)
		})
	}
}

// checkPair compares what a knows of b with what b is.
func checkPair(t *testing.T, a, b *ocpitest.Partner) {
	t.Helper()
	of, to := a.Peer(), b.Peer()
	if !of.Registered || of.TheirToken != to.OurToken || of.TheirToken == "" || of.OurToken == of.TheirToken {
		t.Errorf("tokens: %q and %q, the other side has %q and %q", of.OurToken, of.TheirToken, to.OurToken, to.TheirToken)
	}
	role := of.Credentials.Roles[0]
	if got := ocpi.NewParty(string(role.CountryCode), string(role.PartyID)); got != b.Party {
		t.Errorf("the other side is %s, want %s", got, b.Party)
	}
	if of.Version != ocpi.V211 || !slices.Equal(of.Versions, []ocpi.Version{ocpi.V211}) {
		t.Errorf("versions %v, in use %s", of.Versions, of.Version)
	}
	if url := of.Endpoint(ocpi.ModuleCredentials); !strings.HasPrefix(url, b.URL) {
		t.Errorf("credentials are at %q", url)
	}
	if url := of.Endpoint("nothing"); url != "" {
		t.Errorf("a module that is not there is at %q", url)
	}
}

// checkTraffic lets each side read and push.
func checkTraffic(t *testing.T, cpo, emsp *ocpitest.Partner) {
	t.Helper()
	for _, c := range []struct {
		from  *ocpitest.Partner
		of    ocpi.ModuleID
		count int
	}{{emsp, ocpi.ModuleLocations, 6}, {emsp, ocpi.ModuleTariffs, 3}, {cpo, ocpi.ModuleTokens, 4}} {
		reply, err := c.from.Get(t.Context(), c.from.Peer().Endpoint(c.of))
		if err != nil {
			t.Fatal(err)
		}
		var items []struct{}
		if err := json.Unmarshal(reply.Data, &items); err != nil || len(items) != c.count {
			t.Errorf("%d %s, want %d (%v): %s", len(items), c.of, c.count, err, reply.Body)
		}
	}
	token := v211.Token{UID: "T1", Type: v211.TokenTypeRFID, AuthID: "NL-TPE-C1", Issuer: "Tubantia", Valid: true, Whitelist: v211.WhitelistTypeAlways}
	token.LastUpdated = ocpi.NewDateTime(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	reply, err := emsp.Do(t.Context(), http.MethodPut, emsp.Peer().Endpoint(ocpi.ModuleTokens)+"/NL/TPE/T1", &token)
	if err != nil || reply.HTTP != http.StatusCreated {
		t.Errorf("PUT of a token: HTTP %d, %v: %s", reply.HTTP, err, reply.Body)
	}
	if tokens := cpo.CPO.Tokens.From(ocpitest.PeerID); len(tokens) != 1 || tokens[0].UID != "T1" {
		t.Errorf("the CPO has the tokens %v", tokens)
	}
}

func TestPartnerRegistersWithABareServer(t *testing.T) {
	var partners ocpitest.Partners
	partners.Add("token-a", ocpi.Partner{ID: "tpe", Access: ocpi.AccessRegistration})
	credentials := &fixedRegistrar{own: ocpitest.Credentials{Name: "Bare", Parties: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: gpe}}}}
	var cpo ocpitest.CPO
	server := start(t, ocpiserver.Config{CPO: cpo.Backend(), Partners: &partners, Credentials: credentials})
	credentials.own.BaseURL = server.URL
	p := newPartner(t, ocpitest.PartnerConfig{})
	if err := p.Register(t.Context(), server.URL+"/cpo/versions", "token-a"); err != nil {
		t.Fatal(err)
	}
	if got := p.Peer().TheirToken; got != "token-c" {
		t.Errorf("their token is %q", got)
	}
	if got := credentials.theirs; got.URL != p.URL+"/versions" || got.Token != p.Peer().OurToken || got.Roles[0].PartyID != "TPE" {
		t.Errorf("the server was given %+v", got)
	}
}

// A fixedRegistrar answers with token C to whoever comes, and does not look at the other side.
type fixedRegistrar struct {
	own    ocpitest.Credentials
	theirs v230.Credentials
}

func (f *fixedRegistrar) Credentials(ctx context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	return f.own.Credentials(ctx, partner, role, token)
}

func (f *fixedRegistrar) Register(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	f.theirs = theirs
	return f.own.Credentials(ctx, from.Partner, from.Role, "token-c")
}

func (f *fixedRegistrar) Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return f.Register(ctx, from, theirs)
}

func (f *fixedRegistrar) Unregister(context.Context, ocpi.Caller) error { return nil }

func TestRotationGivesBothSidesNewTokens(t *testing.T) {
	cpo, emsp := registered(t)
	before := emsp.Peer()
	if err := emsp.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := emsp.Peer()
	if after.OurToken == before.OurToken || after.TheirToken == before.TheirToken {
		t.Errorf("a token has stayed (C-10, C-12): %+v", after)
	}
	checkPair(t, cpo, emsp)
	checkPair(t, emsp, cpo)
	locations := after.Endpoint(ocpi.ModuleLocations)
	for _, c := range []struct {
		name, token string
		want        int
	}{
		{"the old token works until the new one is used (C-19)", before.TheirToken, http.StatusOK},
		{"the new token works", after.TheirToken, http.StatusOK},
		{"the old token has ended", before.TheirToken, http.StatusUnauthorized},
	} {
		if got := status(t, "GET", locations, c.token); got != c.want {
			t.Errorf("%s: HTTP %d, want %d", c.name, got, c.want)
		}
	}
}

func TestAPartnerMayForgetTheOldTokenAtOnce(t *testing.T) {
	cpo := newPartner(t, ocpitest.PartnerConfig{Party: gpe, Roles: []ocpi.Role{ocpi.RoleCPO}, ForgetOldToken: true})
	emsp := newPartner(t, ocpitest.PartnerConfig{})
	url, tokenA := cpo.Invite()
	if err := emsp.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	before := emsp.Peer()
	if err := emsp.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := status(t, "GET", before.Endpoint(ocpi.ModuleLocations), before.TheirToken); got != http.StatusUnauthorized {
		t.Errorf("the old token is answered with %d", got)
	}
}

func TestUnregisteringEndsBothTokens(t *testing.T) {
	cpo, emsp := registered(t)
	toCPO, toEMSP := emsp.Peer(), cpo.Peer()
	if err := cpo.Unregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	if cpo.Registered() || emsp.Registered() {
		t.Error("somebody is still registered")
	}
	if got := status(t, "GET", toCPO.Endpoint(ocpi.ModuleLocations), toCPO.TheirToken); got != http.StatusUnauthorized {
		t.Errorf("the CPO answers %d to the old token (C-13)", got)
	}
	if got := status(t, "GET", toEMSP.Endpoint(ocpi.ModuleTokens), toEMSP.TheirToken); got != http.StatusUnauthorized {
		t.Errorf("the eMSP answers %d to the old token (C-13)", got)
	}
	for name, err := range map[string]error{"rotate": cpo.Rotate(t.Context()), "unregister": cpo.Unregister(t.Context())} {
		if err == nil {
			t.Errorf("%s has succeeded without a registration", name)
		}
	}
	if _, err := cpo.Get(t.Context(), cpo.URL); err == nil {
		t.Error("a call has been made without a registration")
	}
	url, tokenA := emsp.Invite()
	if err := cpo.Register(t.Context(), url, tokenA); err != nil {
		t.Errorf("they cannot register again: %v", err)
	}
}

// Every state of the relation with every call of the credentials endpoint (C-02 to C-08).
func TestCredentialsFollowTheState(t *testing.T) {
	body := func(p *ocpitest.Partner) string {
		raw, err := json.Marshal(v211.Credentials{Token: "b", URL: p.URL + "/versions", CountryCode: "NL", PartyID: "TPE", BusinessDetails: v211.BusinessDetails{Name: "T"}})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	cases := []struct {
		name, method, state string
		want                int
	}{
		{"GET with token A", "GET", "invited", 200},
		{"PUT before registration (C-06)", "PUT", "invited", 405},
		{"DELETE before registration (C-07)", "DELETE", "invited", 405},
		{"PATCH is never there (C-08)", "PATCH", "invited", 405},
		{"GET when registered (C-02)", "GET", "registered", 200},
		{"POST when registered (C-05)", "POST", "registered", 405},
		{"DELETE when registered", "DELETE", "registered", 200},
		{"GET with an unknown token", "GET", "unknown", 401},
		{"POST with an unknown token", "POST", "unknown", 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
			url, token := cpo.Invite()
			switch c.state {
			case "registered":
				if err := emsp.Register(t.Context(), url, token); err != nil {
					t.Fatal(err)
				}
				token = emsp.Peer().TheirToken
			case "unknown":
				token = "unknown"
			}
			reply, err := plain(t.Context(), c.method, cpo.URL+"/cpo/2.1.1/credentials", token, body(emsp))
			if err != nil || reply.HTTP != c.want {
				t.Errorf("HTTP %d, %v, want %d: %s", reply.HTTP, err, c.want, reply.Body)
			}
		})
	}
}

// What the other side does wrong when it is called back, and what it is told (C-14, C-15, C-17).
func TestRegistrationThatCannotBeCompletedIsRefused(t *testing.T) {
	cases := []struct {
		name string
		do   ocpitest.Action
		on   ocpi.ModuleID
		code ocpi.StatusCode
	}{
		{"versions fail", ocpitest.ServerError(500), ocpitest.CallVersions, 3001},
		{"versions refuse the token", ocpitest.Unauthorized(), ocpitest.CallVersions, 3001},
		{"versions cut the connection", ocpitest.CutConnection(), ocpitest.CallVersions, 3001},
		{"versions are a web page", ocpitest.NotJSON(), ocpitest.CallVersions, 3001},
		{"versions are an OCPI error", ocpitest.OCPIError(3000), ocpitest.CallVersions, 3001},
		{"details fail", ocpitest.ServerError(500), ocpitest.CallDetails, 3001},
		{"no version in common", ocpitest.OfferVersions("2.0", "2.2.1"), ocpitest.CallVersions, 3002},
		{"no credentials endpoint", ocpitest.WithoutEndpoints(ocpi.ModuleCredentials), ocpitest.CallDetails, 3003},
		{"an expected endpoint is missing", ocpitest.WithoutEndpoints(ocpi.ModuleTokens), ocpitest.CallDetails, 3003},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cpo := newPartner(t, ocpitest.PartnerConfig{Party: gpe, Roles: []ocpi.Role{ocpi.RoleCPO}, Expect: []ocpi.ModuleID{ocpi.ModuleTokens}})
			emsp := newPartner(t, ocpitest.PartnerConfig{})
			url, tokenA := cpo.Invite()
			fault := emsp.Mean(ocpitest.Fault{On: ocpitest.Calls("GET", c.on), Do: c.do})
			err := emsp.Register(t.Context(), url, tokenA)
			if !errors.Is(err, &ocpi.Error{Code: c.code}) {
				t.Errorf("got %v, want %d", err, c.code)
			}
			if fault.Hits() == 0 || cpo.Registered() || emsp.Registered() {
				t.Errorf("hits %d, registered: %t and %t", fault.Hits(), cpo.Registered(), emsp.Registered())
			}
			fault.Remove()
			if err := emsp.Register(t.Context(), url, tokenA); err != nil {
				t.Errorf("token A has not survived (C-17): %v", err)
			}
		})
	}
}

func TestTwoRegistrationsAtOnceAreOneAndARefusal(t *testing.T) {
	cpo := newCPO(t)
	first, second := newPartner(t, ocpitest.PartnerConfig{}), newPartner(t, ocpitest.PartnerConfig{Party: tub})
	url, tokenA := cpo.Invite()
	reached, goOn := make(chan struct{}), make(chan struct{})
	first.Mean(ocpitest.Fault{On: ocpitest.Calls("", ocpitest.CallVersions), Times: 1, Do: ocpitest.Delay(func(r *http.Request) {
		close(reached)
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
	})})
	done := make(chan error, 1)
	go func() { done <- first.Register(t.Context(), url, tokenA) }()
	select {
	case <-reached:
	case err := <-done:
		t.Fatalf("the first has ended before it was looked at: %v", err)
	}
	secondErr := second.Register(t.Context(), url, tokenA)
	close(goOn)
	firstErr := <-done // Register has a deadline
	if firstErr != nil || !errors.Is(secondErr, &ocpi.Error{HTTP: http.StatusConflict}) {
		t.Errorf("the first: %v, the second: %v", firstErr, secondErr)
	}
	checkPair(t, cpo, first)
	if second.Registered() {
		t.Error("both are registered")
	}
}

func TestClaimsAreMadeInBothDirections(t *testing.T) {
	lie := func(c *v230.Credentials) { c.Roles[0].PartyID, c.URL = "LIE", "http://10.0.0.1/ocpi/versions" }
	t.Run("in what it answers", func(t *testing.T) {
		cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
		cpo.Claim(lie)
		url, tokenA := cpo.Invite()
		if err := emsp.Register(t.Context(), url, tokenA); err != nil {
			t.Fatal(err)
		}
		if got := emsp.Peer().Credentials; got.URL != "http://10.0.0.1/ocpi/versions" || got.Roles[0].PartyID != "LIE" {
			t.Errorf("the credentials are %+v", got)
		}
	})
	t.Run("in what it sends", func(t *testing.T) {
		cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
		emsp.Claim(func(c *v230.Credentials) { c.Roles[0].PartyID = "LIE" })
		url, tokenA := cpo.Invite()
		if err := emsp.Register(t.Context(), url, tokenA); err != nil {
			t.Fatal(err)
		}
		if got := cpo.Peer().Credentials.Roles[0].PartyID; got != "LIE" {
			t.Errorf("the party is %s", got)
		}
		emsp.Claim(nil)
		if err := emsp.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := cpo.Peer().Credentials.Roles[0].PartyID; got != "TPE" {
			t.Errorf("the party is %s after the truth is back", got)
		}
	})
}

func TestBothEncodingsOfATokenAreUnderstood(t *testing.T) {
	for _, encoding := range []ocpi.TokenEncoding{ocpi.TokenPlain, ocpi.TokenBase64} {
		cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{Encoding: encoding})
		url, tokenA := cpo.Invite()
		if err := emsp.Register(t.Context(), url, tokenA); err != nil {
			t.Fatal(err)
		}
		requests := cpo.Requests(ocpitest.Calls("POST", ocpi.ModuleCredentials))
		if len(requests) != 1 || requests[0].Header.Get("Authorization") != ocpi.Authorization(tokenA, encoding) {
			t.Errorf("%s: %v", encoding, requests)
		}
	}
}

func TestAPartnerWithBothRolesHasAnAddressForEach(t *testing.T) {
	p := newPartner(t, ocpitest.PartnerConfig{Party: gpe, Roles: []ocpi.Role{ocpi.RoleEMSP, ocpi.RoleCPO}})
	cpo := newCPO(t)
	url, tokenA := p.Invite()
	if url != p.VersionsURL(ocpi.RoleEMSP) {
		t.Errorf("it invites to %s", url)
	}
	if err := cpo.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range cpo.Peer().Endpoints {
		if !strings.HasPrefix(endpoint.URL, p.URL+"/emsp/") {
			t.Errorf("%s is at %s", endpoint.Module, endpoint.URL)
		}
	}
	for _, path := range []string{"/cpo/2.1.1/locations", "/emsp/2.1.1/tokens"} {
		if got := status(t, "GET", p.URL+path, cpo.Peer().TheirToken); got != http.StatusOK {
			t.Errorf("%s: HTTP %d", path, got)
		}
	}
}

func TestRequestsAreWrittenDown(t *testing.T) {
	cpo, emsp := registered(t)
	var got []string
	for _, r := range cpo.Requests(nil) {
		got = append(got, r.Method+" "+string(r.Module))
	}
	want := []string{"GET versions", "GET details", "POST credentials"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	post := cpo.Requests(ocpitest.Calls("POST"))[0]
	if sent, _, err := v211.DecodeCredentials(post.Body); err != nil || sent.Token != emsp.Peer().OurToken {
		t.Errorf("the body was %s", post.Body)
	}
	cpo.Forget()
	if got := cpo.Requests(nil); len(got) != 0 {
		t.Errorf("after Forget: %v", got)
	}
	if _, err := emsp.Get(t.Context(), emsp.Peer().Endpoint(ocpi.ModuleLocations)+"?limit=2"); err != nil {
		t.Fatal(err)
	}
	if got := cpo.Requests(ocpitest.Paths("limit=2")); len(got) != 1 || got[0].Module != ocpi.ModuleLocations {
		t.Errorf("got %v", got)
	}
}

func TestATestCanWaitForRequests(t *testing.T) {
	cpo, emsp := registered(t)
	cpo.Forget()
	url := emsp.Peer().Endpoint(ocpi.ModuleTariffs)
	var group sync.WaitGroup
	group.Go(func() {
		for range 3 {
			if _, err := emsp.Get(t.Context(), url); err != nil {
				t.Error(err)
			}
		}
	})
	requests, err := cpo.Wait(t.Context(), 3, ocpitest.Calls("GET", ocpi.ModuleTariffs))
	group.Wait()
	if err != nil || len(requests) != 3 {
		t.Errorf("%d requests, %v", len(requests), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := cpo.Wait(ctx, 4, ocpitest.Calls("GET", ocpi.ModuleTariffs)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what does not come: %v", err)
	}
}

func TestAPartnerThatCannotBeIsAnError(t *testing.T) {
	for name, config := range map[string]ocpitest.PartnerConfig{
		"a version that is not served": {Versions: []ocpi.Version{"1.0"}},
		"a role that is none of ours":  {Roles: []ocpi.Role{ocpi.RoleHub}},
		"a flavour that there is not":  {Flavour: "vanilla"},
	} {
		if p, err := ocpitest.NewPartner(config); err == nil {
			_ = p.Close()
			t.Errorf("%s: it has started", name)
		}
	}
}

func TestAnEmptyPartnerHasNothing(t *testing.T) {
	p := newPartner(t, ocpitest.PartnerConfig{Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}, Empty: true})
	if n := len(p.CPO.Locations.All()) + len(p.EMSP.Tokens.All()); n > 0 {
		t.Errorf("it has %d objects", n)
	}
}

func TestRequestsKnowTheirModule(t *testing.T) {
	p := newPartner(t, ocpitest.PartnerConfig{})
	cases := map[string]ocpi.ModuleID{
		"/ocpi": "", "/": "", "/ocpi/versions": "versions", "/ocpi/emsp/versions": "versions", "/ocpi/2.1.1": "details",
		"/ocpi/cpo/2.1.1/details": "details", "/ocpi/emsp/2.1.1/tokens/": "tokens", "/ocpi/cpo/2.1.1/locations/L1/1": "locations",
	}
	for path, want := range cases {
		p.Forget()
		status(t, "GET", strings.TrimSuffix(p.URL, "/ocpi")+path, "")
		if got := p.Requests(nil); len(got) != 1 || got[0].Module != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestBodiesAreSentAsTheyAre(t *testing.T) {
	cpo, emsp := registered(t)
	url := emsp.Peer().Endpoint(ocpi.ModuleTokens) + "/NL/TPE/1"
	for name, body := range map[string]any{
		"bytes": []byte(`{"a": 1}`), "a JSON value": jsontext.Value(`{"a": 1}`), "a map": map[string]int{"a": 1},
	} {
		cpo.Forget()
		if _, err := emsp.Do(t.Context(), http.MethodPatch, url, body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := cpo.Requests(nil)
		if len(got) != 1 || strings.ReplaceAll(string(got[0].Body), " ", "") != `{"a":1}` || got[0].Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := emsp.Do(t.Context(), http.MethodPatch, url, func() {}); err == nil {
		t.Error("a function has been sent")
	}
	if _, err := emsp.Do(t.Context(), "BAD METHOD", url, nil); err == nil {
		t.Error("a method that is none has been sent")
	}
}

// A client that stops in the middle of its body is written down with what came of it, and holds nobody up.
func TestABodyThatBreaksOffIsWrittenDown(t *testing.T) {
	cpo, emsp := registered(t)
	cpo.Forget()
	body, send := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, emsp.Peer().Endpoint(ocpi.ModuleTokens)+"/NL/TPE/1", body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(send, `{"uid":`)
		_ = send.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if _, err := do(request); err == nil {
		t.Error("there is an answer")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := cpo.Wait(ctx, 1, nil)
	if err != nil || string(got[0].Body) != `{"uid":` {
		t.Errorf("%v, %v", got, err)
	}
}

func TestPushNeedsSomebodyWhoTakesIt(t *testing.T) {
	emsp := newPartner(t, ocpitest.PartnerConfig{})
	if _, err := ocpitest.Push(t.Context(), emsp, sample().Token(1)); err == nil {
		t.Error("pushed to nobody")
	}
	_, emsp = registered(t)
	cpo := newCPO(t)
	cpo.Mean(ocpitest.Fault{Do: ocpitest.WithoutEndpoints(ocpi.ModuleTokens)})
	url, tokenA := cpo.Invite()
	if err := emsp.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	if _, err := ocpitest.Push(t.Context(), emsp, sample().Token(1)); err == nil {
		t.Error("pushed to a module that is not there")
	}
}
