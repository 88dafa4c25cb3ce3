package handshake_test

import (
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
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type credentials = v230.Credentials

// Requirement DC-03: the first token is void afterwards.
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
