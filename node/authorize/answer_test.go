package authorize_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
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

// Requirement DT-31: since 2.2 a CPO names a token, and a location of its own, in any case.
func TestTokensAreAskedAboutInAnyCaseSince22(t *testing.T) {
	db, o := open(t)
	put(t, o.Tokens, token(nil))
	later := *cpo
	later.Version = ocpi.V221
	location := ocpitest.Network(foreign).Location(1)
	location.ID = "LOC1"
	if _, err := object.ReceivedLocations(db).Put(t.Context(), &later, ocpi.Key{Party: foreign, ID: "LOC1"}, location); err != nil {
		t.Fatal(err)
	}
	answerer := authorize.NewAnswerer(authorize.AnswererConfig{Store: db, Logger: quiet})
	for uid, at := range map[string]string{"card": "loc1", "Card": "LOC1", "CARD": "Loc1"} {
		info, err := answerer.Authorize(t.Context(), &later, ocpiserver.AuthorizeRequest{
			TokenUID: uid, TokenType: "RFID", At: &v230.LocationReferences{LocationID: ocpi.CiString(at), EVSEUIDs: []ocpi.CiString{"NONE"}},
		})
		if err != nil || info.Allowed != notAllowed { // the location is known, and has no such EVSE
			t.Errorf("%s at %s: %s, %v", uid, at, info.Allowed, err)
		}
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
