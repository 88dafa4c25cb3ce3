package backend_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func TestWhoMayDoWhatDependsOnTheKey(t *testing.T) {
	p := open(t, nil)
	path, body := pathOf(sample.Location(1)), location(t)
	expiring, record, err := backend.NewKey("expiring", backend.ScopeRead, began, began.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.db.AddAccessKey(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	bearer := func(key string) string { return "Bearer " + key }
	for name, c := range map[string]struct {
		method, authorization string
		status                int
		challenge             string
	}{
		"no key":                        {"GET", "", 401, `Bearer realm="roamwire"`},
		"a wrong key":                   {"GET", bearer("rw_wrong"), 401, `error="invalid_token"`},
		"another scheme":                {"GET", "Token " + p.keys[backend.ScopeRead], 401, `error="invalid_token"`},
		"a key that reads reads":        {"GET", bearer(p.keys[backend.ScopeRead]), 404, ""},
		"a key that reads cannot write": {"PUT", bearer(p.keys[backend.ScopeRead]), 403, `error="insufficient_scope", scope="write"`},
		"a key that writes writes":      {"PUT", bearer(p.keys[backend.ScopeWrite]), 201, ""},
		"a key for everything writes":   {"DELETE", bearer(p.keys[backend.ScopeAdmin]), 404, ""},
		"the scheme in lower case":      {"GET", "bearer " + p.keys[backend.ScopeRead], 404, ""},
		"a key before it expires":       {"GET", bearer(expiring), 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer p.call("DELETE", path+"?purge=true", "")
			got := p.want(c.status, c.method, path, body, "Authorization", c.authorization)
			if got.status >= 400 {
				got.pointers(t)
			}
			if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, c.challenge) || c.challenge == "" && challenge != "" {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
		})
	}
	p.clock.Store(int64(time.Hour))
	p.want(http.StatusUnauthorized, "GET", path, "", "Authorization", bearer(expiring))
	p.want(http.StatusForbidden, "POST", "/api/v1/partners", "{}", "Authorization", bearer(p.keys[backend.ScopeWrite]))
	if err := p.db.RemoveAccessKey(t.Context(), "write"); err != nil {
		t.Fatal(err)
	}
	p.want(http.StatusUnauthorized, "GET", path, "", "Authorization", bearer(p.keys[backend.ScopeWrite]))
}

func TestAWrongKeyIsRefusedBeforeTheBodyIsLookedAt(t *testing.T) {
	p := open(t, nil)
	for _, c := range []struct{ method, path string }{
		{"PUT", pathOf(sample.Location(1))}, {"POST", "/api/v1/locations/bulk"}, {"POST", "/api/v1/evses/X/status"},
	} {
		p.want(http.StatusUnauthorized, c.method, c.path, "no JSON at all", "Authorization", "Bearer rw_x", "Idempotency-Key", "k")
	}
}

func TestWhoGuessesKeysIsSlowedDown(t *testing.T) {
	p := open(t, nil)
	began := time.Now()
	for range 6 {
		p.want(http.StatusUnauthorized, "GET", "/api/v1/me", "", "Authorization", "Bearer rw_guess")
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("six guesses took %s", took)
	}
	began = time.Now()
	p.want(http.StatusOK, "GET", "/api/v1/me", "")
	if took := time.Since(began); took > 300*time.Millisecond {
		t.Errorf("a right key had to wait %s", took)
	}
}

func TestAKeyIsRandomAndItsRecordDoesNotHoldIt(t *testing.T) {
	key, record, err := backend.NewKey("cpms", backend.ScopeWrite, began, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := backend.NewKey("cpms", backend.ScopeWrite, began, time.Time{})
	if err != nil || key == other || !strings.HasPrefix(key, "rw_") || len(key) < 35 || record.Hash != backend.HashKey(key) {
		t.Errorf("%s, %s, %v", key, other, err)
	}
	for _, name := range []string{"", "a b", "ä", strings.Repeat("x", 101)} {
		if _, _, err := backend.NewKey(name, backend.ScopeRead, began, time.Time{}); err == nil {
			t.Errorf("%q can be a name", name)
		}
	}
	if _, err := backend.ParseScope("root"); err == nil {
		t.Error("root is a scope")
	}
}

func TestARequestWithAnIdempotencyKeyIsDoneOnce(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	p.want(http.StatusCreated, "PUT", pathOf(l), location(t))
	path := "/api/v1/evses/" + string(l.EVSEs[0].UID) + "/status"
	charging, blocked := `{"status":"CHARGING"}`, `{"status":"BLOCKED"}`
	first := p.want(http.StatusOK, "POST", path, charging, "Idempotency-Key", "1")
	p.want(http.StatusOK, "POST", path, blocked)
	again := p.want(http.StatusOK, "POST", path, charging, "Idempotency-Key", "1")
	if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || again.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("%s, was %s", again.body, first.body)
	}
	if now := decoded[v230.Location](t, p.call("GET", pathOf(l), "").body); now.EVSEs[0].Status != v230.StatusBlocked {
		t.Error("it was done twice")
	}
	p.want(http.StatusUnprocessableEntity, "POST", path, blocked, "Idempotency-Key", "1").pointers(t)
	p.want(http.StatusUnprocessableEntity, "POST", path+"?x=1", charging, "Idempotency-Key", "1").pointers(t)
	p.want(http.StatusBadRequest, "POST", path, charging, "Idempotency-Key", strings.Repeat("k", 201)).pointers(t)
	t.Run("each caller has its own", func(t *testing.T) {
		got := p.want(http.StatusOK, "POST", path, blocked, "Idempotency-Key", "1", "Authorization", "Bearer "+p.keys[backend.ScopeWrite])
		if got.header.Get("Idempotent-Replayed") != "" {
			t.Error("another caller's answer")
		}
	})
	t.Run("what was refused can be asked for again", func(t *testing.T) {
		missing := "/api/v1/evses/LATER/status"
		p.want(http.StatusNotFound, "POST", missing, charging, "Idempotency-Key", "2")
		later := l
		later.ID, later.EVSEs = "LATER", []v230.EVSE{l.EVSEs[0]}
		later.EVSEs[0].UID = "LATER"
		p.want(http.StatusCreated, "PUT", pathOf(later), text(t, later))
		p.want(http.StatusOK, "POST", missing, charging, "Idempotency-Key", "2")
	})
	t.Run("after a day it is forgotten", func(t *testing.T) {
		p.clock.Store(int64(25 * time.Hour))
		if got := p.want(http.StatusOK, "POST", path, charging, "Idempotency-Key", "1"); got.header.Get("Idempotent-Replayed") != "" {
			t.Error("it is still known")
		}
	})
}

func TestARequestThatIsUnderWayIsNotBegunAgain(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	p := open(t, func(c *backend.Config) { c.Authorizer = slowAuthorizer{begun, end} })
	done := make(chan reply)
	const body = `{"token_uid":"04A1"}`
	go func() { done <- p.call("POST", "/api/v1/authorize", body, "Idempotency-Key", "1") }()
	<-begun
	p.want(http.StatusConflict, "POST", "/api/v1/authorize", body, "Idempotency-Key", "1").pointers(t)
	close(end)
	if got := <-done; got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if got := p.want(http.StatusOK, "POST", "/api/v1/authorize", body, "Idempotency-Key", "1"); got.header.Get("Idempotent-Replayed") != "true" {
		t.Error("it was done twice")
	}
}
