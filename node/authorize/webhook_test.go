package authorize_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A hook is the operator's system.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	headers http.Header
}

func newHook(t *testing.T, answer http.HandlerFunc) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.asked, h.headers = append(h.asked, string(body)), r.Header
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func TestTheOperatorsSystemDecides(t *testing.T) {
	at := func(evses ...ocpi.CiString) *v230.LocationReferences {
		return &v230.LocationReferences{LocationID: "L", EVSEUIDs: evses}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		closed bool
		valid  bool
		at     *v230.LocationReferences
		// want is what is answered, at which EVSEs, by what, with what trouble.
		want    string
		evses   []ocpi.CiString
		by      authorize.By
		trouble authorize.Trouble
	}{
		{"allows", says(`{"allowed":"ALLOWED"}`), false, true, nil, "ALLOWED", nil, "webhook", ""},
		{"says no credit, with a text for the driver", says(`{"allowed":"NO_CREDIT","info":{"language":"en","text":"Top up"}}`), false, true, nil, "NO_CREDIT", nil, "webhook", ""},
		{"says expired", says(`{"allowed":"EXPIRED","more":1}`), false, true, nil, "EXPIRED", nil, "webhook", ""},
		{"knows better than the token", says(`{"allowed":"ALLOWED"}`), false, false, nil, "ALLOWED", nil, "webhook", ""},
		{"leaves fewer EVSEs", says(`{"allowed":"ALLOWED","location":{"location_id":"L","evse_uids":["2","9"]}}`), false, true, at("1", "2"), "ALLOWED", []ocpi.CiString{"2"}, "webhook", ""},
		{"leaves no EVSE that was asked about", says(`{"allowed":"ALLOWED","location":{"location_id":"L","evse_uids":["9"]}}`), false, true, at("1"), "NOT_ALLOWED", nil, "webhook", ""},
		{"is at another location", says(`{"allowed":"ALLOWED","location":{"location_id":"M"}}`), false, true, at("1"), "NOT_ALLOWED", nil, "webhook", ""},
		{"wants a location", says(`{"needs_location":true}`), false, true, nil, "2002", nil, "", ""},
		{"wants a location and has one", says(`{"needs_location":true}`), false, true, at("1"), "NOT_ALLOWED", nil, "webhook", ""},

		{"is slow: the token decides", hangs, false, true, nil, "ALLOWED", nil, "table", "late"},
		{"is slow, and the token is not valid", hangs, false, false, nil, "BLOCKED", nil, "table", "late"},
		{"is slow: nobody may charge without it", hangs, true, true, nil, "NOT_ALLOWED", nil, "fallback", "late"},
		{"is slow, and the token is not valid anyway", hangs, true, false, nil, "BLOCKED", nil, "table", "late"},
		{"fails", fails(500), false, true, nil, "ALLOWED", nil, "table", "failed"},
		{"fails: nobody may charge without it", fails(500), true, true, nil, "NOT_ALLOWED", nil, "fallback", "failed"},
		{"has moved", fails(307), false, true, nil, "ALLOWED", nil, "table", "failed"},
		{"says nothing", says(``), false, true, nil, "ALLOWED", nil, "table", "unusable"},
		{"says no JSON", says(`<html>`), true, true, nil, "NOT_ALLOWED", nil, "fallback", "unusable"},
		{"says what OCPI does not have", says(`{"allowed":"PERHAPS"}`), true, true, nil, "NOT_ALLOWED", nil, "fallback", "unusable"},
		{"says it in another type", says(`{"allowed":true}`), true, true, nil, "NOT_ALLOWED", nil, "fallback", "unusable"},
		{"says far too much", says(`{"allowed":"ALLOWED","x":"` + strings.Repeat("x", 70_000) + `"}`), true, true, nil, "NOT_ALLOWED", nil, "fallback", "unusable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, o := open(t)
			put(t, o.Tokens, token(func(x *v230.Token) { x.Valid = tt.valid }))
			webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: newHook(t, tt.answer).URL, Deadline: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, FailClosed: tt.closed, Logger: quiet})
			began := time.Now()
			info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: tt.at})
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			var refused *ocpi.Error
			if errors.As(err, &refused) && tt.want == "2002" && refused.Code == ocpi.StatusNotEnoughInformation {
				if told := events(t, db); len(told) != 1 || told[0].Allowed != authorize.NeedsPlace || told[0].By != authorize.ByWebhook || told[0].Why == "" {
					t.Errorf("events %+v", told)
				}
				return
			}
			if err != nil || string(info.Allowed) != tt.want {
				t.Fatalf("%s, %v; want %s", info.Allowed, err, tt.want)
			}
			if (info.Location != nil) != (tt.at != nil && tt.want == "ALLOWED") || info.Location != nil && !slices.Equal(info.Location.EVSEUIDs, tt.evses) {
				t.Errorf("at %+v", info.Location)
			}
			if tt.want == "NO_CREDIT" && (info.Info == nil || info.Info.Text != "Top up") {
				t.Errorf("info %+v", info.Info)
			}
			if told := events(t, db); len(told) != 1 || told[0].By != tt.by || told[0].Trouble != tt.trouble || told[0].Allowed != tt.want || told[0].Why == "" {
				t.Errorf("events %+v, want by %q with trouble %q", told, tt.by, tt.trouble)
			}
		})
	}
}

func TestTheOperatorsSystemIsNotThere(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	down := newHook(t, hangs)
	down.Close()
	webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: down.URL})
	if err != nil {
		t.Fatal(err)
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet})
	info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID"})
	if err != nil || info.Allowed != allowed {
		t.Errorf("%s, %v", info.Allowed, err)
	}
	if told := events(t, db); len(told) != 1 || told[0].Trouble != authorize.Failed || strings.Contains(told[0].Why, down.URL) {
		t.Errorf("events %+v", told)
	}
}

// What no CPO can be sent is left out of the answer, and the event says so. Whether the driver may charge counts without it.
func TestWhatCannotBeSentIsLeftOut(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, tt := range []struct {
		name, answer string
		why          string
		text, ref    string
	}{
		{"all is well", `"info":{"language":"nl","text":"Laad op"},"authorization_reference":"R-1"`, "", "Laad op", "R-1"},
		{"a text without its language", `"info":{"text":"Top up"},"authorization_reference":"R-1"`, "text for the driver", "", "R-1"},
		{"a text that is too long", `"info":{"language":"en","text":"` + long + `"}`, "text for the driver", "", ""},
		{"no text", `"info":{"language":"en","text":""}`, "", "", ""},
		{"a reference that is too long", `"authorization_reference":"` + long + `"`, "authorization reference", "", ""},
		{"an empty reference", `"authorization_reference":""`, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, o := open(t)
			put(t, o.Tokens, token(nil))
			webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: newHook(t, says(`{"allowed":"ALLOWED",`+tt.answer+`}`)).URL})
			if err != nil {
				t.Fatal(err)
			}
			answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet})
			info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID"})
			if err != nil || info.Allowed != allowed {
				t.Fatalf("%s, %v", info.Allowed, err)
			}
			var text, ref string
			if info.Info != nil {
				text = info.Info.Text
			}
			if info.AuthorizationReference != nil {
				ref = string(*info.AuthorizationReference)
			}
			if text != tt.text || ref != tt.ref {
				t.Errorf("text %q and reference %q, want %q and %q", text, ref, tt.text, tt.ref)
			}
			told := events(t, db)
			if len(told) != 1 || strings.Contains(told[0].Why, "left out") != (tt.why != "") || !strings.Contains(told[0].Why, tt.why) || told[0].AuthorizationReference != tt.ref {
				t.Errorf("%+v", told)
			}
		})
	}
}

// A CPO that hangs up before the operator's system has answered is seen.
func TestAQuestionThatIsGivenUpIsAnEvent(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	var counted seen
	webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: newHook(t, hangs).URL, Deadline: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet, Observe: counted.observe})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := answerer.Authorize(ctx, cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	told := events(t, db)
	if len(told) != 1 || told[0].Allowed != authorize.Abandoned || told[0].Why == "" || told[0].Party != own {
		t.Errorf("events %+v", told)
	}
	if len(counted.all) != 1 || counted.all[0].Allowed != authorize.Abandoned || counted.all[0].Partner != "cpo" {
		t.Errorf("counted %+v", counted.all)
	}
}

// Requirement TOK-09: an answer names nothing that was not asked about, whatever the operator's system says.
func TestTheOperatorsSystemCannotNameWhatIsNotThere_TOK09(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	location := ocpitest.Network(foreign).Location(1)
	location.ID = "L"
	location.EVSEs[1].Status = v230.StatusRemoved
	one, two := string(location.EVSEs[0].UID), string(location.EVSEs[1].UID)
	if _, err := object.ReceivedLocations(db).Put(t.Context(), cpo, ocpi.Key{Party: foreign, ID: "L"}, location); err != nil {
		t.Fatal(err)
	}
	whole := &authorize.Place{LocationID: "L"}
	for _, tt := range []struct {
		name   string
		asked  *authorize.Place
		answer authorize.Place
		want   *authorize.Place
	}{
		{"an EVSE of the location", whole, authorize.Place{LocationID: "L", EVSEUIDs: []string{one}}, &authorize.Place{LocationID: "L", EVSEUIDs: []string{one}}},
		{"one that is there, one that is removed, one that never was", whole, authorize.Place{LocationID: "L", EVSEUIDs: []string{two, "9", one}}, &authorize.Place{LocationID: "L", EVSEUIDs: []string{one}}},
		{"only one that is removed", whole, authorize.Place{LocationID: "L", EVSEUIDs: []string{two}}, nil},
		{"a connector that the EVSE does not have", &authorize.Place{LocationID: "L", EVSEUIDs: []string{one}}, authorize.Place{LocationID: "L", ConnectorIDs: []string{"1", "9"}},
			&authorize.Place{LocationID: "L", EVSEUIDs: []string{one}, ConnectorIDs: []string{"1"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := json.Marshal(map[string]any{"allowed": "ALLOWED", "location": tt.answer})
			if err != nil {
				t.Fatal(err)
			}
			webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: newHook(t, says(string(answer))).URL})
			if err != nil {
				t.Fatal(err)
			}
			answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet})
			info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: references(tt.asked)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, place(info.Location)); diff != "" || (info.Allowed == allowed) != (tt.want != nil) {
				t.Errorf("%s: %s", info.Allowed, diff)
			}
		})
	}
}

// What is not ours, or is nowhere to charge, needs no opinion of the operator's.
func TestTheOperatorsSystemIsAskedOnlyWhatItCanDecide(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	location := ocpitest.Network(foreign).Location(1)
	location.ID = "L"
	for i := range location.EVSEs {
		location.EVSEs[i].Status = v230.StatusRemoved
	}
	if _, err := object.ReceivedLocations(db).Put(t.Context(), cpo, ocpi.Key{Party: foreign, ID: "L"}, location); err != nil {
		t.Fatal(err)
	}
	h := newHook(t, says(`{"allowed":"ALLOWED"}`))
	webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet})
	if _, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "NONE", TokenType: "RFID"}); !errors.Is(err, ocpi.ErrNotFound) {
		t.Error(err)
	}
	info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: &v230.LocationReferences{LocationID: "L"}})
	if err != nil || info.Allowed != notAllowed {
		t.Errorf("%s, %v", info.Allowed, err)
	}
	if len(h.asked) > 0 {
		t.Errorf("it was asked %q", h.asked)
	}
}

func TestQuestionsToTheOperatorsSystemAreSigned(t *testing.T) {
	key := []byte("a key of some length")
	for _, tt := range []struct {
		name, secret string
	}{
		{"as Standard Webhooks has it", "whsec_" + base64.StdEncoding.EncodeToString(key)},
		{"with a bearer token", "open sesame"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, o := open(t)
			put(t, o.Tokens, token(nil))
			h := newHook(t, says(`{"allowed":"ALLOWED"}`))
			webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: h.URL, Secret: tt.secret})
			if err != nil {
				t.Fatal(err)
			}
			answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet})
			at := &v230.LocationReferences{LocationID: "L", EVSEUIDs: []ocpi.CiString{"1"}}
			if _, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: at}); err != nil {
				t.Fatal(err)
			}
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(h.headers.Get("webhook-id") + "." + h.headers.Get("webhook-timestamp") + "." + h.asked[0]))
			signed := h.headers.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))
			bearer := h.headers.Get("Authorization") == "Bearer open sesame"
			if wantsSignature := strings.HasPrefix(tt.secret, "whsec_"); signed != wantsSignature || bearer == wantsSignature {
				t.Errorf("headers %v", h.headers)
			}
			var question struct {
				Type string `json:"type"`
				Data struct {
					Partner  string
					Token    v230.Token
					Location authorize.Place
					Proposed string
				} `json:"data"`
			}
			if err := json.Unmarshal([]byte(h.asked[0]), &question, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			d := question.Data
			if question.Type != "authorization.request" || d.Partner != "cpo" || d.Token.UID != "CARD" || d.Location.LocationID != "L" || d.Proposed != "ALLOWED" {
				t.Errorf("it was asked %s", h.asked[0])
			}
		})
	}
}

// More questions than the operator's system answers wait for their turn, and no longer than the deadline.
func TestTooManyQuestionsFallBack(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	webhook, err := authorize.NewWebhook(authorize.WebhookConfig{URL: newHook(t, hangs).URL, Deadline: 200 * time.Millisecond, AtOnce: 2})
	if err != nil {
		t.Fatal(err)
	}
	var counted seen
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Webhook: webhook, Logger: quiet, Observe: counted.observe})
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			if info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID"}); err != nil || info.Allowed != allowed {
				t.Errorf("%s, %v", info.Allowed, err)
			}
		})
	}
	work.Wait()
	busy := slices.ContainsFunc(counted.all, func(o authorize.Observation) bool { return o.Trouble == authorize.Busy })
	if len(counted.all) != 20 || !busy {
		t.Errorf("%+v", counted.all)
	}
}

func TestAWebhookThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []authorize.WebhookConfig{{}, {URL: "ftp://x"}, {URL: "/x"}, {URL: "http://x", Secret: "whsec_"}, {URL: "http://x", Secret: "whsec_no base64"}} {
		if _, err := authorize.NewWebhook(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
