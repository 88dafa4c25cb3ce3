package event

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func TestAnEndpointThatIsGoneIsSwitchedOff(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at, other := newEndpoint(t), newEndpoint(t)
	at.status(http.StatusGone)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	add(t, e, Webhook{URL: other.URL, ID: "other", Types: []string{"webhook.*"}})
	emit(t, db, several(0, 2)...)
	eventually(t, "the other is told", func() bool { return len(other.got()) == 1 })
	told := other.got()[0].event
	var data DisabledWebhook
	if err := json.Unmarshal(told.Data, &data); err != nil || told.Type != WebhookDisabled || told.Subject != "webhooks/h" || data != (DisabledWebhook{"h", at.URL, "410 Gone"}) {
		t.Errorf("%+v %+v %v", told, data, err)
	}
	if s := status(t, e, "h"); !s.Disabled || s.Reason != "410 Gone" || len(at.got()) != 1 {
		t.Errorf("%+v after %d requests", s, len(at.got()))
	}
	at.setAnswer(nil)
	s, err := e.Webhooks.Change(t.Context(), "h", func(w *Webhook) error { w.Disabled = false; return nil })
	if err != nil || s.Disabled || s.Reason != "" {
		t.Errorf("%+v, %v", s, err)
	}
	eventually(t, "all come", func() bool { return slices.Equal(at.taken(), []string{"0", "1", "h"}) })
}

func TestWhatIsWrongWithAWebhookIsToldWithPointers(t *testing.T) {
	private, public := New(Config{Store: open(t), Sealer: mirror{}}), New(Config{Store: open(t), Sealer: mirror{}, Webhooks: WebhookConfig{RefusePrivate: true}})
	for name, test := range map[string]struct {
		hook Webhook
		on   *Events
		want []string
	}{
		"no URL":                         {Webhook{}, private, []string{"/url"}},
		"no http":                        {Webhook{URL: "ftp://example.com"}, private, []string{"/url"}},
		"no host":                        {Webhook{URL: "https:///x"}, private, []string{"/url"}},
		"no URL at all":                  {Webhook{URL: "https://a b"}, private, []string{"/url"}},
		"a user name":                    {Webhook{URL: "https://u:p@example.com"}, private, []string{"/url"}},
		"a fragment":                     {Webhook{URL: "https://example.com/#x"}, private, []string{"/url"}},
		"a URL too long":                 {Webhook{URL: "https://example.com/" + strings.Repeat("x", 2000)}, private, []string{"/url"}},
		"a link-local address":           {Webhook{URL: "http://169.254.169.254/latest"}, private, []string{"/url"}},
		"a mapped link-local address":    {Webhook{URL: "http://[::ffff:169.254.169.254]/"}, private, []string{"/url"}},
		"a link-local address of IPv6":   {Webhook{URL: "http://[fe80::1%25eth0]/"}, private, []string{"/url"}},
		"a private address, which is ok": {Webhook{URL: "http://10.0.0.7:8080/"}, private, nil},
		"a private address, refused":     {Webhook{URL: "https://10.0.0.7:8080/"}, public, []string{"/url"}},
		"plain http, refused":            {Webhook{URL: "http://example.com/"}, public, []string{"/url"}},
		"this machine, refused":          {Webhook{URL: "https://localhost/"}, public, []string{"/url"}},
		"an id with a slash":             {Webhook{URL: "https://example.com", ID: "a/b"}, private, []string{"/id"}},
		"a secret without prefix":        {Webhook{URL: "https://example.com", Secret: "abc"}, private, []string{"/secret"}},
		"a short secret":                 {Webhook{URL: "https://example.com", Secret: "whsec_YWJj"}, private, []string{"/secret"}},
		"a secret not in Base64":         {Webhook{URL: "https://example.com", Secret: "whsec_%"}, private, []string{"/secret"}},
		"a type there is not":            {Webhook{URL: "https://example.com", Types: []string{"cdr.*", "cdr.paid"}}, private, []string{"/types/1"}},
		"an empty partner":               {Webhook{URL: "https://example.com", Partners: []string{""}}, private, []string{"/partners/0"}},
		"a module there is not":          {Webhook{URL: "https://example.com", Modules: []ocpi.ModuleID{"x"}}, private, []string{"/modules/0"}},
		"a long description":             {Webhook{URL: "https://example.com", Description: strings.Repeat("ä", 501)}, private, []string{"/description"}},
		"several":                        {Webhook{ID: "?", Types: []string{"x"}}, private, []string{"/id", "/url", "/types/0"}},
	} {
		_, err := test.on.Webhooks.Add(t.Context(), test.hook)
		var got []string
		if bad, ok := errors.AsType[*Invalid](err); ok {
			for _, f := range bad.Findings {
				got = append(got, f.Pointer)
			}
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: pointers (-want +got): %s", name, diff)
		}
	}
}

func TestWebhooksAreManaged(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "b", Description: "billing"})
	add(t, e, Webhook{URL: at.URL, ID: "a", Disabled: true})
	if _, err := e.Webhooks.Add(t.Context(), Webhook{URL: at.URL, ID: "a"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second one of a name: %v", err)
	}
	list, err := e.Webhooks.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].Description != "billing" || list[1].Created.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	for name, change := range map[string]func(*Webhook) error{
		"/id":  func(w *Webhook) error { w.ID = "c"; return nil },
		"/url": func(w *Webhook) error { w.URL = ""; return nil },
	} {
		_, err := e.Webhooks.Change(t.Context(), "b", change)
		if bad, ok := errors.AsType[*Invalid](err); !ok || bad.Findings[0].Pointer != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := status(t, e, "b"); got.URL != at.URL {
		t.Errorf("a change that fails leaves %+v", got)
	}
	changedTo, err := e.Webhooks.Change(t.Context(), "b", func(w *Webhook) error { w.Types = []string{"cdr.*"}; return nil })
	if err != nil || !slices.Equal(changedTo.Types, []string{"cdr.*"}) {
		t.Errorf("%+v, %v", changedTo, err)
	}
	emit(t, db, changed(1), store.Event{Type: "cdr.created", Subject: "cdrs/2", Data: []byte("{}")})
	eventually(t, "what it wants comes", func() bool { return slices.Equal(at.taken(), []string{"2"}) })

	at.status(http.StatusTeapot)
	result, err := e.Webhooks.Test(t.Context(), "a")
	if err != nil || result.Taken || result.Status != http.StatusTeapot || result.Error != "418 I'm a teapot" || result.Took <= 0 {
		t.Errorf("a try: %+v, %v", result, err)
	}
	at.setAnswer(nil)
	if result, err := e.Webhooks.Test(t.Context(), "a"); err != nil || !result.Taken || result.Error != "" {
		t.Errorf("a try: %+v, %v", result, err)
	}
	if got := at.got(); got[len(got)-1].event.Type != WebhookTest || got[len(got)-1].event.ID != got[len(got)-1].header.Get(headerID) {
		t.Errorf("tried with %+v", got[len(got)-1])
	}
	if err := e.Webhooks.Remove(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"Remove": e.Webhooks.Remove(t.Context(), "b"),
		"Get":    second(e.Webhooks.Get(t.Context(), "b")),
		"Dead":   second(e.Webhooks.Dead(t.Context(), "b", 0, 1)),
		"Test":   second(e.Webhooks.Test(t.Context(), "b")),
		"Change": second(e.Webhooks.Change(t.Context(), "b", func(*Webhook) error { return nil })),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of none: %v", what, err)
		}
	}
	count := len(at.got())
	emit(t, db, store.Event{Type: "cdr.created", Subject: "cdrs/3", Data: []byte("{}")})
	time.Sleep(100 * time.Millisecond)
	if len(at.got()) != count {
		t.Error("one that was removed is still told")
	}
}

func second[T any](_ T, err error) error { return err }

// Another process manages webhooks without a word to the lanes, which look every few seconds only.
func TestAWebhookThatIsMadeAnewUnderTheSameNameIsAnother(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	before, after := newEndpoint(t), newEndpoint(t)
	add(t, e, Webhook{URL: before.URL, ID: "h"})
	emit(t, db, changed(1))
	eventually(t, "it comes", func() bool { return len(before.taken()) == 1 })
	elsewhere := New(Config{Store: db, Sealer: mirror{}})
	if err := elsewhere.Webhooks.Remove(t.Context(), "h"); err != nil {
		t.Fatal(err)
	}
	cursor := add(t, elsewhere, Webhook{URL: after.URL, ID: "h"}).Cursor
	if s := status(t, e, "h"); s.Sent != 0 || s.Cursor < cursor {
		t.Errorf("it begins with %+v", s)
	}
	time.Sleep(saveEvery) // the lane of the one before has something to save
	emit(t, db, changed(2))
	eventually(t, "it comes to the new one", func() bool { return slices.Equal(after.taken(), []string{"2"}) })
	if s := status(t, e, "h"); s.Cursor < cursor {
		t.Errorf("the one before has moved it to %d", s.Cursor)
	}
}

func TestAWebhookThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	db := open(t)
	if err := db.AddHook(t.Context(), store.Hook{ID: "a", State: []byte("damaged")}); err != nil {
		t.Fatal(err)
	}
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "b"})
	emit(t, db, changed(1))
	eventually(t, "the other gets what happens", func() bool { return slices.Equal(at.taken(), []string{"1"}) })
	if err := e.Webhooks.Remove(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func TestThatAWebhookWasSwitchedOffIsToldAlsoAfterACrash(t *testing.T) {
	db := open(t)
	before := New(Config{Store: db, Sealer: mirror{}})
	before.Webhooks.client.Transport = wire(func(*http.Request) *http.Response { return answering(http.StatusGone) })
	add(t, before, Webhook{URL: "https://example.com", ID: "h"})
	emit(t, db, changed(1))
	if err := newLane(before.Webhooks, "h").run(t.Context()); !errors.Is(err, errChanged) { // and the process ends here
		t.Fatal(err)
	}
	for _, disabled := range []bool{false, true} { // a person looks
		s, err := before.Webhooks.Change(t.Context(), "h", func(w *Webhook) error { w.Disabled = disabled; return nil })
		if err != nil || !disabled && s.Reason != "" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	e, stop := start(t, quick(db))
	told := func() (told []store.Event) {
		events, _, err := db.Events(t.Context(), store.EventFilter{Types: []string{WebhookDisabled}}, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	eventually(t, "it is told", func() bool { return len(told()) == 1 })
	var data DisabledWebhook
	if err := json.Unmarshal(told()[0].Data, &data); err != nil || data.Reason != "410 Gone" {
		t.Errorf("%+v, %v", data, err)
	}
	if s := status(t, e, "h"); !s.Disabled || s.Backlog != 2 {
		t.Errorf("%+v", s)
	}
	eventually(t, "that it was told is kept", func() bool { // a crash before may tell it twice
		h, err := e.Webhooks.find(t.Context(), "h")
		return err == nil && !h.state.Untold
	})
	stop()
	_, stop = start(t, quick(db))
	time.Sleep(100 * time.Millisecond)
	stop()
	if got := told(); len(got) != 1 {
		t.Errorf("told %d times", len(got))
	}
}
