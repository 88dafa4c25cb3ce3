package handshake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// Whatever happens to rotations, in whatever order, both sides can call each other at every moment in between, and in the
// end nothing is left to do (C-19).
func TestNobodyIsLockedOutByAnySequence(t *testing.T) {
	sequences := 40
	if testing.Short() {
		sequences = 8
	}
	for seed := range sequences {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newMess(t, uint64(seed)).run(t, 12)
		})
	}
}

// A mess is a registered pair to which things happen by chance.
type mess struct {
	cpo, emsp *platform
	random    *rand.Rand
	happened  []string
}

func newMess(t *testing.T, seed uint64) *mess {
	t.Helper()
	m := &mess{random: rand.New(rand.NewPCG(seed, 1))}
	m.cpo, m.emsp = registered(t)
	return m
}

func (m *mess) run(t *testing.T, events int) {
	t.Helper()
	for range events {
		m.happen(t)
		m.calm()
		works(t, m.cpo, m.emsp)
		if t.Failed() {
			t.Fatalf("after: %s; the CPO says %q, the eMSP %q", strings.Join(m.happened, ", "), words(t, m.cpo, "emsp"), words(t, m.emsp, "cpo"))
		}
	}
	m.pass(t, 26*time.Hour)
	works(t, m.cpo, m.emsp)
	for name, p := range map[string]*platform{"emsp": m.cpo, "cpo": m.emsp} {
		if r := p.relation(t, name); r.Offer != nil || len(r.Outbound) != 1 {
			t.Errorf("after: %s; the %s is left with %s", strings.Join(m.happened, ", "), p.role, r.Words())
		}
	}
}

// sides returns the two sides by chance, with the name that the first has for the second.
func (m *mess) sides() (one, other *platform, name string) {
	if m.random.IntN(2) == 0 {
		return m.cpo, m.emsp, "emsp"
	}
	return m.emsp, m.cpo, "cpo"
}

func (m *mess) happen(t *testing.T) {
	t.Helper()
	one, other, name := m.sides()
	say := func(format string, args ...any) {
		m.happened = append(m.happened, fmt.Sprintf("the %s ", one.role)+fmt.Sprintf(format, args...))
	}
	switch event := m.random.IntN(9); event {
	case 0:
		say("rotates: %v", one.Rotate(t.Context(), name))
	case 1:
		other.losing(http.MethodPut, "credentials")
		say("rotates and the answer is lost: %v", one.Rotate(t.Context(), name))
	case 2:
		cutting(other, http.MethodPut)
		say("rotates and the request is lost: %v", one.Rotate(t.Context(), name))
	case 3:
		step := 1 + m.random.IntN(6)
		dying(other, ocpi.Inbound, step)
		say("rotates and the other dies at step %d: %v", step, one.Rotate(t.Context(), name))
		other.onStep.Store(nil)
		other.restart(t)
	case 4:
		step := 1 + m.random.IntN(8)
		dying(one, ocpi.Outbound, step)
		say("rotates and dies at step %d", step)
		func() {
			defer func() { _ = recover() }()
			_ = one.Rotate(t.Context(), name)
		}()
		one.onStep.Store(nil)
		one.restart(t)
	case 5:
		say("updates: %v", one.Update(t.Context(), name))
	case 6:
		say("retries: %v", one.Retry(t.Context(), name))
	case 7:
		say("rolls back: %v", one.Rollback(t.Context(), name, false))
	case 8:
		d := []time.Duration{10 * time.Second, 2 * time.Minute, time.Hour, 25 * time.Hour}[m.random.IntN(4)]
		say("waits %s", d)
		m.pass(t, d)
	}
}

// calm takes away what disturbs.
func (m *mess) calm() {
	for _, p := range []*platform{m.cpo, m.emsp} {
		p.intercept.Store(nil)
		p.wrap.Store(nil)
		p.onStep.Store(nil)
	}
}

// pass lets time pass on both sides, while both look after what was interrupted.
func (m *mess) pass(t *testing.T, d time.Duration) {
	t.Helper()
	const looks = 12
	for range looks {
		for _, p := range []*platform{m.cpo, m.emsp} {
			p.clock.forward(d / looks)
		}
		for _, p := range []*platform{m.cpo, m.emsp} {
			if err := p.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// cutting cuts connections before a request is carried out.
func cutting(p *platform, method string) {
	p.intercepting(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == method {
			panic(http.ErrAbortHandler)
		}
		return false
	})
}

// dying makes whoever works on an exchange stop for ever at a step, as in a crash.
func dying(p *platform, direction ocpi.Direction, step int) {
	die := func(s handshake.Step) {
		if s.Direction == direction && s.Number == step && !s.Done {
			panic(http.ErrAbortHandler)
		}
	}
	p.onStep.Store(&die)
}

func words(t *testing.T, p *platform, name string) string {
	t.Helper()
	r := p.relation(t, name)
	return r.Words()
}

// recovers lets both sides look after what was interrupted, for some minutes.
func recovers(t *testing.T, platforms ...*platform) {
	t.Helper()
	for range 30 {
		for _, p := range platforms {
			p.clock.forward(10 * time.Second)
			if err := p.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// wantClean fails unless each side says "registered" and nothing else.
func wantClean(t *testing.T, cpo, emsp *platform) {
	t.Helper()
	if at, its := words(t, cpo, "emsp"), words(t, emsp, "cpo"); at != "registered" || its != "registered" {
		t.Errorf("the CPO says %q, the eMSP %q", at, its)
	}
	works(t, cpo, emsp)
}

func lostRotation(t *testing.T) (cpo, emsp *platform) {
	t.Helper()
	cpo, emsp = registered(t)
	cpo.losing(http.MethodPut, "credentials")
	if err := emsp.Rotate(t.Context(), "cpo"); err == nil {
		t.Fatal("the answer was not lost")
	}
	cpo.wrap.Store(nil)
	return cpo, emsp
}

func TestAfterALostAnswer_C18_C19(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, cpo, emsp *platform){
		"the same is sent again by itself": func(*testing.T, *platform, *platform) {},
		"a rollback is refused, as they may have taken our credentials": func(t *testing.T, _, emsp *platform) {
			if err := emsp.Rollback(t.Context(), "cpo", false); !errors.Is(err, handshake.ErrUnclear) {
				t.Error(err)
			}
		},
		"a rollback by force forgets no token": func(t *testing.T, cpo, emsp *platform) {
			if err := emsp.Rollback(t.Context(), "cpo", true); err != nil {
				t.Error(err)
			}
			emsp.clock.forward(1000 * time.Hour)
			works(t, cpo, emsp)
			if err := emsp.Rotate(t.Context(), "cpo"); err != nil {
				t.Error(err)
			}
		},
		"an update finishes it": func(t *testing.T, _, emsp *platform) {
			if err := emsp.Update(t.Context(), "cpo"); err != nil {
				t.Error(err)
			}
		},
		"a failed PUT of theirs does not forget it": func(t *testing.T, cpo, emsp *platform) {
			token := cpo.relation(t, "emsp").Outbound[0].Token
			body := fmt.Sprintf(`{"token":"abc","url":"%s/nowhere","business_details":{"name":"x"},"party_id":"GPE","country_code":"NL"}`, cpo.url)
			if s, raw := request(t, http.MethodPut, emsp.credentialsURL(), token, body); s != (status{200, 3001}) {
				t.Errorf("%+v %s", s, raw)
			}
		},
		"an unregistration that fails does not forget it": func(t *testing.T, cpo, emsp *platform) {
			answer(cpo, "", 503, "")
			if err := emsp.Unregister(t.Context(), "cpo", false); !errors.Is(err, handshake.ErrNotTold) {
				t.Error(err)
			}
			cpo.intercept.Store(nil)
		},
		"they are away for a while": func(t *testing.T, cpo, emsp *platform) {
			answer(cpo, "/versions", 502, "bad gateway")
			recovers(t, emsp)
			cpo.intercept.Store(nil)
			emsp.clock.forward(10 * time.Minute)
		},
		"they rotate with the token that they have taken": func(t *testing.T, cpo, emsp *platform) {
			taken := cpo.relation(t, "emsp").Outbound[0].Token
			if err := cpo.Rotate(t.Context(), "emsp"); err != nil {
				t.Error(err)
			}
			works(t, cpo, emsp)
			emsp.clock.forward(25 * time.Hour)
			if s, _ := request(t, http.MethodGet, emsp.versionsURL(), taken, ""); s.http != http.StatusUnauthorized {
				t.Errorf("the token before, after its successor was used: %+v", s)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cpo, emsp := lostRotation(t)
			works(t, cpo, emsp)
			then(t, cpo, emsp)
			recovers(t, cpo, emsp)
			wantClean(t, cpo, emsp)
			cpo.clock.forward(25 * time.Hour)
			emsp.clock.forward(25 * time.Hour)
			wantClean(t, cpo, emsp)
		})
	}
}

// A partner that is told nothing for a moment, because it has crashed or is busy, is not given up.
func TestARefusalForNowIsNoRefusal(t *testing.T) {
	t.Run("the receiver crashed and is back at once", func(t *testing.T) {
		cpo, emsp, tokenA := pair(t)
		dying(cpo, ocpi.Inbound, 4)
		if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err == nil {
			t.Fatal("it did not crash")
		}
		cpo.onStep.Store(nil)
		cpo.restart(t)
		recovers(t, cpo, emsp)
		wantClean(t, cpo, emsp)
	})
	t.Run("both rotate at once", func(t *testing.T) {
		cpo, emsp := registered(t)
		at, on := make(chan struct{}, 2), make(chan struct{})
		hold := func(s handshake.Step) {
			if s.Number == 6 && !s.Done && s.Direction == ocpi.Outbound {
				at <- struct{}{}
				<-on
			}
		}
		cpo.onStep.Store(&hold)
		emsp.onStep.Store(&hold)
		var both sync.WaitGroup
		both.Go(func() { _ = cpo.Rotate(t.Context(), "emsp") })
		both.Go(func() { _ = emsp.Rotate(t.Context(), "cpo") })
		<-at
		<-at
		close(on)
		both.Wait()
		cpo.onStep.Store(nil)
		emsp.onStep.Store(nil)
		works(t, cpo, emsp)
		recovers(t, cpo, emsp)
		wantClean(t, cpo, emsp)
	})
	t.Run("a server error is told although the credentials were taken", func(t *testing.T) {
		cpo, emsp := registered(t)
		var once sync.Once
		wrap := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				lie := false
				if r.Method == http.MethodPut {
					once.Do(func() { lie = true })
				}
				if !lie {
					h.ServeHTTP(w, r)
					return
				}
				h.ServeHTTP(httptest.NewRecorder(), r)
				_, _ = w.Write([]byte(`{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}`))
			})
		}
		cpo.wrap.Store(&wrap)
		if err := emsp.Rotate(t.Context(), "cpo"); err == nil {
			t.Fatal("no error")
		}
		works(t, cpo, emsp)
		recovers(t, cpo, emsp)
		wantClean(t, cpo, emsp)
	})
}

// strict makes a platform know the token in its credentials only when it has got the answer to them, as some do (C-19).
func strict(p *platform, unknown string) *atomic.Bool {
	known := new(atomic.Bool)
	p.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
		if known.Load() || !slices.Contains(ocpi.ParseAuthorization(r.Header.Get("Authorization")), unknown) {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	return known
}

func TestAPartnerThatKnowsItsNewTokenOnlyAfterwards_C19(t *testing.T) {
	for name, answered := range map[string]bool{"and gets our answer": true, "and does not get our answer": false} {
		t.Run(name, func(t *testing.T) {
			cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
			emsp, _ := callable(t)
			err := emsp.store.ChangeRelation(t.Context(), "cpo", func(rel *handshake.Relation) error {
				rel.Inbound = append(rel.Inbound, handshake.InboundToken{Hash: handshake.HashToken("their-second-token"), Status: handshake.TokenPending})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			tokenC := post(t, cpo, emsp, invite(t, cpo))
			known := strict(emsp, "their-second-token")
			body := theirs(emsp, "their-second-token", emspParty)
			for range 2 { // also when it is repeated
				if s, raw := request(t, http.MethodPut, cpo.credentialsURL(), tokenC, body); s != (status{200, 1000}) {
					t.Fatalf("%+v %s", s, raw)
				}
			}
			known.Store(answered)
			cpo.clock.forward(5 * time.Second)
			if err := cpo.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			call := func() error {
				client, err := cpo.Client(t.Context(), "emsp")
				if err != nil {
					return err
				}
				_, err = client.Versions(t.Context(), emsp.versionsURL())
				return err
			}
			if err := call(); err != nil {
				t.Error(err)
			}
			recovers(t, cpo)
			if err := call(); err != nil {
				t.Error(err)
			}
			cpo.clock.forward(time.Hour)
			recovers(t, cpo)
			if err := call(); err != nil {
				t.Error(err)
			}
			want := map[bool]string{true: "their-second-token", false: "their-token"}[answered]
			if r := cpo.relation(t, "emsp"); len(r.Outbound) != 1 || r.Outbound[0].Token != want {
				t.Errorf("%d tokens; %s", len(r.Outbound), r.Words())
			}
		})
	}
}

// The partner gives us a token that it then does not know: what was before is used, has no end, and can be rotated.
func TestATokenThatIsNotGoodIsGivenBack_C19(t *testing.T) {
	cpo, emsp := registered(t)
	answer(cpo, "/credentials", 200, `{"status_code":1000,"data":{"token":"not-good","url":"`+cpo.versionsURL()+`","business_details":{"name":"x"},"party_id":"GPE","country_code":"NL"},"timestamp":"2026-01-01T00:00:00Z"}`)
	if err := emsp.Rotate(t.Context(), "cpo"); err == nil || !strings.Contains(err.Error(), "the token before still works and is used") {
		t.Fatal(err)
	}
	cpo.intercept.Store(nil)
	emsp.clock.forward(1000 * time.Hour)
	works(t, cpo, emsp)
	before := emsp.relation(t, "cpo").Outbound[0].Token
	if err := emsp.Rotate(t.Context(), "cpo"); err != nil {
		t.Fatal(err)
	}
	if emsp.relation(t, "cpo").Outbound[0].Token == before {
		t.Error("nothing was rotated")
	}
	wantClean(t, cpo, emsp)
}

// Whoever has one of the partner's tokens cannot make us send the token that is for the partner to another host.
func TestATokenGoesToNobodyButThePartnerItIsFor(t *testing.T) {
	cpo, emsp := registered(t)
	secret, stolen := cpo.relation(t, "emsp").Outbound[0].Token, emsp.relation(t, "cpo").Outbound[0].Token
	evil := newPlatform(t, ocpi.RoleEMSP, emspParty)
	evil.intercepting(func(w http.ResponseWriter, r *http.Request) bool {
		for _, token := range ocpi.ParseAuthorization(r.Header.Get("Authorization")) {
			if token == secret {
				t.Error("another host got the partner's token")
			}
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if s, raw := request(t, http.MethodPut, cpo.credentialsURL(), stolen, theirs(evil, "x-token", emspParty)); s != (status{200, 3001}) {
		t.Errorf("%+v %s", s, raw)
	}
	works(t, cpo, emsp)
}

// What was agreed on when the partner was invited holds, whatever becomes of a registration of ours.
func TestAFailedRegistrationDoesNotChangeWhatWasAgreedOn(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp, body := callable(t)
	tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{Party: ocpi.NewParty("NL", "AAA")})
	if err != nil {
		t.Fatal(err)
	}
	if err := cpo.Register(t.Context(), "emsp", handshake.Invitation{VersionsURL: emsp.url + "/nowhere", Token: "x"}); err == nil {
		t.Fatal("no error")
	}
	if s, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body); s != (status{200, 2001}) {
		t.Errorf("another party than agreed on: %+v %s", s, raw)
	}
	cpo.wantState(t, "emsp", handshake.Invited, "invited, their registration failed at step 1")
}

// A version that is pinned is held when the partner calls, too.
func TestAPinnedVersionHoldsInBothDirections(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty, func(c *handshake.Config, _ *ocpiserver.Config) {
		c.Versions = []ocpi.Version{ocpi.V211, ocpi.V221}
	})
	_, body := callable(t)
	tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{Pin: ocpi.V221})
	if err != nil {
		t.Fatal(err)
	}
	if s, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body); s != (status{200, 3002}) {
		t.Errorf("%+v %s", s, raw)
	}
}

// A relation that changes between two looks at it does no harm.
func TestRetryOfWhatHasChangedMeanwhile(t *testing.T) {
	hook := &hooked{Memory: new(handshake.Memory)}
	emsp := newPlatform(t, ocpi.RoleEMSP, emspParty, func(c *handshake.Config, _ *ocpiserver.Config) { c.Store = hook })
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	tokenA, err := emsp.Invite(t.Context(), "cpo", handshake.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	answer(cpo, "/versions", 503, "")
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: "wrong"}); err == nil {
		t.Fatal("no error")
	}
	hook.after = func() {
		request(t, http.MethodPost, emsp.credentialsURL(), tokenA, fmt.Sprintf(
			`{"token":"x","url":"%s","business_details":{"name":"x"},"party_id":"GPE","country_code":"NL"}`, cpo.versionsURL()))
	}
	if err := emsp.Retry(t.Context(), "cpo"); err == nil {
		t.Error("no error")
	}
}

// hooked does something after the first look at a relation.
type hooked struct {
	*handshake.Memory
	after func()
}

func (h *hooked) Relation(ctx context.Context, name string) (handshake.Relation, error) {
	r, err := h.Memory.Relation(ctx, name)
	if f := h.after; f != nil {
		h.after = nil
		f()
	}
	return r, err
}

func TestNamesThatAreNone(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	for _, name := range []string{"", " ", "a\nb", "\x1b[31mred", strings.Repeat("x", 65), " x", "x ", "-x", "\xff"} {
		if _, err := cpo.Invite(t.Context(), name, handshake.Terms{}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"x", "Grenspaal Laden", "Ünïcode GmbH & Co.", strings.Repeat("ü", 64)} {
		if _, err := cpo.Invite(t.Context(), name, handshake.Terms{}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A token that is replaced while the partner sends its credentials with it does not bring about a change that the partner
// may not hear of.
func TestATokenThatEndsMeanwhileChangesNothing(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp, body := callable(t)
	old := post(t, cpo, emsp, invite(t, cpo))
	fresh := put(t, cpo, emsp, old)
	var once sync.Once
	emsp.intercepting(func(http.ResponseWriter, *http.Request) bool {
		once.Do(func() { request(t, http.MethodGet, cpo.versionsURL(), fresh, "") }) // which ends the one before
		return false
	})
	if s, raw := request(t, http.MethodPut, cpo.credentialsURL(), old, body); s.http != http.StatusUnauthorized {
		t.Errorf("%+v %s", s, raw)
	}
	if s, _ := request(t, http.MethodGet, cpo.versionsURL(), fresh, ""); s.http != http.StatusOK {
		t.Errorf("the new token: %+v", s)
	}
}

// Whatever a partner sends, its relation stays small: it is read again and again.
func TestARelationStaysSmall(t *testing.T) {
	cpo := newPlatform(t, ocpi.RoleCPO, cpoParty)
	emsp, body := callable(t)
	tokenA := invite(t, cpo)
	many := `{"status_code":1000,"data":[` + strings.Repeat(`{"version":"9.9","url":"http://127.0.0.1/x"},`, 20_000) + `{"version":"9.9","url":"http://127.0.0.1/x"}],"timestamp":"2026-01-01T00:00:00Z"}`
	answer(emsp, "/versions", 200, many)
	if s, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body); s != (status{200, 3001}) || len(raw) > 1000 {
		t.Errorf("%+v %.1000s", s, raw)
	}
	answer(emsp, "/versions", 200, `{"status_code":1000,"data":[`+strings.Repeat(`{"version":"9.9","url":"http://127.0.0.1/x"},`, 98)+`{"version":"9.8","url":"http://127.0.0.1/x"}],"timestamp":"2026-01-01T00:00:00Z"}`)
	if s, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, body); s != (status{200, 3002}) || len(raw) > 1000 {
		t.Errorf("%+v %.1000s", s, raw)
	}
	emsp.intercept.Store(nil)
	long := replace(body, `"name":"Test"`, `"name":"`+strings.Repeat("x", 100_000)+`"`)
	if s, raw := request(t, http.MethodPost, cpo.credentialsURL(), tokenA, long); s != (status{200, 1000}) {
		t.Errorf("%+v %s", s, raw)
	}
	if r := cpo.relation(t, "emsp"); len(r.Remote.Business) > 1000 {
		t.Errorf("a name of %d bytes is kept", len(r.Remote.Business))
	}
}

// A rotation that failed before anything was sent, or that was refused, leaves nothing to go on with: an update only reads.
func TestARotationThatWasNotTakenLeavesNothing(t *testing.T) {
	for name, fail := range map[string]func(cpo *platform){
		"not sent": func(cpo *platform) { answer(cpo, "/versions", 503, "") },
		"refused": func(cpo *platform) {
			answer(cpo, "/credentials", 200, `{"status_code":2001,"timestamp":"2026-01-01T00:00:00Z"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cpo, emsp := registered(t)
			fail(cpo)
			if err := emsp.Rotate(t.Context(), "cpo"); err == nil {
				t.Fatal("no error")
			}
			cpo.intercept.Store(nil)
			before := emsp.relation(t, "cpo")
			if before.Offer != nil || len(before.Inbound) != 1 {
				t.Errorf("left: %+v", before)
			}
			if err := emsp.Update(t.Context(), "cpo"); err != nil {
				t.Fatal(err)
			}
			if emsp.relation(t, "cpo").Outbound[0] != before.Outbound[0] {
				t.Error("an update has rotated the tokens")
			}
			wantClean(t, cpo, emsp)
		})
	}
}
