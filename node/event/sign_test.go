package event

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/roamwire/roamwire/node/store"
)

func TestAWebhookGetsWhatHappensSigned(t *testing.T) {
	db := open(t)
	emit(t, db, changed(1))
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	hook := add(t, e, Webhook{URL: at.URL + "/in?x=1", Types: []string{"location.*"}})
	if hook.ID == "" || !strings.HasPrefix(hook.Secret, "whsec_") {
		t.Fatalf("%+v", hook)
	}
	number := emit(t, db, store.Event{Type: "cdr.created", Data: []byte("{}")}, changed(2))
	emit(t, db, changed(3))
	eventually(t, "two come", func() bool { return len(at.got()) == 2 })
	if got := at.taken(); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("came %s", got)
	}
	first := at.got()[0]
	if got := first.header.Get("webhook-id"); got != fmt.Sprintf("evt_%d", number) || first.event.ID != strconv.FormatInt(number, 10) {
		t.Errorf("webhook-id %s, id %s", got, first.event.ID)
	}
	if got := first.header.Get("Content-Type"); got != "application/cloudevents+json" {
		t.Errorf("content type %s", got)
	}
	verifier, err := standardwebhooks.NewWebhook(hook.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(first.body, first.header); err != nil {
		t.Errorf("the signature is not good: %v", err)
	}
	if err := verifier.Verify(append(first.body, ' '), first.header); err == nil {
		t.Error("a changed body is not noticed")
	}
	eventually(t, "all is dealt with", func() bool {
		s := status(t, e, hook.ID)
		return s.Sent == 2 && s.Backlog == 0 && !s.LastSuccess.IsZero() && s.Failures == 0
	})
	if s := status(t, e, hook.ID); s.Secret != "" {
		t.Error("the secret is told again")
	}
}

// The example of the specification's reference libraries.
func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	key, err := readSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	timestamp, signature := sign([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if timestamp != "1614265330" || signature != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s %s", timestamp, signature)
	}
}

func TestBothSecretsSignWhileOneIsChanged(t *testing.T) {
	db := open(t)
	var c clock
	config := quick(db)
	config.Now = c.now
	e, _ := start(t, config)
	at := newEndpoint(t)
	first := add(t, e, Webhook{URL: at.URL})
	second := newSecret()
	if _, err := e.Webhooks.Change(t.Context(), first.ID, func(w *Webhook) error { w.Secret = second; return nil }); err != nil {
		t.Fatal(err)
	}
	verifies := func(secret string, d delivery) bool {
		v, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return v.VerifyIgnoringTimestamp(d.body, d.header) == nil
	}
	emit(t, db, changed(1))
	eventually(t, "it comes", func() bool { return len(at.got()) == 1 })
	if d := at.got()[0]; !verifies(first.Secret, d) || !verifies(second, d) {
		t.Errorf("signed %s", d.header.Get(headerSignature))
	}
	c.advance(25 * time.Hour)
	emit(t, db, changed(2))
	eventually(t, "it comes", func() bool { return len(at.got()) == 2 })
	if d := at.got()[1]; verifies(first.Secret, d) || !verifies(second, d) {
		t.Errorf("a day later signed %s", d.header.Get(headerSignature))
	}
}

func TestASecretSignsForADayHoweverOftenItIsChangedMeanwhile(t *testing.T) {
	var c clock
	e := New(Config{Store: open(t), Sealer: mirror{}, Now: c.now})
	secrets := []string{add(t, e, Webhook{URL: "https://example.com", ID: "h"}).Secret}
	for range 5 {
		secrets = append(secrets, newSecret())
		if _, err := e.Webhooks.Change(t.Context(), "h", func(w *Webhook) error { w.Secret = secrets[len(secrets)-1]; return nil }); err != nil {
			t.Fatal(err)
		}
		c.advance(7 * time.Hour)
	}
	h, err := e.Webhooks.find(t.Context(), "h")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := e.Webhooks.keys(&h.state)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{secrets[5], secrets[4], secrets[3], secrets[2]} // the newest first; the one before these was replaced 28 hours ago
	if len(keys) != len(want) {
		t.Fatalf("%d keys sign, want %d", len(keys), len(want))
	}
	for i, secret := range want {
		if key, _ := readSecret(secret); !bytes.Equal(keys[i], key) {
			t.Errorf("key %d is another", i)
		}
	}
}

func TestSecretsAreNotReadableOnDisk(t *testing.T) {
	db := open(t)
	e := New(Config{Store: db, Sealer: mirror{}})
	hook := add(t, e, Webhook{URL: "https://example.com", ID: "h"})
	if err := e.Webhooks.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	hooks, err := db.Hooks(t.Context())
	if err != nil || len(hooks) != 1 || bytes.Contains(hooks[0].State, []byte(hook.Secret[len(secretPrefix):])) {
		t.Errorf("%s, %v", hooks[0].State, err)
	}
	h, err := readHook(hooks[0])
	if err != nil {
		t.Fatal(err)
	}
	want, _ := readSecret(hook.Secret)
	if keys, err := e.Webhooks.keys(&h.state); err != nil || len(keys) != 1 || !bytes.Equal(keys[0], want) {
		t.Errorf("%x, %v", keys, err)
	}
}
