package handshake_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// Requirement DC-04: a token can be renewed at any time.
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
