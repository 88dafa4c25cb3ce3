package handshake_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// Each pair of a state and a call has one answer, and the state after it (requirement DC-05).
func TestEveryCallInEveryState_C02_C05_C06_C07_C08(t *testing.T) {
	const (
		ok, unauthorized, notAllowed = 200, 401, 405
	)
	type want struct {
		http  int
		state handshake.State
	}
	states := []struct {
		name string
		// prepare brings the CPO's relation "emsp" into the state, and returns the token to call with.
		prepare func(t *testing.T, cpo, emsp *platform) string
		want    map[string]want
	}{
		{"invited, with token A", func(t *testing.T, cpo, _ *platform) string { return invite(t, cpo) }, map[string]want{
			"GET": {ok, handshake.Invited}, "POST": {ok, handshake.Registered}, "PUT": {notAllowed, handshake.Invited},
			"PATCH": {notAllowed, handshake.Invited}, "DELETE": {notAllowed, handshake.Invited},
		}},
		{"registered, the answer was lost, with token A (C-18)", func(t *testing.T, cpo, emsp *platform) string {
			token := invite(t, cpo)
			post(t, cpo, emsp, token)
			return token
		}, map[string]want{
			"GET": {ok, handshake.Registered}, "POST": {ok, handshake.Registered}, "PUT": {notAllowed, handshake.Registered},
			"PATCH": {notAllowed, handshake.Registered}, "DELETE": {notAllowed, handshake.Registered},
		}},
		{"registered, token A is over (C-09)", func(t *testing.T, cpo, emsp *platform) string {
			token := invite(t, cpo)
			post(t, cpo, emsp, token)
			cpo.clock.forward(16 * time.Minute)
			return token
		}, map[string]want{
			"GET": {unauthorized, handshake.Registered}, "POST": {unauthorized, handshake.Registered}, "PUT": {unauthorized, handshake.Registered},
			"PATCH": {unauthorized, handshake.Registered}, "DELETE": {unauthorized, handshake.Registered},
		}},
		{"registered, with token C", func(t *testing.T, cpo, emsp *platform) string {
			return post(t, cpo, emsp, invite(t, cpo))
		}, map[string]want{
			"GET": {ok, handshake.Registered}, "POST": {notAllowed, handshake.Registered}, "PUT": {ok, handshake.Registered},
			"PATCH": {notAllowed, handshake.Registered}, "DELETE": {ok, handshake.Removed},
		}},
		{"rotated, with the token before (C-19)", func(t *testing.T, cpo, emsp *platform) string {
			token := post(t, cpo, emsp, invite(t, cpo))
			put(t, cpo, emsp, token)
			return token
		}, map[string]want{
			"GET": {ok, handshake.Registered}, "POST": {notAllowed, handshake.Registered}, "PUT": {ok, handshake.Registered},
			"PATCH": {notAllowed, handshake.Registered}, "DELETE": {ok, handshake.Removed},
		}},
		{"rotated, the new token was used, with the token before", func(t *testing.T, cpo, emsp *platform) string {
			token := post(t, cpo, emsp, invite(t, cpo))
			request(t, http.MethodGet, cpo.credentialsURL(), put(t, cpo, emsp, token), "")
			return token
		}, map[string]want{
			"GET": {unauthorized, handshake.Registered}, "POST": {unauthorized, handshake.Registered}, "PUT": {unauthorized, handshake.Registered},
			"PATCH": {unauthorized, handshake.Registered}, "DELETE": {unauthorized, handshake.Registered},
		}},
		{"suspended", func(t *testing.T, cpo, emsp *platform) string {
			token := post(t, cpo, emsp, invite(t, cpo))
			if err := cpo.Suspend(t.Context(), "emsp", true); err != nil {
				t.Fatal(err)
			}
			return token
		}, map[string]want{
			"GET": {ok, handshake.Registered}, "POST": {notAllowed, handshake.Registered}, "PUT": {ok, handshake.Registered},
			"PATCH": {notAllowed, handshake.Registered}, "DELETE": {ok, handshake.Removed},
		}},
		{"removed", func(t *testing.T, cpo, emsp *platform) string {
			token := post(t, cpo, emsp, invite(t, cpo))
			if err := cpo.Unregister(t.Context(), "emsp", true); err != nil {
				t.Fatal(err)
			}
			return token
		}, map[string]want{
			"GET": {unauthorized, handshake.Removed}, "POST": {unauthorized, handshake.Removed}, "PUT": {unauthorized, handshake.Removed},
			"PATCH": {unauthorized, handshake.Removed}, "DELETE": {unauthorized, handshake.Removed},
		}},
		{"added by hand", func(t *testing.T, cpo, _ *platform) string {
			token := handshake.NewToken()
			err := cpo.store.AddRelation(t.Context(), handshake.Relation{
				Name: "emsp", State: handshake.ByHand, Remote: handshake.Remote{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: emspParty}}},
				Inbound: []handshake.InboundToken{{Hash: handshake.HashToken(token), Status: handshake.TokenCurrent}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}, map[string]want{
			"GET": {ok, handshake.ByHand}, "POST": {notAllowed, handshake.ByHand}, "PUT": {ok, handshake.Registered},
			"PATCH": {notAllowed, handshake.ByHand}, "DELETE": {ok, handshake.Removed},
		}},
		{"invited, with a token nobody knows", func(t *testing.T, cpo, _ *platform) string { invite(t, cpo); return "nobody" }, map[string]want{
			"GET": {unauthorized, handshake.Invited}, "POST": {unauthorized, handshake.Invited}, "PUT": {unauthorized, handshake.Invited},
			"PATCH": {unauthorized, handshake.Invited}, "DELETE": {unauthorized, handshake.Invited},
		}},
	}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			for method, want := range state.want {
				t.Run(method, func(t *testing.T) {
					t.Parallel()
					cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
					emsp, body := callable(t)
					token := state.prepare(t, cpo, emsp)
					if method == http.MethodGet || method == http.MethodDelete {
						body = ""
					}
					got, answer := request(t, method, cpo.credentialsURL(), token, body)
					if got.http != want.http || (got.ocpi == ocpi.StatusSuccess) != (want.http == ok) {
						t.Errorf("got %+v, want HTTP %d: %s", got, want.http, answer)
					}
					if r := cpo.relation(t, "emsp"); r.State != want.state || r.Attempt != nil {
						t.Errorf("afterwards %s, want %s", r.Words(), want.state)
					}
					if method == http.MethodDelete && want.http == ok {
						if got, _ := request(t, http.MethodGet, cpo.versionsURL(), token, ""); got.http != unauthorized {
							t.Errorf("the token after DELETE: %+v (C-13)", got)
						}
					}
				})
			}
		})
	}
}

func invite(t *testing.T, p *platform) string {
	t.Helper()
	token, err := p.Invite(t.Context(), "emsp", handshake.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// callable is an eMSP that can be called back with the token "their-token", and the credentials it sends.
func callable(t testing.TB) (*platform, string) {
	t.Helper()
	emsp := newPlatform(t, ocpi.RoleEMSP, emspParty)
	err := emsp.store.AddRelation(t.Context(), handshake.Relation{
		Name: "cpo", State: handshake.ByHand, Remote: handshake.Remote{Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: cpoParty}}},
		Inbound: []handshake.InboundToken{{Hash: handshake.HashToken("their-token"), Status: handshake.TokenCurrent, Used: time.Now()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return emsp, theirs(emsp, "their-token", emspParty)
}

func theirs(emsp *platform, token string, party ocpi.Party) string {
	return fmt.Sprintf(`{"token":%q,"url":%q,"business_details":{"name":"Test"},"party_id":%q,"country_code":%q}`,
		token, emsp.versionsURL(), party.PartyID, party.CountryCode)
}

// post registers by hand and returns the token C.
func post(t *testing.T, cpo, emsp *platform, tokenA string) string {
	t.Helper()
	return exchanged(t, http.MethodPost, cpo, emsp, tokenA)
}

func put(t *testing.T, cpo, emsp *platform, token string) string {
	t.Helper()
	return exchanged(t, http.MethodPut, cpo, emsp, token)
}

func exchanged(t *testing.T, method string, cpo, emsp *platform, token string) string {
	t.Helper()
	s, raw := request(t, method, cpo.credentialsURL(), token, theirs(emsp, "their-token", emspParty))
	_, after, found := strings.Cut(raw, `"token":"`)
	if s.ocpi != ocpi.StatusSuccess || !found {
		t.Fatalf("%s: %+v %s", method, s, raw)
	}
	given, _, _ := strings.Cut(after, `"`)
	if given == token || len(given) != 64 {
		t.Fatalf("%s: the token is %q, and must be new (C-04, C-10)", method, given)
	}
	return given
}

// A registration that fails leaves the token A good, and nothing else (C-17).
func TestARegistrationThatFailsLeavesNothing_C14_C15_C17(t *testing.T) {
	for _, test := range []struct {
		name string
		// change breaks the eMSP or what it sends.
		change func(emsp *platform, body string) string
		want   status
		words  string
	}{
		{"their URL is not reachable", func(_ *platform, body string) string {
			return replace(body, `"url":"http://127.0.0.1`, `"url":"http://127.0.0.1:1/x`)
		}, status{200, 3001}, "failed at step 2"},
		{"their versions are no JSON", func(emsp *platform, body string) string {
			answer(emsp, "/versions", 200, "<html>")
			return body
		}, status{200, 3001}, "answered 200 but"},
		{"their versions answer an OCPI error", func(emsp *platform, body string) string {
			answer(emsp, "/versions", 200, `{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}`)
			return body
		}, status{200, 3001}, "failed at step 2"},
		{"they do not know the token they sent", func(_ *platform, body string) string { return replace(body, "their-token", "another") }, status{200, 3001}, "401"},
		{"they do not offer the version of the endpoint", func(emsp *platform, body string) string {
			answer(emsp, "/versions", 200, `{"status_code":1000,"data":[{"version":"2.2.1","url":"`+emsp.url+`/2.2.1"}],"timestamp":"2026-01-01T00:00:00Z"}`)
			return body
		}, status{200, 3002}, "failed at step 3"},
		{"their details are broken", func(emsp *platform, body string) string {
			answer(emsp, "/details", 500, ``)
			return body
		}, status{200, 3001}, "failed at step 4"},
		{"they have no endpoints", func(emsp *platform, body string) string {
			answer(emsp, "/details", 200, `{"status_code":1000,"data":{"version":"2.1.1","endpoints":[]},"timestamp":"2026-01-01T00:00:00Z"}`)
			return body
		}, status{200, 3003}, "credentials"},
		{"they have no credentials endpoint (V-04)", func(emsp *platform, body string) string {
			answer(emsp, "/details", 200, `{"status_code":1000,"data":{"version":"2.1.1","endpoints":[{"identifier":"locations","url":"`+emsp.url+`/l"}]},"timestamp":"2026-01-01T00:00:00Z"}`)
			return body
		}, status{200, 3003}, "credentials"},
		{"they have nothing but credentials", func(emsp *platform, body string) string {
			answer(emsp, "/details", 200, `{"status_code":1000,"data":{"version":"2.1.1","endpoints":[{"identifier":"credentials","url":"`+emsp.url+`/c"}]},"timestamp":"2026-01-01T00:00:00Z"}`)
			return body
		}, status{200, 3003}, "nothing to exchange"},
		{"their party is ours", func(_ *platform, body string) string {
			return replace(body, `"party_id":"TST","country_code":"BE"`, `"party_id":"GPE","country_code":"NL"`)
		}, status{200, 2001}, "failed at step 1: credentials: NL/GPE is a party of this platform"},
		{"their party is another partner's (C-20)", func(_ *platform, body string) string {
			return replace(body, `"party_id":"TST","country_code":"BE"`, `"party_id":"oth","country_code":"fr"`)
		}, status{200, 2001}, "FR/OTH as EMSP is taken"},
		{"their party is none", func(_ *platform, body string) string { return replace(body, `"TST"`, `"/.."`) }, status{200, 2001}, "is not a party"},
		{"their token has a space", func(_ *platform, body string) string { return replace(body, "their-token", "their token") }, status{200, 2001}, "space"},
		{"their URL is no URL", func(emsp *platform, body string) string {
			return replace(body, emsp.versionsURL(), "ftp://x.example.com/")
		}, status{200, 3001}, "failed at step 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
			err := cpo.store.AddRelation(t.Context(), handshake.Relation{Name: "other", State: handshake.Registered, Remote: handshake.Remote{
				Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("FR", "OTH")}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			tokenA := invite(t, cpo)
			emsp, good := callable(t)
			got, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, test.change(emsp, good))
			if got != test.want {
				t.Errorf("got %+v, want %+v: %s", got, test.want, raw)
			}
			if strings.Contains(raw, "their-token") || strings.Contains(raw, tokenA) {
				t.Errorf("a token is in the answer: %s", raw)
			}
			cpo.wantState(t, "emsp", handshake.Invited, test.words)
			if r := cpo.relation(t, "emsp"); len(r.Outbound) > 0 || len(r.Inbound) != 1 || len(r.Remote.Roles) > 0 {
				t.Errorf("half a registration: %+v", r)
			}
			emsp.intercept.Store(nil)
			if got, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, good); got != (status{200, 1000}) {
				t.Errorf("the second POST: %+v %s", got, raw)
			}
		})
	}
}

func replace(s, old, by string) string { return strings.ReplaceAll(s, old, by) }

// answer makes a platform answer requests whose path ends so.
func answer(p *platform, suffix string, code int, body string) {
	p.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
		return true
	})
}

// Two registrations of one partner at once: one wins, the other is told.
func TestOfTwoRegistrationsAtOnceOneWins(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp, body := callable(t)
	tokenA := invite(t, cpo)
	release := make(chan struct{})
	var reached sync.Once
	inside := make(chan struct{})
	emsp.intercepting(func(http.ResponseWriter, *http.Request) bool {
		reached.Do(func() { close(inside) })
		<-release
		return false
	})
	first := make(chan status, 1)
	go func() {
		s, _, _, _ := try(context.WithoutCancel(t.Context()), http.MethodPost, cpo.credentialsURL(), tokenA, body)
		first <- s
	}()
	<-inside
	got, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body)
	if got != (status{http.StatusConflict, 2000}) || !strings.Contains(raw, "under way") {
		t.Errorf("the second: %+v %s", got, raw)
	}
	close(release)
	if got := <-first; got != (status{200, 1000}) {
		t.Errorf("the first: %+v", got)
	}
	if err := cpo.Unregister(t.Context(), "emsp", true); err != nil {
		t.Fatal(err)
	}
}

func TestASuspendedPartnerGetsNoData(t *testing.T) {
	cpo, emsp := registered(t)
	token := emsp.relation(t, "cpo").Outbound[0].Token
	if err := cpo.Suspend(t.Context(), "emsp", true); err != nil {
		t.Fatal(err)
	}
	if s, _ := request(t, http.MethodGet, cpo.url+"/cpo/2.1.1/locations", token, ""); s.http != http.StatusForbidden {
		t.Errorf("suspended: %+v", s)
	}
	if _, err := cpo.Client(t.Context(), "emsp"); err == nil {
		t.Error("we call a suspended partner")
	}
	if err := cpo.Suspend(t.Context(), "emsp", false); err != nil {
		t.Fatal(err)
	}
	works(t, cpo, emsp)
}

func TestPrivateAddressesAreRefusedUnlessAllowed(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, func(h *handshake.Config, _ *ocpiserver.Config) {
		h.Transport = ocpiclient.NewTransport(ocpiclient.TransportConfig{})
	})
	called := false
	emsp, body := callable(t)
	emsp.intercepting(func(http.ResponseWriter, *http.Request) bool { called = true; return false })
	tokenA := invite(t, cpo)
	for _, url := range []string{emsp.versionsURL(), strings.Replace(emsp.versionsURL(), "http:", "https:", 1), "https://localhost/versions", "https://10.0.0.1/versions", "https://[::1]/versions"} {
		got, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, replace(body, emsp.versionsURL(), url))
		if got != (status{200, 3001}) || called {
			t.Errorf("%s: %+v %s (called: %v)", url, got, raw, called)
		}
		cpo.wantState(t, "emsp", handshake.Invited, "failed at step")
	}
	if err := cpo.Register(t.Context(), "other", handshake.Invitation{VersionsURL: emsp.versionsURL(), Token: "token"}); err == nil || called {
		t.Errorf("we called a private address: %v", err)
	}
}

func TestTermsAreHeld(t *testing.T) {
	emsp, body := callable(t)
	for name, test := range map[string]struct {
		terms handshake.Terms
		want  status
	}{
		"the party agreed on":       {handshake.Terms{Party: emspParty}, status{200, 1000}},
		"another party":             {handshake.Terms{Party: ocpi.NewParty("FR", "OTH")}, status{200, 2001}},
		"another role":              {handshake.Terms{Role: ocpi.RoleCPO}, status{200, 2001}},
		"a module they offer":       {handshake.Terms{Modules: []ocpi.ModuleID{ocpi.ModuleTokens}}, status{200, 1000}},
		"a module they do not have": {handshake.Terms{Modules: []ocpi.ModuleID{ocpi.ModuleChargingProfiles}}, status{200, 3003}},
	} {
		t.Run(name, func(t *testing.T) {
			cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
			tokenA, err := cpo.Invite(t.Context(), "emsp", test.terms)
			if err != nil {
				t.Fatal(err)
			}
			if got, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body); got != test.want {
				t.Errorf("got %+v: %s", got, raw)
			}
			_ = emsp
		})
	}
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	for name, terms := range map[string]handshake.Terms{
		"no role of OCPI here": {Role: ocpi.RoleHub}, "not our party": {Serves: []ocpi.Party{emspParty}},
		"a version nobody speaks": {Pin: "2.0"}, "quirks nobody knows": {Quirks: "unheard-of"},
	} {
		if _, err := cpo.Invite(t.Context(), "x", terms); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
