package handshake_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type credentials = v230.Credentials

func TestBothSidesCanCallAfterRegistration_C03_C04_C09(t *testing.T) {
	cpo, emsp, tokenA := pair(t)
	var mu sync.Mutex
	var steps []int
	count := func(s handshake.Step) {
		mu.Lock()
		defer mu.Unlock()
		if !s.Done {
			steps = append(steps, s.Number)
		}
	}
	emsp.onStep.Store(&count)
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 7, 8}, steps); diff != "" {
		t.Error(diff)
	}
	works(t, cpo, emsp)
	cpo.wantState(t, "emsp", handshake.Registered, "registered")
	emsp.wantState(t, "cpo", handshake.Registered, "registered")
	for name, p := range map[string]*platform{"emsp": cpo, "cpo": emsp} {
		r := p.relation(t, name)
		other := map[*platform]ocpi.PartyRole{cpo: {Role: ocpi.RoleEMSP, Party: emspParty}, emsp: {Role: ocpi.RoleCPO, Party: cpoParty}}[p]
		if !slices.Equal(r.Remote.Roles, []ocpi.PartyRole{other}) || r.Remote.Version != ocpi.V211 || len(r.Remote.Endpoints) != 7 || r.Remote.Business == "" {
			t.Errorf("the %s knows %+v", p.role, r.Remote)
		}
		if len(r.Inbound) != 1 || len(r.Outbound) != 1 || r.Outbound[0].Proven.IsZero() {
			t.Errorf("the %s has %d inbound and %d outbound tokens", p.role, len(r.Inbound), len(r.Outbound))
		}
	}
	if s, _ := request(t, http.MethodGet, cpo.versionsURL(), tokenA, ""); s.http != http.StatusUnauthorized {
		t.Errorf("token A after the registration: %+v (C-09)", s)
	}
	client, err := emsp.Client(t.Context(), "cpo")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Credentials(t.Context()); err != nil || got.Token != emsp.relation(t, "cpo").Outbound[0].Token {
		t.Errorf("GET credentials echoes what is used (C-02): %v", err)
	}
}

// Each pair of a state and a call has one answer, and the state after it.
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

// The registration we begin says at which step it failed and why, and leaves nothing (C-16, C-17).
func TestARegistrationOfOursThatFailsSaysWhere_C16(t *testing.T) {
	for _, test := range []struct {
		name  string
		cpo   func(cpo *platform)
		words string
		posts int
	}{
		{"wrong token", func(*platform) {}, "failed at step 1: GET http", 0},
		{"no JSON", func(cpo *platform) { answer(cpo, "/versions", 200, "hello") }, "answered 200 but", 0},
		{"a list is missing", func(cpo *platform) {
			answer(cpo, "/versions", 200, `{"status_code":1000,"data":{},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 1", 0},
		{"no version in common (V-08, V-09)", func(cpo *platform) {
			answer(cpo, "/versions", 200, `{"status_code":1000,"data":[{"version":"1.9","url":"http://127.0.0.1/x"},{"version":"3.0","url":"http://127.0.0.1/y"}],"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 2: no version in common: we speak [2.1.1], they offer [1.9 3.0]", 0},
		{"details not found", func(cpo *platform) {
			answer(cpo, "/details", 404, `{"status_code":2000,"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 3: GET http", 0},
		{"no credentials endpoint", func(cpo *platform) {
			answer(cpo, "/details", 200, `{"status_code":1000,"data":{"version":"2.1.1","endpoints":[{"identifier":"locations","url":"`+cpo.url+`/l"}]},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 4: these endpoints are missing from version 2.1.1: [credentials]", 0},
		{"they refuse our credentials", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":3001,"status_message":"cannot reach you","timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 6: POST http", 1},
		{"their token is none", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":1000,"data":{"token":"a b","url":"`+cpo.versionsURL()+`","business_details":{"name":"x"},"party_id":"GPE","country_code":"NL"},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 7: credentials: the token has a space", 1},
		{"their party is ours", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":1000,"data":{"token":"ab","url":"`+cpo.versionsURL()+`","business_details":{"name":"x"},"party_id":"TST","country_code":"BE"},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "failed at step 7: credentials: BE/TST is a party of this platform", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cpo, emsp, tokenA := pair(t)
			posts := 0
			test.cpo(cpo)
			if f := cpo.intercept.Load(); f != nil {
				cpo.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != http.MethodGet {
						posts++
					}
					return !(*f)(w, r)
				})
			}
			if test.name == "wrong token" {
				tokenA = "wrong"
			}
			err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA})
			if err == nil || strings.Contains(err.Error(), tokenA) {
				t.Errorf("the error is %v", err)
			}
			emsp.wantState(t, "cpo", handshake.Unregistered, test.words)
			if posts != test.posts {
				t.Errorf("%d requests other than GET, want %d", posts, test.posts)
			}
			if r := emsp.relation(t, "cpo"); len(r.Inbound) > 0 || len(r.Outbound) > 0 {
				t.Errorf("half a registration: %+v", r)
			}
		})
	}
}

func TestRotationLosesNobody_C10_C12_C19(t *testing.T) {
	cpo, emsp := registered(t)
	before := map[*platform]handshake.Relation{cpo: cpo.relation(t, "emsp"), emsp: emsp.relation(t, "cpo")}
	if err := emsp.Rotate(t.Context(), "cpo"); err != nil {
		t.Fatal(err)
	}
	works(t, cpo, emsp)
	for p, old := range before {
		name := old.Name
		now := p.relation(t, name)
		if now.Outbound[0].Token == old.Outbound[0].Token || len(now.Outbound) != 1 {
			t.Errorf("the %s still calls with the token it had", p.role)
		}
		if len(now.Inbound) != 1 || now.Inbound[0].Hash == old.Inbound[0].Hash {
			t.Errorf("the %s is still called with the token it was: %d inbound tokens", p.role, len(now.Inbound))
		}
	}
	if s, _ := request(t, http.MethodGet, cpo.versionsURL(), before[emsp].Outbound[0].Token, ""); s.http != http.StatusUnauthorized {
		t.Errorf("the token before, after the new one was used: %+v", s)
	}
}

// Until the partner has used its new token, the one before works, for as long as the grace period.
func TestTheTokenBeforeWorksUntilTheNewOneIsUsedOrGraceIsOver_C19(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp, _ := callable(t)
	old := post(t, cpo, emsp, invite(t, cpo))
	request(t, http.MethodGet, cpo.versionsURL(), old, "")
	fresh := put(t, cpo, emsp, old)
	for _, after := range []time.Duration{0, 23 * time.Hour} {
		cpo.clock.forward(after)
		if s, _ := request(t, http.MethodGet, cpo.versionsURL(), old, ""); s.http != http.StatusOK {
			t.Errorf("the token before, after %s: %+v", after, s)
		}
	}
	cpo.clock.forward(2 * time.Hour)
	if s, _ := request(t, http.MethodGet, cpo.versionsURL(), old, ""); s.http != http.StatusUnauthorized {
		t.Errorf("the token before, after the grace period: %+v", s)
	}
	if s, _ := request(t, http.MethodGet, cpo.versionsURL(), fresh, ""); s.http != http.StatusOK {
		t.Errorf("the new token: %+v", s)
	}
	if err := cpo.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := cpo.relation(t, "emsp"); len(r.Inbound) != 1 {
		t.Errorf("%d inbound tokens are kept", len(r.Inbound))
	}
}

// A rotation that fails at any step leaves tokens that work, in both directions.
func TestARotationThatFailsLeavesWhatWorks_C19(t *testing.T) {
	for _, test := range []struct {
		name  string
		cpo   func(cpo *platform)
		words string
	}{
		{"versions", func(cpo *platform) { answer(cpo, "/versions", 503, ``) }, "rotating failed at step 1"},
		{"details", func(cpo *platform) { answer(cpo, "/details", 200, `{}`) }, "rotating failed at step 3"},
		{"refused", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":2001,"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "rotating failed at step 6"},
		{"no answer, not carried out", func(cpo *platform) {
			cpo.intercepting(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					panic(http.ErrAbortHandler)
				}
				return false
			})
		}, "rotating failed at step 6"},
		{"no answer, carried out", func(cpo *platform) { cpo.losing(http.MethodPut, "credentials") }, "rotating failed at step 6"},
		{"their new token is not good", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":1000,"data":{"token":"not-good","url":"`+cpo.versionsURL()+`","business_details":{"name":"x"},"party_id":"GPE","country_code":"NL"},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "the token before still works"},
		{"their party is another", func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":1000,"data":{"token":"ab","url":"`+cpo.versionsURL()+`","business_details":{"name":"x"},"party_id":"XXX","country_code":"NL"},"timestamp":"2026-01-01T00:00:00Z"}`)
		}, "the party was NL/GPE as CPO so far"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cpo, emsp := registered(t)
			test.cpo(cpo)
			if err := emsp.Rotate(t.Context(), "cpo"); err == nil {
				t.Fatal("the rotation succeeded")
			}
			emsp.wantState(t, "cpo", handshake.Registered, test.words)
			cpo.intercept.Store(nil)
			cpo.wrap.Store(nil)
			works(t, cpo, emsp)
			// and it can be repeated
			if err := emsp.Retry(t.Context(), "cpo"); err != nil {
				t.Fatal(err)
			}
			works(t, cpo, emsp)
			emsp.wantState(t, "cpo", handshake.Registered, "registered")
		})
	}
}

// The answer to a POST is lost: the same POST again completes the registration instead of locking the partner out.
func TestALostAnswerIsRepeatedByItself_C18(t *testing.T) {
	cpo, emsp, tokenA := pair(t)
	cpo.losing(http.MethodPost, "credentials")
	err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA})
	if err == nil {
		t.Fatal("the answer was not lost")
	}
	cpo.wantState(t, "emsp", handshake.Registered, "registered")
	emsp.wantState(t, "cpo", handshake.Unregistered, "it will be tried again at")
	if err := emsp.Recover(t.Context()); err != nil { // not yet
		t.Fatal(err)
	}
	emsp.wantState(t, "cpo", handshake.Unregistered, "failed at step 6")
	emsp.clock.forward(10 * time.Second)
	if err := emsp.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	emsp.wantState(t, "cpo", handshake.Registered, "registered")
	works(t, cpo, emsp)
	if r := cpo.relation(t, "emsp"); len(r.Inbound) != 1 {
		t.Errorf("%d inbound tokens are left", len(r.Inbound))
	}
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

func TestManyRegistrationsOfOursAtOnceMakeOne(t *testing.T) {
	cpo, emsp, tokenA := pair(t)
	var mu sync.Mutex
	outcomes := map[bool]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA})
			mu.Lock()
			defer mu.Unlock()
			outcomes[err == nil]++
			if err != nil && !errors.Is(err, handshake.ErrBusy) && !strings.Contains(err.Error(), "unregister it first") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if outcomes[true] != 1 {
		t.Errorf("outcomes %v", outcomes)
	}
	works(t, cpo, emsp)
}

// A crash at any step of either side is followed by a Recover that brings the exchange to its end, or to its beginning,
// from where it can be made again.
func TestACrashAtAnyStepIsRecoveredFrom(t *testing.T) {
	for _, kind := range []handshake.Kind{handshake.Registering, handshake.Rotating} {
		for _, crashed := range []struct {
			role  ocpi.Role
			steps int
		}{{ocpi.RoleEMSP, 8}, {ocpi.RoleCPO, 6}} {
			for step := 1; step <= crashed.steps; step++ {
				t.Run(fmt.Sprintf("%s, the %s at step %d", kind, crashed.role, step), func(t *testing.T) {
					t.Parallel()
					crash(t, kind, crashed.role, step)
				})
			}
		}
	}
}

func crash(t *testing.T, kind handshake.Kind, role ocpi.Role, step int) {
	cpo, emsp, tokenA := pair(t)
	exchange := func(ctx context.Context) error {
		if kind == handshake.Rotating {
			return emsp.Rotate(ctx, "cpo")
		}
		return emsp.Register(ctx, "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA})
	}
	if kind == handshake.Rotating {
		if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
			t.Fatal(err)
		}
	}
	dying := map[ocpi.Role]*platform{ocpi.RoleEMSP: emsp, ocpi.RoleCPO: cpo}[role]
	dead := make(chan struct{})
	end := make(chan struct{})
	defer close(end)
	die := func(s handshake.Step) {
		if s.Number == step && !s.Done {
			close(dead)
			<-end // whoever worked on it never comes back, as after a crash
		}
	}
	dying.onStep.Store(&die)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- exchange(ctx) }()
	select {
	case <-dead:
	case err := <-finished:
		t.Fatalf("it never came to step %d: %v", step, err)
	}
	dying.onStep.Store(nil)
	dying.restart(t)
	if role == ocpi.RoleCPO { // the connection is cut
		cancel()
		<-finished
	}
	dying.clock.forward(time.Minute)
	emsp.clock.forward(time.Minute)
	for _, p := range []*platform{cpo, emsp, emsp} {
		if err := p.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if r := emsp.relation(t, "cpo"); r.State != handshake.Registered || r.Attempt != nil {
		t.Logf("after Recover: %s", r.Words())
		if err := exchange(t.Context()); err != nil {
			t.Fatalf("%s: %v", r.Words(), err)
		}
	}
	works(t, cpo, emsp)
	for name, p := range map[string]*platform{"emsp": cpo, "cpo": emsp} {
		if r := p.relation(t, name); r.State != handshake.Registered || r.Attempt != nil || len(r.Inbound) != 1 || len(r.Outbound) != 1 {
			t.Errorf("the %s is left with %s, %d inbound and %d outbound tokens", p.role, r.Words(), len(r.Inbound), len(r.Outbound))
		}
	}
}

// Partners that want tokens in Base64 are found out, and remembered (TF-06).
func TestTheFormOfTheTokenIsFoundOut_TF06(t *testing.T) {
	cpo, emsp, tokenA := pair(t)
	plain := 0
	cpo.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
		const base64 = len("Token ") + 88 // of 64 characters
		if len(r.Header.Get("Authorization")) == base64 {
			return false
		}
		plain++
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	if r := emsp.relation(t, "cpo"); r.Encoding != ocpi.TokenBase64 || plain != 1 {
		t.Errorf("the form remembered is %q, after %d plain tokens", r.Encoding, plain)
	}
	if err := emsp.Rotate(t.Context(), "cpo"); err != nil || plain != 1 {
		t.Errorf("rotating: %v, after %d plain tokens", err, plain)
	}
}

func TestUnregisterEndsBothSides_C13(t *testing.T) {
	cpo, emsp := registered(t)
	ours, theirs := emsp.relation(t, "cpo").Outbound[0].Token, cpo.relation(t, "emsp").Outbound[0].Token
	if err := emsp.Unregister(t.Context(), "cpo", false); err != nil {
		t.Fatal(err)
	}
	cpo.wantState(t, "emsp", handshake.Removed, "removed")
	emsp.wantState(t, "cpo", handshake.Removed, "removed")
	for url, token := range map[string]string{cpo.versionsURL(): ours, emsp.versionsURL(): theirs} {
		if s, _ := request(t, http.MethodGet, url, token, ""); s.http != http.StatusUnauthorized {
			t.Errorf("%s after the end: %+v", url, s)
		}
	}
	// and they can register anew, with a new token A
	tokenA := invite(t, cpo)
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	works(t, cpo, emsp)
}

func TestUnregisterOfAPartnerThatIsAwayNeedsForce(t *testing.T) {
	cpo, emsp := registered(t)
	answer(cpo, "", 503, "")
	if err := emsp.Unregister(t.Context(), "cpo", false); err == nil {
		t.Fatal("it succeeded")
	}
	emsp.wantState(t, "cpo", handshake.Registered, "unregistering failed at step 1")
	if err := emsp.Unregister(t.Context(), "cpo", true); err != nil {
		t.Fatal(err)
	}
	emsp.wantState(t, "cpo", handshake.Removed, "removed")
}

func TestUpdateReadsVersionsAndEndpointsAgain_C11(t *testing.T) {
	cpo, emsp := registered(t)
	before := emsp.relation(t, "cpo")
	answer(cpo, "/details", 200, `{"status_code":1000,"data":{"version":"2.1.1","endpoints":[
		{"identifier":"credentials","url":"`+cpo.credentialsURL()+`"},{"identifier":"tokens","url":"`+cpo.url+`/elsewhere"}]},"timestamp":"2026-01-01T00:00:00Z"}`)
	if err := emsp.Update(t.Context(), "cpo"); err != nil {
		t.Fatal(err)
	}
	after := emsp.relation(t, "cpo")
	want := []ocpi.Endpoint{{Module: ocpi.ModuleCredentials, URL: cpo.credentialsURL()}, {Module: ocpi.ModuleTokens, URL: cpo.url + "/elsewhere"}}
	if diff := cmp.Diff(want, after.Remote.Endpoints); diff != "" {
		t.Error(diff)
	}
	if after.Outbound[0].Token != before.Outbound[0].Token || !after.Remote.Read.After(before.Remote.Read) {
		t.Error("the tokens changed, or the time did not")
	}
}

func TestVersionsAndEndpointsAreReadAgainNowAndThen(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, func(h *handshake.Config, _ *ocpiserver.Config) { h.UpdateEvery = 24 * time.Hour })
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: invite(t, cpo)}); err != nil {
		t.Fatal(err)
	}
	calls := 0
	cpo.intercepting(func(http.ResponseWriter, *http.Request) bool { calls++; return false })
	for _, step := range []struct {
		after time.Duration
		calls int
	}{{23 * time.Hour, 0}, {2 * time.Hour, 2}, {time.Hour, 2}, {24 * time.Hour, 4}} {
		emsp.clock.forward(step.after)
		if err := emsp.Recover(t.Context()); err != nil || calls != step.calls {
			t.Errorf("after %s more: %d calls, want %d; %v", step.after, calls, step.calls, err)
		}
	}
	down := 0
	cpo.intercepting(func(w http.ResponseWriter, _ *http.Request) bool {
		down++
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	emsp.clock.forward(25 * time.Hour)
	for range 3 { // not with every look
		if err := emsp.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	emsp.clock.forward(time.Hour)
	if err := emsp.Recover(t.Context()); err != nil || down != 2 {
		t.Errorf("%d calls of a partner that is away; %v", down, err)
	}
	emsp.wantState(t, "cpo", handshake.Registered, "updating failed at step 1")
}

func TestTheHighestVersionOfBothIsChosen_V09(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoken []ocpi.Version
		pin    ocpi.Version
		offers string
		want   string
	}{
		{"the highest", []ocpi.Version{ocpi.V211, ocpi.V230}, "", "2.1.1 2.10 2.3.0 2.2.1 3.0", "2.3.0"},
		{"the only one in common", []ocpi.Version{ocpi.V211}, "", "2.3.0 2.1.1", "2.1.1"},
		{"the one that is pinned", []ocpi.Version{ocpi.V211, ocpi.V230}, ocpi.V211, "2.3.0 2.1.1", "2.1.1"},
		{"none but the one that is pinned", []ocpi.Version{ocpi.V211, ocpi.V230}, ocpi.V230, "2.1.1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
			emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, func(h *handshake.Config, _ *ocpiserver.Config) { h.Versions = test.spoken })
			var list []string
			for v := range strings.FieldsSeq(test.offers) {
				list = append(list, fmt.Sprintf(`{"version":%q,"url":"%s/details-of-%s"}`, v, cpo.url, v))
			}
			asked := ""
			cpo.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
				if _, v, found := strings.Cut(r.URL.Path, "/details-of-"); found {
					asked = v
					return false
				}
				_, _ = fmt.Fprintf(w, `{"status_code":1000,"data":[%s],"timestamp":"2026-01-01T00:00:00Z"}`, strings.Join(list, ","))
				return true
			})
			err := emsp.Register(t.Context(), "cpo", handshake.Invitation{
				VersionsURL: cpo.versionsURL(), Token: "token", Terms: handshake.Terms{Pin: test.pin},
			})
			if err == nil || asked != test.want {
				t.Errorf("asked for the details of %q, want %q; %v", asked, test.want, err)
			}
		})
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
