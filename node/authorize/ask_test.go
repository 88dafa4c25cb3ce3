package authorize_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// emsps are partners of a CPO, each with a server that answers in its own way.
type emsps struct {
	db       *sqlite.DB
	objects  *object.Objects
	partners []authorize.Partner
	urls     map[string]string
	calls    atomic.Int64
}

func newEMSPs(t *testing.T) *emsps {
	db, objects := open(t)
	return &emsps{db: db, objects: objects, urls: map[string]string{}}
}

// add adds an eMSP; one without an answer cannot be called.
func (e *emsps) add(t *testing.T, name string, answer http.HandlerFunc) {
	t.Helper()
	p := authorize.Partner{Name: name, Version: ocpi.V211, Parties: []ocpi.Party{partyOf(name)}}
	if answer != nil {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.calls.Add(1)
			_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that a client has gone
			answer(w, r)
		}))
		t.Cleanup(server.Close)
		e.urls[name], p.CanAsk = server.URL, true
	}
	e.partners = append(e.partners, p)
}

func partyOf(name string) ocpi.Party { return ocpi.NewParty("DE", strings.ToUpper(name + "XX")[:3]) }

// sends stores a token that an eMSP has sent.
func (e *emsps) sends(t *testing.T, name, uid string, change func(*v230.Token)) {
	t.Helper()
	x := token(func(x *v230.Token) { x.UID, x.Whitelist = ocpi.CiString(uid), v230.WhitelistTypeAlways })
	if change != nil {
		change(&x)
	}
	key := ocpi.Key{Party: partyOf(name), ID: uid, TokenType: string(x.Type)}
	if _, err := object.ReceivedTokens(e.db).Put(t.Context(), &ocpi.Partner{ID: name}, key, x); err != nil {
		t.Fatal(err)
	}
}

func (e *emsps) Client(_ context.Context, name string) (*ocpiclient.Client, error) {
	return ocpiclient.New(ocpiclient.Config{
		Partner: &ocpi.Partner{ID: name, Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: partyOf(name)}}}, Version: ocpi.V211, Token: "a-secret",
		PartnerRole: ocpi.RoleEMSP, OwnRole: ocpi.RoleCPO, Own: own, Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}),
		Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleTokens, URL: e.urls[name] + "/tokens"}},
	})
}

func (e *emsps) asker(change func(*authorize.AskerConfig)) *authorize.Asker {
	c := authorize.AskerConfig{
		Store: e.db, Clients: e, Deadline: 400 * time.Millisecond, Logger: quiet,
		Partners: func(context.Context) ([]authorize.Partner, error) { return slices.Clone(e.partners), nil },
	}
	if change != nil {
		change(&c)
	}
	return authorize.NewAsker(c)
}

// answers is an eMSP that answers with this data.
func answers(data string) http.HandlerFunc { return envelope(200, 1000, data) }

func envelope(status, code int, data string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		member := ""
		if data != "" {
			member = `"data":` + data + `,`
		}
		fmt.Fprintf(w, `{%s"status_code":%d,"timestamp":"2026-11-27T12:00:00Z"}`, member, code)
	}
}

// endless begins an answer and does not end it.
func endless(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, `{"data":`)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func whitelist(w v230.WhitelistType) func(*v230.Token) {
	return func(x *v230.Token) { x.Whitelist = w }
}

func TestAnEMSPIsAskedInRealTime(t *testing.T) {
	place := &authorize.Place{LocationID: "L", EVSEUIDs: []string{"1", "2"}, ConnectorIDs: []string{"1"}}
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		token   func(*v230.Token)
		at      *authorize.Place
		want    string
		left    *authorize.Place
		trouble authorize.Trouble
	}{
		{"it allows", answers(`{"allowed":"ALLOWED"}`), whitelist("NEVER"), nil, "ALLOWED by realtime", nil, ""},
		{"it refuses", answers(`{"allowed":"NO_CREDIT","info":{"language":"en","text":"x"}}`), whitelist("NEVER"), place, "NO_CREDIT by realtime", nil, ""},
		{"it allows all that was asked", answers(`{"allowed":"ALLOWED"}`), whitelist("NEVER"), place, "ALLOWED by realtime", place, ""},
		{"it allows some", answers(`{"allowed":"ALLOWED","location":{"location_id":"L","evse_uids":["2","7"],"connector_ids":["1"]}}`), whitelist("NEVER"), place,
			"ALLOWED by realtime", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"2"}, ConnectorIDs: []string{"1"}}, ""},
		{"it allows what was not asked", answers(`{"allowed":"ALLOWED","location":{"location_id":"L","evse_uids":["7"]}}`), whitelist("NEVER"), place,
			"NOT_ALLOWED by realtime", nil, ""},
		{"it allows elsewhere", answers(`{"allowed":"ALLOWED","location":{"location_id":"M"}}`), whitelist("NEVER"), place, "NOT_ALLOWED by realtime", nil, ""},
		{"it does not know the token: a refusal and no outage (TOK-12)", envelope(404, 2000, ""), whitelist("ALLOWED_OFFLINE"), nil, "NOT_ALLOWED by realtime", nil, ""},
		{"it says so as later versions do", envelope(200, 2004, ""), whitelist("ALLOWED_OFFLINE"), nil, "NOT_ALLOWED by realtime", nil, ""},
		{"it needs the location (TOK-10)", envelope(200, 2002, ""), whitelist("ALLOWED_OFFLINE"), nil, "NOT_ALLOWED by realtime", nil, ""},

		{"it does not know the location", envelope(200, 2003, ""), whitelist("ALLOWED_OFFLINE"), place, "NOT_ALLOWED by realtime", nil, ""},
		{"it does not authorize in real time (TOK-07)", envelope(405, 2000, ""), whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.NotOffered},
		{"it refuses us", envelope(401, 2000, ""), whitelist("NEVER"), nil, "NOT_ALLOWED by fallback", nil, authorize.Unusable},
		{"it says nothing of the token, without an envelope (TOK-12)", fails(404), whitelist("ALLOWED_OFFLINE"), nil, "NOT_ALLOWED by realtime", nil, ""},
		{"it answers success with nothing in it", envelope(200, 1000, ""), whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.Unusable},
		{"it answers in another type", answers(`{"allowed":true}`), whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.Unusable},
		{"it answers what OCPI does not have", answers(`{"allowed":"PERHAPS"}`), whitelist("ALLOWED_OFFLINE"), nil, "NOT_ALLOWED by realtime", nil, authorize.Unusable},
		{"its answer never ends", endless, whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.Late},
		{"uids differ in case", answers(`{"allowed":"ALLOWED","location":{"location_id":"l","evse_uids":["2"]}}`), whitelist("NEVER"), place,
			"ALLOWED by realtime", &authorize.Place{LocationID: "L", EVSEUIDs: []string{"2"}, ConnectorIDs: []string{"1"}}, ""},

		{"it hangs, and may be done without (TOK-13)", hangs, whitelist("ALLOWED_OFFLINE"), place, "ALLOWED by fallback", place, authorize.Late},
		{"it hangs, and may not be done without (TOK-13)", hangs, whitelist("NEVER"), nil, "NOT_ALLOWED by fallback", nil, authorize.Late},
		{"it fails", envelope(200, 3000, ""), whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.Unusable},
		{"it answers 500 without an envelope", fails(500), whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.Unusable},
		{"it answers nonsense", says("<html>"), whitelist("NEVER"), nil, "NOT_ALLOWED by fallback", nil, authorize.Unusable},
		{"it cannot be called", nil, whitelist("ALLOWED_OFFLINE"), nil, "ALLOWED by fallback", nil, authorize.NotOffered},
		{"it cannot be called, and may not be done without", nil, whitelist("NEVER"), nil, "NOT_ALLOWED by fallback", nil, authorize.NotOffered},
		{"it is asked although its token is not valid", answers(`{"allowed":"ALLOWED"}`), func(x *v230.Token) { x.Whitelist, x.Valid = "NEVER", false }, nil, "ALLOWED by realtime", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEMSPs(t)
			e.add(t, "one", tt.answer)
			e.sends(t, "one", "CARD", tt.token)
			began := time.Now()
			v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "CARD", Location: tt.at})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if got := string(v.Allowed) + " by " + string(v.By); got != tt.want || v.Trouble != tt.trouble {
				t.Errorf("%s, trouble %q, because %s; want %s, trouble %q", got, v.Trouble, v.Why, tt.want, tt.trouble)
			}
			if diff := cmp.Diff(tt.left, v.Location); diff != "" {
				t.Errorf("location: %s", diff)
			}
			if v.Partner != "one" || v.Party != partyOf("one") || v.Token == nil || v.Token.UID != "CARD" || v.Why == "" {
				t.Errorf("%+v", v)
			}
			told := events(t, e.db)
			if len(told) != 1 || told[0].Direction != ocpi.Outbound || told[0].Allowed != string(v.Allowed) || told[0].By != v.By || told[0].TokenType != "RFID" {
				t.Errorf("events %+v", told)
			}
		})
	}
}

// An eMSP behind a hub is asked unless the hub says that it is away (requirement DH-04).
func TestAnEMSPThatIsAwayFromItsHubIsNotAsked_DH04(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", answers(`{"allowed":"ALLOWED"}`))
	e.sends(t, "one", "CARD", whitelist("NEVER"))
	for _, tt := range []struct {
		name      string
		hub       bool
		reachable bool
		err       error
		want      string
		trouble   authorize.Trouble
		calls     int64
	}{
		{"away", true, false, nil, "NOT_ALLOWED by fallback", authorize.Away, 0},
		{"connected", true, true, nil, "ALLOWED by realtime", "", 1},
		{"nobody knows", true, false, io.ErrUnexpectedEOF, "ALLOWED by realtime", "", 1},
		{"it is no hub", false, false, nil, "ALLOWED by realtime", "", 1},
	} {
		e.partners[0].Hub = tt.hub
		e.calls.Store(0)
		asker := e.asker(func(c *authorize.AskerConfig) {
			c.Reachable = func(_ context.Context, hub string, party ocpi.Party) (bool, error) {
				if hub != "one" || party != partyOf("one") {
					t.Errorf("%s, %s", hub, party)
				}
				return tt.reachable, tt.err
			}
		})
		v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "CARD"})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(v.Allowed) + " by " + string(v.By); got != tt.want || v.Trouble != tt.trouble || e.calls.Load() != tt.calls {
			t.Errorf("%s: %s, trouble %q, %d calls, because %s", tt.name, got, v.Trouble, e.calls.Load(), v.Why)
		}
	}
}

func TestAnEMSPIsNotAskedWhereItsTokenIsEnough(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", answers(`{"allowed":"BLOCKED"}`))
	e.sends(t, "one", "ALWAYS", nil)
	e.sends(t, "one", "GONE", func(x *v230.Token) { x.Valid = false })
	e.sends(t, "one", "ALLOWED", whitelist("ALLOWED"))
	for uid, want := range map[string]string{"ALWAYS": "ALLOWED by cache", "GONE": "BLOCKED by cache", "ALLOWED": "ALLOWED by cache"} {
		v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: uid})
		if got := string(v.Allowed) + " by " + string(v.By); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", uid, got, err, want)
		}
	}
	if n := e.calls.Load(); n > 0 {
		t.Fatalf("it was asked %d times", n)
	}
	e.partners[0].Policy.Prefer = authorize.PreferRealtime
	if v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "ALLOWED"}); err != nil || v.Allowed != blocked || v.By != authorize.ByRealtime {
		t.Errorf("%+v, %v", v, err)
	}
}

// Why a driver may not charge, or why the eMSP was not heard, is said as it was.
func TestAVerdictSaysWhy(t *testing.T) {
	never := whitelist("NEVER")
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		policy authorize.Policy
		want   string
	}{
		{"unknown token", envelope(404, 2000, ""), authorize.Policy{}, "does not know the token"},
		{"unknown location", envelope(200, 2003, ""), authorize.Policy{}, "does not know the location"},
		{"no location", envelope(200, 2002, ""), authorize.Policy{}, "must be told where"},
		{"not to be asked", answers(`{"allowed":"ALLOWED"}`), authorize.Policy{Off: true}, "not asked, by its policy"},
		{"not offered", nil, authorize.Policy{}, "cannot be called"},
		{"its error", envelope(500, 3000, ""), authorize.Policy{}, "answered HTTP 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEMSPs(t)
			e.add(t, "one", tt.answer)
			e.partners[0].Policy = tt.policy
			e.sends(t, "one", "CARD", never)
			v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "CARD"})
			if err != nil || v.Allowed != notAllowed || !strings.Contains(v.Why, tt.want) {
				t.Errorf("%s: %s, %v; want %s", v.Allowed, v.Why, err, tt.want)
			}
		})
	}
}

func TestATextForTheDriverIsNoLongerThanOneMayBe(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", answers(`{"allowed":"BLOCKED","info":{"language":"en","text":"`+strings.Repeat("é", 100_000)+`"}}`))
	e.sends(t, "one", "CARD", whitelist("NEVER"))
	v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "CARD"})
	if err != nil || v.Info == nil || v.Info.Text != strings.Repeat("é", 512) {
		t.Errorf("%+v, %v", v.Info, err)
	}
}

func TestAPartnerHasItsOwnDeadline(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", hangs)
	e.sends(t, "one", "CARD", whitelist("ALLOWED_OFFLINE"))
	e.partners[0].Policy.Deadline = 50 * time.Millisecond
	began := time.Now()
	v, err := e.asker(func(c *authorize.AskerConfig) { c.Deadline = time.Minute }).Ask(t.Context(), authorize.Question{TokenUID: "CARD"})
	if err != nil || v.Trouble != authorize.Late || !strings.Contains(v.Why, "within 50ms") || time.Since(began) > 10*time.Second {
		t.Errorf("%+v, %v", v, err)
	}
}

// Requirement TOK-04: a card does not say whose it is.
func TestOneUIDAtSeveralEMSPs_TOK04(t *testing.T) {
	old := func(x *v230.Token) { x.LastUpdated = ocpi.NewDateTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) }
	gone := func(x *v230.Token) { x.Valid = false }
	never := whitelist("NEVER")
	type sent struct {
		from, uid string
		change    func(*v230.Token)
	}
	for _, tt := range []struct {
		name     string
		sent     []sent
		question authorize.Question
		anyCase  bool
		want     string
		others   string
	}{
		{"the newest first", []sent{{"one", "C", old}, {"two", "C", nil}}, authorize.Question{TokenUID: "C"}, false, "ALLOWED two", "one"},
		{"a valid one before a newer one that is not", []sent{{"one", "C", old}, {"two", "C", gone}}, authorize.Question{TokenUID: "C"}, false, "ALLOWED one", "two"},
		{"one that is allowed before a newer one that is refused", []sent{{"one", "C", old}, {"no", "C", never}}, authorize.Question{TokenUID: "C"}, false, "ALLOWED one", "no"},
		{"of refusals the first", []sent{{"one", "C", func(x *v230.Token) { old(x); gone(x) }}, {"no", "C", never}}, authorize.Question{TokenUID: "C"}, false, "NOT_ALLOWED no", "one"},
		{"the one that was named", []sent{{"one", "C", old}, {"two", "C", nil}}, authorize.Question{TokenUID: "C", Partner: "one"}, false, "ALLOWED one", ""},
		{"RFID before others", []sent{{"one", "C", func(x *v230.Token) { x.Type = "OTHER" }}, {"two", "C", old}}, authorize.Question{TokenUID: "C"}, false, "ALLOWED two", ""},
		{"others where there is no RFID", []sent{{"one", "C", func(x *v230.Token) { x.Type = "OTHER" }}}, authorize.Question{TokenUID: "C"}, false, "ALLOWED one", ""},
		{"the type asked about", []sent{{"one", "C", func(x *v230.Token) { x.Type = "OTHER" }}, {"two", "C", nil}}, authorize.Question{TokenUID: "C", TokenType: "OTHER"}, false, "ALLOWED one", ""},
		{"a type that 2.1.1 calls OTHER", []sent{{"one", "C", func(x *v230.Token) { x.Type = "OTHER" }}}, authorize.Question{TokenUID: "C", TokenType: "APP_USER"}, false, "ALLOWED one", ""},
		{"case counts in 2.1.1 (TF-67)", []sent{{"one", "ab", nil}}, authorize.Question{TokenUID: "AB"}, false, "NOT_ALLOWED ", ""},
		{"case does not count where it is said so", []sent{{"one", "ab", nil}}, authorize.Question{TokenUID: "AB"}, true, "ALLOWED one", ""},
		{"case does not count since 2.2 (TF-67)", []sent{{"late", "ab", nil}}, authorize.Question{TokenUID: "AB"}, false, "ALLOWED late", ""},
		{"the same case first", []sent{{"late", "ab", nil}, {"one", "AB", old}}, authorize.Question{TokenUID: "AB"}, false, "ALLOWED one", "late"},
		{"a token of somebody who is no partner any more", []sent{{"stranger", "C", nil}}, authorize.Question{TokenUID: "C"}, false, "NOT_ALLOWED ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEMSPs(t)
			e.add(t, "one", nil)
			e.add(t, "two", nil)
			e.add(t, "no", answers(`{"allowed":"NOT_ALLOWED"}`))
			e.add(t, "late", nil)
			e.partners[3].Version = ocpi.V221
			for _, s := range tt.sent {
				e.sends(t, s.from, s.uid, s.change)
			}
			v, err := e.asker(func(c *authorize.AskerConfig) { c.AnyCase, c.RefuseUnknown = tt.anyCase, true }).Ask(t.Context(), tt.question)
			if got := string(v.Allowed) + " " + v.Partner; err != nil || got != tt.want || strings.Join(v.Others, " ") != tt.others {
				t.Errorf("%q, others %v, %v: %s; want %q", got, v.Others, err, v.Why, tt.want)
			}
		})
	}
}

func TestATokenThatNobodyHasSent(t *testing.T) {
	yes, no := answers(`{"allowed":"ALLOWED"}`), envelope(404, 2000, "")
	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		refuse  bool
		want    string
		why     string
		calls   int64
	}{
		{"there is nobody to ask", nil, false, "NOT_ALLOWED by unknown ", "no eMSP to ask", 0},
		{"nobody is asked, by decision", []http.HandlerFunc{yes}, true, "NOT_ALLOWED by unknown ", "not asked", 0},
		{"one eMSP knows it", []http.HandlerFunc{no, nil, yes}, false, "ALLOWED by realtime p2", "the eMSP allows it", 2},
		{"one allows it, whoever hangs", []http.HandlerFunc{hangs, yes, hangs}, false, "ALLOWED by realtime p1", "the eMSP allows it", 3},
		{"one knows it and refuses", []http.HandlerFunc{no, answers(`{"allowed":"EXPIRED"}`)}, false, "EXPIRED by realtime p1", "refuses", 2},
		{"nobody knows it", []http.HandlerFunc{no, no}, false, "NOT_ALLOWED by unknown ", "none of the 2", 2},
		{"nobody who answers knows it", []http.HandlerFunc{no, hangs}, false, "NOT_ALLOWED by unknown ", "no answer came from p1", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEMSPs(t)
			for i, answer := range tt.answers {
				e.add(t, fmt.Sprintf("p%d", i), answer)
			}
			v, err := e.asker(func(c *authorize.AskerConfig) { c.RefuseUnknown = tt.refuse }).Ask(t.Context(), authorize.Question{TokenUID: "NEW"})
			if got := string(v.Allowed) + " by " + string(v.By) + " " + v.Partner; err != nil || got != tt.want || !strings.Contains(v.Why, tt.why) {
				t.Errorf("%q, %v: %s; want %q: %s", got, err, v.Why, tt.want, tt.why)
			}
			if n := e.calls.Load(); n > tt.calls || tt.calls == 0 && n > 0 {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
			if told := events(t, e.db); len(told) != 1 || told[0].TokenUID != "NEW" {
				t.Errorf("events %+v", told)
			}
		})
	}
}

// However many eMSPs there are and however slow, an unknown card gets its answer within the deadline.
func TestManyEMSPsAreAskedWithinOneDeadline(t *testing.T) {
	e := newEMSPs(t)
	for i := range 40 {
		e.add(t, fmt.Sprintf("p%d", i), hangs)
	}
	began := time.Now()
	v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "NEW"})
	if took := time.Since(began); err != nil || v.Allowed != notAllowed || v.Trouble != authorize.Late || took > 5*time.Second {
		t.Errorf("%+v, %v in %s", v, err, took)
	}
}

// Those that hang keep nobody from asking the others.
func TestAnEMSPIsHeardBesideManyThatHang(t *testing.T) {
	e := newEMSPs(t)
	for i := range 40 {
		e.add(t, fmt.Sprintf("p%d", i), hangs)
	}
	e.add(t, "one", answers(`{"allowed":"ALLOWED"}`))
	v, err := e.asker(func(c *authorize.AskerConfig) { c.Deadline = 5 * time.Second }).Ask(t.Context(), authorize.Question{TokenUID: "NEW"})
	if err != nil || v.Allowed != allowed || v.Partner != "one" {
		t.Errorf("%+v, %v", v, err)
	}
}

// Of several that know an unknown card and refuse it, the answer is the same whoever is first.
func TestRefusalsOfAnUnknownCardAreInTheOrderOfThePartners(t *testing.T) {
	e := newEMSPs(t)
	slow := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { time.Sleep(50 * time.Millisecond); answer(w, r) }
	}
	e.add(t, "one", slow(answers(`{"allowed":"EXPIRED"}`)))
	e.add(t, "two", answers(`{"allowed":"NO_CREDIT"}`))
	v, err := e.asker(func(c *authorize.AskerConfig) { c.Deadline = 5 * time.Second }).Ask(t.Context(), authorize.Question{TokenUID: "NEW"})
	if err != nil || v.Allowed != expired || v.Partner != "one" || !slices.Equal(v.Others, []string{"two"}) {
		t.Errorf("%+v, %v", v, err)
	}
}

// Requirement TOK-09: an eMSP cannot send a driver to EVSEs that the location does not have.
func TestAnAnswerAboutAWholeLocationIsCheckedAgainstIt_TOK09(t *testing.T) {
	e := newEMSPs(t)
	location := ocpitest.Network(own).Location(1)
	location.ID = "L"
	location.EVSEs[1].Status = v230.StatusRemoved
	put(t, e.objects.Locations, location)
	one, two := string(location.EVSEs[0].UID), string(location.EVSEs[1].UID)
	for i, tt := range []struct {
		location, answer string
		want             v230.AllowedType
		evses            []string
	}{
		{"L", one, allowed, []string{one}},
		{"L", one + `","9`, allowed, []string{one}},
		{"L", two, notAllowed, nil},
		{"L", "9", notAllowed, nil},
		{"OTHER", "9", allowed, []string{"9"}}, // not known here: then it is the eMSP's word
	} {
		name := fmt.Sprintf("p%d", i)
		e.add(t, name, answers(`{"allowed":"ALLOWED","location":{"location_id":"`+tt.location+`","evse_uids":["`+tt.answer+`"]}}`))
		e.sends(t, name, "CARD", whitelist("NEVER"))
		v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "CARD", Partner: name, Location: &authorize.Place{LocationID: tt.location}})
		if err != nil || v.Allowed != tt.want || tt.want == allowed && !slices.Equal(v.Location.EVSEUIDs, tt.evses) {
			t.Errorf("%s at %s: %s at %+v, %v; want %s at %v", tt.answer, tt.location, v.Allowed, v.Location, err, tt.want, tt.evses)
		}
	}
}

func TestAQuestionThatIsNoneIsRefused(t *testing.T) {
	e := newEMSPs(t)
	for _, q := range []authorize.Question{
		{}, {TokenUID: strings.Repeat("x", 200)}, {TokenUID: "C", TokenType: "CARD"}, {TokenUID: "C", Location: &authorize.Place{}},
	} {
		var refused *ocpi.Error
		if _, err := e.asker(nil).Ask(t.Context(), q); !errors.As(err, &refused) || refused.Code != ocpi.StatusInvalidParameters {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if told := events(t, e.db); len(told) > 0 {
		t.Errorf("events %+v", told)
	}
}

// A charger that gives up is seen, with the eMSP that kept it waiting.
func TestAChargerThatGivesUpIsAnEvent(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", hangs)
	e.sends(t, "one", "CARD", whitelist("ALLOWED_OFFLINE"))
	asker := e.asker(func(c *authorize.AskerConfig) { c.Deadline = 10 * time.Second })
	for uid, partner := range map[string]string{"CARD": "one", "NEW": ""} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		if _, err := asker.Ask(ctx, authorize.Question{TokenUID: uid}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		all, _, err := e.db.Events(t.Context(), store.EventFilter{Types: []string{authorize.EventAsked}}, 0, 1000)
		if err != nil || len(all) == 0 || all[len(all)-1].Partner != partner {
			t.Errorf("%s: %+v, %v", uid, all, err)
		}
		if told := events(t, e.db); len(told) == 0 || told[len(told)-1].Allowed != authorize.Abandoned {
			t.Errorf("%s: events %+v", uid, told)
		}
	}
}

// All that was decided is in the event.
func TestTheEventHasTheWholeDecision(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", nil)
	e.add(t, "two", nil)
	e.sends(t, "one", "CARD", nil)
	e.sends(t, "two", "CARD", nil)
	at := &authorize.Place{LocationID: "L"}
	v, err := e.asker(nil).Ask(t.Context(), authorize.Question{TokenUID: "CARD", Location: at})
	if err != nil {
		t.Fatal(err)
	}
	told := events(t, e.db)
	if len(told) != 1 {
		t.Fatalf("%d events", len(told))
	}
	told[0].Milliseconds = 0
	want := authorize.Asked{
		Direction: ocpi.Outbound, Party: v.Party, TokenUID: "CARD", TokenType: "RFID", Asked: at, Location: at, Allowed: "ALLOWED", By: authorize.ByCache,
		Why: v.Why, AuthMethod: v230.AuthMethodWhitelist, Others: v.Others,
	}
	if diff := cmp.Diff(want, told[0]); diff != "" || len(v.Others) != 1 {
		t.Error(diff)
	}
}

func TestACPOGetsNoVerdictWithoutItsEvent(t *testing.T) {
	e := newEMSPs(t)
	e.add(t, "one", nil)
	e.sends(t, "one", "CARD", nil)
	asker := e.asker(func(c *authorize.AskerConfig) { c.Store = full{e.db} })
	if _, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "CARD"}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
