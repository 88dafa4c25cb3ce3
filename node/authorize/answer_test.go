package authorize_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	own     = ocpi.NewParty("NL", "GPE")
	foreign = ocpi.NewParty("DE", "PTN")
	cpo     = &ocpi.Partner{ID: "cpo", Version: ocpi.V211, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: foreign}}}
	quiet   = slog.New(slog.DiscardHandler)
)

func open(t testing.TB) (*sqlite.DB, *object.Objects) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o, err := object.New(db, []ocpi.Version{ocpi.V211})
	if err != nil {
		t.Fatal(err)
	}
	return db, o
}

func put[T any](t testing.TB, o *object.Own[T], objects ...T) {
	t.Helper()
	for _, x := range objects {
		if _, err := o.Put(t.Context(), object.Item[T]{Party: own, Object: x}); err != nil {
			t.Fatal(err)
		}
	}
}

// token is the first token of the sample, changed.
func token(change func(*v230.Token)) v230.Token {
	x := ocpitest.Network(own).Token(1)
	x.UID, x.Type, x.Valid = "CARD", v230.TokenTypeRFID, true
	if change != nil {
		change(&x)
	}
	return x
}

// seen collects what is counted.
type seen struct {
	mu  sync.Mutex
	all []authorize.Observation
}

func (s *seen) observe(o authorize.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Duration = 0
	s.all = append(s.all, o)
}

// events are what was told of authorizations.
func events(t *testing.T, db *sqlite.DB) (told []authorize.Asked) {
	t.Helper()
	all, _, err := db.Events(t.Context(), store.EventFilter{Types: []string{authorize.EventAsked}}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		var asked authorize.Asked
		if err := json.Unmarshal(e.Data, &asked); err != nil {
			t.Fatal(err)
		}
		if e.Subject != "tokens/"+asked.TokenUID || e.Module != ocpi.ModuleTokens {
			t.Errorf("event of %q in %q", e.Subject, e.Module)
		}
		told = append(told, asked)
	}
	return told
}

func TestAnEMSPAnswersFromItsTokens(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil), token(func(x *v230.Token) { x.UID, x.Valid = "LOST", false }))
	var counted seen
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Observe: counted.observe, Logger: quiet})
	for _, tt := range []struct {
		uid  string
		kind v230.TokenType
		from *ocpi.Partner
		want string
	}{
		{"CARD", "RFID", cpo, "ALLOWED"},
		{"LOST", "RFID", cpo, "BLOCKED"},
		{"NONE", "RFID", cpo, "UNKNOWN"},
		{"CARD", "OTHER", cpo, "UNKNOWN"},
		{"card", "RFID", cpo, "UNKNOWN"}, // requirement TF-50: a uid of 2.1.1 has case
		{"CARD", "RFID", &ocpi.Partner{ID: "cpo", Version: ocpi.V211, Roles: cpo.Roles, Serves: []ocpi.Party{foreign}}, "UNKNOWN"},
	} {
		info, err := answerer.Authorize(t.Context(), tt.from, ocpiserver.AuthorizeRequest{TokenUID: tt.uid, TokenType: tt.kind})
		got := string(info.Allowed)
		if errors.Is(err, ocpi.ErrNotFound) {
			got, err = "UNKNOWN", nil
		}
		if got != tt.want || err != nil {
			t.Errorf("%s %s: %s, %v; want %s", tt.uid, tt.kind, got, err, tt.want)
		}
	}
	told := events(t, db)
	if len(told) != 6 || len(counted.all) != 6 {
		t.Fatalf("%d events, %d counted, want 6 of each", len(told), len(counted.all))
	}
	want := authorize.Asked{
		Direction: ocpi.Inbound, Party: own, TokenUID: "LOST", TokenType: "RFID", Allowed: "BLOCKED", By: authorize.ByTable, Why: "the token is not valid",
	}
	told[1].Milliseconds = 0
	if diff := cmp.Diff(want, told[1]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(authorize.Observation{Direction: ocpi.Inbound, Partner: "cpo", Allowed: "UNKNOWN", By: authorize.ByTable}, counted.all[2]); diff != "" {
		t.Error(diff)
	}
}

// The server asks for each type that 2.1.1 calls OTHER. The partner has asked once.
func TestOneQuestionAboutAnUnknownTokenIsOneEvent(t *testing.T) {
	db, _ := open(t)
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Logger: quiet})
	for _, kind := range []v230.TokenType{"OTHER", "APP_USER", "AD_HOC_USER", "EMAID"} {
		if _, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "x", TokenType: kind}); !errors.Is(err, ocpi.ErrNotFound) {
			t.Error(err)
		}
	}
	if told := events(t, db); len(told) != 1 {
		t.Errorf("%d events", len(told))
	}
}

// An answer without its event would be one that nobody can find again.
func TestWithoutItsEventThereIsNoAnswer(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: full{db}, Logger: quiet})
	if _, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID"}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("the disk is full")

type full struct{ *sqlite.DB }

func (full) Write(context.Context, func(store.Tx) error) error { return errFull }

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

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		w.WriteHeader(status)
	}
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

// A place without a location's id is none.
func TestAPlaceWithoutALocationIsNone(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Logger: quiet})
	at := &v230.LocationReferences{EVSEUIDs: []ocpi.CiString{"1"}}
	info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: at})
	if err != nil || info.Allowed != allowed || info.Location != nil {
		t.Errorf("%s at %+v, %v", info.Allowed, info.Location, err)
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

func references(p *authorize.Place) *v230.LocationReferences {
	refs := v230.LocationReferences{LocationID: ocpi.CiString(p.LocationID)}
	for _, uid := range p.EVSEUIDs {
		refs.EVSEUIDs = append(refs.EVSEUIDs, ocpi.CiString(uid))
	}
	refs = convert.WithConnectorIDs(refs, p.ConnectorIDs)
	return &refs
}

func place(refs *v230.LocationReferences) *authorize.Place {
	if refs == nil {
		return nil
	}
	p := &authorize.Place{LocationID: string(refs.LocationID), ConnectorIDs: convert.ConnectorIDs(*refs)}
	for _, uid := range refs.EVSEUIDs {
		p.EVSEUIDs = append(p.EVSEUIDs, string(uid))
	}
	return p
}

// A partner may speak for several CPOs, and what it asks does not say which.
func TestALocationOfAnyPartyOfAPartnerCounts(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	other := ocpi.NewParty("DE", "OTH")
	hub := &ocpi.Partner{ID: "cpo", Version: ocpi.V211, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: foreign}, {Role: ocpi.RoleCPO, Party: other}}}
	for party, uid := range map[ocpi.Party]ocpi.CiString{foreign: "A", other: "B"} {
		location := ocpitest.Network(party).Location(1)
		location.ID, location.EVSEs = "1", location.EVSEs[:1]
		location.EVSEs[0].UID = uid
		if _, err := object.ReceivedLocations(db).Put(t.Context(), hub, ocpi.Key{Party: party, ID: "1"}, location); err != nil {
			t.Fatal(err)
		}
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Logger: quiet})
	for uid, want := range map[ocpi.CiString]v230.AllowedType{"A": allowed, "B": allowed, "b": allowed, "C": notAllowed} {
		at := &v230.LocationReferences{LocationID: "1", EVSEUIDs: []ocpi.CiString{uid}}
		info, err := answerer.Authorize(t.Context(), hub, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: at})
		if err != nil || info.Allowed != want || want == allowed && !slices.Equal(info.Location.EVSEUIDs, at.EVSEUIDs) {
			t.Errorf("%s: %s at %+v, %v; want %s", uid, info.Allowed, info.Location, err, want)
		}
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

// The target of issue 5 is 5,000 answers a second, each with its event on disk.
func BenchmarkAnswersFromTheStore(b *testing.B) {
	for _, bench := range []struct {
		name string
		at   *v230.LocationReferences
	}{{"anywhere", nil}, {"at a location", &v230.LocationReferences{LocationID: "L"}}} {
		b.Run(bench.name, func(b *testing.B) {
			db, o := open(b)
			put(b, o.Tokens, token(nil))
			location := ocpitest.Network(foreign).Location(1)
			location.ID = "L"
			if _, err := object.ReceivedLocations(db).Put(b.Context(), cpo, ocpi.Key{Party: foreign, ID: "L"}, location); err != nil {
				b.Fatal(err)
			}
			answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Logger: quiet})
			var mu sync.Mutex
			var times []time.Duration
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				var mine []time.Duration
				for pb.Next() {
					began := time.Now()
					info, err := answerer.Authorize(b.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: "CARD", TokenType: "RFID", At: bench.at})
					if err != nil || info.Allowed != allowed {
						b.Error(info.Allowed, err)
					}
					mine = append(mine, time.Since(began))
				}
				mu.Lock()
				defer mu.Unlock()
				times = append(times, mine...)
			})
			slices.Sort(times)
			b.ReportMetric(float64(len(times))/b.Elapsed().Seconds(), "answers/s")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// Requirement TOK-09: only the EVSEs and connectors where the driver may charge are in the answer.
func TestAuthorizeReducesWhatWasAskedAbout(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, ocpitest.Network(own).Token(1))
	location := ocpitest.Network(foreign).Location(1)
	location.EVSEs[1].Status = v230.StatusRemoved
	location.ID = "L"
	gone := ocpitest.Network(foreign).Location(2)
	gone.ID = "GONE"
	for i := range gone.EVSEs {
		gone.EVSEs[i].Status = v230.StatusRemoved
	}
	received := object.ReceivedLocations(db)
	bare := ocpitest.Network(foreign).Location(3)
	bare.ID, bare.EVSEs = "BARE", nil
	for _, l := range []v230.Location{location, gone, bare} {
		if _, err := received.Put(t.Context(), cpo, ocpi.Key{Party: foreign, ID: string(l.ID)}, l); err != nil {
			t.Fatal(err)
		}
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db})
	one, two := location.EVSEs[0].UID, location.EVSEs[1].UID
	for _, tt := range []struct {
		name       string
		location   string
		evses      []ocpi.CiString
		connectors []string
		allowed    bool
		wantEVSEs  []ocpi.CiString
		want       []string
	}{
		{"a location we do not know", "OTHER", []ocpi.CiString{"x"}, []string{"1"}, true, []ocpi.CiString{"x"}, []string{"1"}},
		{"the whole location", "L", nil, nil, true, nil, nil},
		{"a removed EVSE is left out", "L", []ocpi.CiString{one, two, "none"}, nil, true, []ocpi.CiString{one}, nil},
		{"a removed EVSE alone", "L", []ocpi.CiString{two}, nil, false, nil, nil},
		{"a location whose EVSEs are all gone", "GONE", nil, nil, false, nil, nil},
		{"a location whose EVSEs we do not know yet", "BARE", []ocpi.CiString{"x"}, []string{"1"}, true, []ocpi.CiString{"x"}, []string{"1"}},
		{"an unknown connector is left out", "L", []ocpi.CiString{one}, []string{"1", "9"}, true, []ocpi.CiString{one}, []string{"1"}},
		{"connectors beside EVSEs that are left out", "L", []ocpi.CiString{one, two}, []string{"1"}, true, []ocpi.CiString{one}, []string{"1"}},
		{"unknown connectors alone", "L", nil, []string{"9"}, false, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := convert.WithConnectorIDs(v230.LocationReferences{LocationID: ocpi.CiString(tt.location), EVSEUIDs: tt.evses}, tt.connectors)
			info, err := answerer.Authorize(t.Context(), cpo, ocpiserver.AuthorizeRequest{TokenUID: string(ocpitest.Network(own).Token(1).UID), TokenType: "RFID", At: &at})
			if err != nil {
				t.Fatal(err)
			}
			if allowed := info.Allowed == v230.AllowedTypeAllowed; allowed != tt.allowed || (info.Location != nil) != tt.allowed {
				t.Fatalf("got %s at %+v", info.Allowed, info.Location)
			}
			if !tt.allowed {
				return
			}
			if diff := cmp.Diff(tt.wantEVSEs, info.Location.EVSEUIDs); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, convert.ConnectorIDs(*info.Location)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
