package ocpiclient_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A foreign is a partner that shares no code with the client, in one role, and the client that calls it. It has objects
// of each kind for more than three pages of two.
type foreign struct {
	*ocpitest.Partner
	client    *ocpiclient.Client
	exchanges *recorder
}

const foreignObjects = 7

func newForeign(t *testing.T, role ocpi.Role, flavour ocpitest.Flavour, quirks string, config ocpiclient.Config) foreign {
	t.Helper()
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: theirs, Roles: []ocpi.Role{role}, Flavour: flavour, PageLimit: 2, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	fill(p)
	ourRole := map[ocpi.Role]ocpi.Role{ocpi.RoleCPO: ocpi.RoleEMSP, ocpi.RoleEMSP: ocpi.RoleCPO}[role]
	peer := registeredAt(t, p, ourRole)
	f := foreign{Partner: p, exchanges: &recorder{}}
	config.Partner = &ocpi.Partner{ID: "them", Roles: []ocpi.PartyRole{{Role: role, Party: theirs}}, Quirks: quirks}
	config.Token, config.Version, config.Endpoints = peer.TheirToken, peer.Version, peer.Endpoints
	config.PartnerRole, config.OwnRole, config.Observe = role, ourRole, f.exchanges.observe
	f.client = newClient(t, config)
	p.Forget()
	return f
}

// registeredAt is what another party knows of the partner after it has registered with it.
func registeredAt(t *testing.T, p *ocpitest.Partner, role ocpi.Role) ocpitest.Peer {
	t.Helper()
	us, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: ours, Roles: []ocpi.Role{role}, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = us.Close() })
	url, tokenA := p.Invite()
	if err := us.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	return us.Peer()
}

func fill(p *ocpitest.Partner) {
	sample := ocpitest.Network(theirs)
	for i := 1; i <= foreignObjects; i++ {
		if p.CPO != nil {
			p.CPO.Locations.Put(sample.Location(i))
			p.CPO.Sessions.Put(sample.Session(i))
			p.CPO.CDRs.Put(sample.CDR(i))
			p.CPO.Tariffs.Put(sample.Tariff(i))
		}
		if p.EMSP != nil {
			p.EMSP.Tokens.Put(sample.Token(i))
		}
	}
}

// A listing is one of the lists there are, by the ids of what is in it.
type listing struct {
	module ocpi.ModuleID
	role   ocpi.Role
	list   func(t *testing.T, c *ocpiclient.Client) (ids []string, bad int, err error)
}

func listings() []listing {
	return []listing{
		{ocpi.ModuleLocations, ocpi.RoleCPO, func(t *testing.T, c *ocpiclient.Client) ([]string, int, error) {
			return idsOf(c.CPO().Locations.List(t.Context(), pagesOfTwo()), func(o v230.Location) ocpi.CiString { return o.ID })
		}},
		{ocpi.ModuleSessions, ocpi.RoleCPO, func(t *testing.T, c *ocpiclient.Client) ([]string, int, error) {
			return idsOf(c.CPO().Sessions.List(t.Context(), pagesOfTwo()), func(o v230.Session) ocpi.CiString { return o.ID })
		}},
		{ocpi.ModuleCDRs, ocpi.RoleCPO, func(t *testing.T, c *ocpiclient.Client) ([]string, int, error) {
			return idsOf(c.CPO().CDRs.List(t.Context(), pagesOfTwo()), func(o v230.CDR) ocpi.CiString { return o.ID })
		}},
		{ocpi.ModuleTariffs, ocpi.RoleCPO, func(t *testing.T, c *ocpiclient.Client) ([]string, int, error) {
			return idsOf(c.CPO().Tariffs.List(t.Context(), pagesOfTwo()), func(o v230.Tariff) ocpi.CiString { return o.ID })
		}},
		{ocpi.ModuleTokens, ocpi.RoleEMSP, func(t *testing.T, c *ocpiclient.Client) ([]string, int, error) {
			return idsOf(c.EMSP().Tokens.List(t.Context(), pagesOfTwo()), func(o v230.Token) ocpi.CiString { return o.UID })
		}},
	}
}

func pagesOfTwo() ocpi.Query { return ocpi.Query{Limit: 2} }

// idsOf are those of the good objects; bad counts the others, and err is what ended the list.
func idsOf[T any](list iter.Seq2[T, error], id func(T) ocpi.CiString) (got []string, bad int, err error) {
	for object, problem := range list {
		var one *ocpiclient.ObjectError
		switch {
		case errors.As(problem, &one):
			bad++
		case problem != nil:
			err = problem
		default:
			got = append(got, strings.ToLower(string(id(object))))
		}
	}
	return got, bad, err
}

// all are the ids of a module's objects in the backend.
func (f foreign) all(t *testing.T, module ocpi.ModuleID) []string {
	t.Helper()
	var list []string
	add := func(id ocpi.CiString) { list = append(list, strings.ToLower(string(id))) }
	switch module {
	case ocpi.ModuleLocations:
		for _, o := range f.CPO.Locations.All() {
			add(o.ID)
		}
	case ocpi.ModuleSessions:
		for _, o := range f.CPO.Sessions.All() {
			add(o.ID)
		}
	case ocpi.ModuleCDRs:
		for _, o := range f.CPO.CDRs.All() {
			add(o.ID)
		}
	case ocpi.ModuleTariffs:
		for _, o := range f.CPO.Tariffs.All() {
			add(o.ID)
		}
	default:
		for _, o := range f.EMSP.Tokens.All() {
			add(o.UID)
		}
	}
	if len(list) < foreignObjects {
		t.Fatalf("there are %d %s only", len(list), module)
	}
	return list
}

// A way is how a partner and its profile fit together.
type way struct {
	name    string
	flavour ocpitest.Flavour
	quirks  string
}

func ways() []way {
	return []way{
		{"standard", ocpitest.FlavourStandard, "standard"},
		{"standard with the default profile", ocpitest.FlavourStandard, ""},
		{"Python with its profile", ocpitest.FlavourOCPIPython, "ocpi-python"},
	}
}

// A pageFault is something that goes wrong in the pages of a list. The list comes whole, or there is an error that says
// what is wrong: a short list that looks whole is never the outcome.
type pageFault struct {
	name string
	on   ocpitest.Match
	do   ocpitest.Action
	// times is as in ocpitest.Fault.
	times int
	// whole tells that all objects come; bad is how many of them cannot be used.
	whole bool
	bad   int
	// least is how many objects come before the error, which has this text.
	least int
	text  string
	// strict is the error under the profile standard where it is another outcome there; it may come after no object.
	strict string
	// slow tells that it takes seconds, and that one module is enough.
	slow bool
}

func pageFaults() []pageFault {
	thirdPage := ocpitest.Paths("offset=4")
	return []pageFault{
		{name: "nothing", whole: true},
		{name: "the pages never end and bring the same", do: ocpitest.EndlessPages(), least: 2, text: "the page chain does not end: 6 pages in a row bring nothing new"},
		{name: "the pages never end and bring new objects", do: ocpitest.EndlessNewPages(), least: 20, text: "the page chain does not end: 20 pages were asked for"},
		{name: "a page leads to itself", do: ocpitest.LoopingLink(), least: 2, text: "the page chain does not end: this page was there before"},
		{name: "tiny pages (TF-20, TF-28)", do: ocpitest.TinyPages(1), whole: true},
		{name: "the Link has another host", do: ocpitest.LinkHost("ocpi.example.com"), whole: true, strict: "the token is not sent to another host: its Link leads to http://ocpi.example.com"},
		{name: "the Link has curly quotes", do: ocpitest.LinkText(func(link string) string { return strings.ReplaceAll(link, `"`, "”") }), whole: true, strict: "the Link header cannot be read"},
		{name: "the Link is no link", do: ocpitest.LinkText(func(string) string { return "page 2" }), whole: true, strict: "the Link header cannot be read"},
		{name: "the third page is cut off", on: thirdPage, do: ocpitest.TruncatedJSON(), least: 4, text: "answered 200 but no JSON: it ends after"},
		{name: "the third page is empty", on: thirdPage, do: ocpitest.EmptyBody(), least: 4, text: "answered 200 but nothing in it"},
		{name: "the third page is a web page", on: thirdPage, do: ocpitest.NotJSON(), least: 4, text: "answered 200 but no JSON"},
		{name: "the third page has no list", on: thirdPage, do: ocpitest.ChangeData(func(*http.Request, jsontext.Value) jsontext.Value { return jsontext.Value(`"none"`) }), least: 4, text: "no list"},
		{name: "an object of the third page is bad (TF-17)", on: thirdPage, do: ocpitest.ChangeData(spoilSecond), whole: true, bad: 1},
		{name: "429 in the middle, once", slow: true, on: thirdPage, do: ocpitest.TooManyRequests(""), times: 1, whole: true},
		{name: "429 with Retry-After in the middle, once", slow: true, on: thirdPage, do: ocpitest.TooManyRequests("1"), times: 1, whole: true},
		{name: "429 in the middle, for an hour", on: thirdPage, do: ocpitest.TooManyRequests("3600"), least: 4, text: "answered HTTP 429: Too Many Requests (it asks to wait 1h0m0s)"},
		{name: "500 in the middle, once", slow: true, on: thirdPage, do: ocpitest.ServerError(500), times: 1, whole: true},
		{name: "the connection is cut in the middle, once", slow: true, on: thirdPage, do: ocpitest.CutConnection(), times: 1, whole: true},
		{name: "half of the third page arrives, once", slow: true, on: thirdPage, do: ocpitest.CutBody(), times: 1, whole: true},
		{name: "the token ends in the middle", on: thirdPage, do: ocpitest.Unauthorized(), least: 4, text: "answered HTTP 401"},
		{name: "the third page is never answered", slow: true, on: thirdPage, do: ocpitest.NeverAnswer(), least: 4, text: "no answer within"},
	}
}

// spoilSecond makes the second object of a page unusable.
func spoilSecond(_ *http.Request, data jsontext.Value) jsontext.Value {
	var list []jsontext.Value
	if json.Unmarshal(data, &list) != nil || len(list) < 2 {
		return data
	}
	list[1] = jsontext.Value(`{"id":"BAD"}`)
	raw, err := json.Marshal(list)
	if err != nil {
		return data
	}
	return raw
}

func TestListsAreWholeOrFail_TF17_TF28(t *testing.T) {
	for _, way := range ways() {
		for _, l := range listings() {
			for _, f := range pageFaults() {
				if l.module != ocpi.ModuleLocations && (f.slow || way.quirks == "standard") {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", way.name, l.module, f.name), func(t *testing.T) {
					t.Parallel()
					p := newForeign(t, l.role, way.flavour, way.quirks, ocpiclient.Config{MaxPages: 20, Timeout: 3 * time.Second})
					want := p.all(t, l.module)
					if f.do != nil {
						p.Mean(ocpitest.Fault{On: f.on, Do: f.do, Times: f.times})
					}
					began := time.Now()
					got, bad, err := l.list(t, p.client)
					soon(t, began, 20*time.Second)
					if way.quirks == "standard" && f.strict != "" {
						f.whole, f.text = false, f.strict
					}
					f.check(t, want, got, bad, err)
				})
			}
		}
	}
}

func (f pageFault) check(t *testing.T, want, got []string, bad int, err error) {
	t.Helper()
	if f.whole {
		if err != nil || bad != f.bad {
			t.Errorf("%d bad objects, %v", bad, err)
		}
		if f.bad == 0 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the list is not whole:\n%s", diff)
			}
		} else if len(got) != len(want)-bad {
			t.Errorf("%d objects came, want %d", len(got), len(want)-bad)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), f.text) {
		t.Errorf("after %d objects the error is %v, want %q", len(got), err, f.text)
	}
	if len(got) < f.least {
		t.Errorf("%d objects came before the error, want at least %d", len(got), f.least)
	}
}

// inMay is when objects are changed.
func inMay() ocpi.DateTime { return ocpi.NewDateTime(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) }

// Every call to a CPO works with a party that shares no code with the client.
func TestEveryCallToAForeignCPO(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			f := newForeign(t, ocpi.RoleCPO, way.flavour, way.quirks, ocpiclient.Config{})
			sample, us, cpo := ocpitest.Network(theirs), ocpitest.Network(ours), f.client.CPO()
			l, err := cpo.Locations.Get(t.Context(), "LOC2")
			want := sample.Location(2)
			if err != nil || l.Address != want.Address || len(l.EVSEs) != len(want.EVSEs) || l.PartyID != "GPE" {
				t.Errorf("location: %v, %+v", err, l)
			}
			uid := string(want.EVSEs[0].UID)
			if e, err := cpo.Locations.GetEVSE(t.Context(), "LOC2", uid); err != nil || e.Status != want.EVSEs[0].Status {
				t.Errorf("EVSE: %v, %+v", err, e)
			}
			if c, err := cpo.Locations.GetConnector(t.Context(), "LOC2", uid, "1"); err != nil || c.Standard != want.EVSEs[0].Connectors[0].Standard {
				t.Errorf("connector: %v, %+v", err, c)
			}
			if _, err := cpo.Locations.Get(t.Context(), "NOWHERE"); !errors.Is(err, ocpi.ErrNotFound) {
				t.Errorf("a location that is not there: %v", err)
			}
			tokens(t, f, us.Token(1))
			commands(t, f, sample, us)
		})
	}
}

func tokens(t *testing.T, f foreign, token v230.Token) {
	t.Helper()
	receiver, key := f.client.CPO().Tokens, ocpi.Key{ID: string(token.UID)}
	if _, err := receiver.Get(t.Context(), key); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("a token that is not there: %v", err)
	}
	if _, err := receiver.Put(t.Context(), token); err != nil {
		t.Errorf("put: %v", err)
	}
	after := token
	after.Valid, after.LastUpdated = !token.Valid, inMay()
	if err := receiver.Patch(t.Context(), token, after); err != nil {
		t.Errorf("patch: %v", err)
	}
	got, err := receiver.Get(t.Context(), key)
	if err != nil || got.UID != token.UID || got.Valid != after.Valid || got.Issuer != token.Issuer || !got.LastUpdated.Equal(after.LastUpdated) {
		t.Errorf("get: %v, %+v", err, got)
	}
	if stored := f.CPO.Tokens.From(ocpitest.PeerID); len(stored) != 1 || stored[0].PartyID != "TST" || stored[0].Valid != after.Valid {
		t.Errorf("they have %+v", stored)
	}
}

func commands(t *testing.T, f foreign, sample, us ocpitest.Sample) {
	t.Helper()
	to, url := f.client.CPO().Commands, "https://tst.example.com/ocpi/commands/1"
	start, reserve := us.StartSession(url), us.ReserveNow(url)
	start.EVSEUID, reserve.EVSEUID = nil, nil
	for name, send := range map[v230.CommandType]func() (v230.CommandResponse, error){
		v230.CommandTypeStartSession: func() (v230.CommandResponse, error) { return to.StartSession(t.Context(), start) },
		v230.CommandTypeStopSession:  func() (v230.CommandResponse, error) { return to.StopSession(t.Context(), sample.StopSession(url)) },
		v230.CommandTypeReserveNow:   func() (v230.CommandResponse, error) { return to.ReserveNow(t.Context(), reserve) },
		v230.CommandTypeUnlockConnector: func() (v230.CommandResponse, error) {
			return to.UnlockConnector(t.Context(), sample.UnlockConnector(url))
		},
	} {
		if response, err := send(); err != nil || response.Result != v230.CommandResponseTypeAccepted {
			t.Errorf("%s: %v, %+v", name, err, response)
		}
		taken := f.CPO.Commands.Taken()
		if len(taken) == 0 || taken[len(taken)-1].Type != name || taken[len(taken)-1].ResponseURL() != url {
			t.Errorf("%s: they have taken %+v", name, taken)
		}
	}
	start.LocationID = "NOWHERE"
	f.CPO.Commands.Respond(func(ocpitest.Command) (v230.CommandResponse, error) {
		return v230.CommandResponse{}, &ocpi.Error{Code: ocpi.StatusUnknownLocation}
	})
	if _, err := to.StartSession(t.Context(), start); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("a location they do not have (CMD-10): %v", err)
	}
}

// Every call to an eMSP works with a party that shares no code with the client, and all of the sample's objects arrive.
func TestEveryCallToAForeignEMSP(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			f := newForeign(t, ocpi.RoleEMSP, way.flavour, way.quirks, ocpiclient.Config{})
			sample := ocpitest.Network(ours)
			for _, l := range sample.Locations() {
				location(t, f, l)
			}
			for _, s := range []v230.Session{sample.ActiveSession()} {
				after := s
				after.KWh, after.LastUpdated = ocpi.MustNumber("99.125"), inMay()
				got := throughIts(t, f.client.EMSP().Sessions, s, after, string(s.ID))
				if !got.KWh.Equal(after.KWh) || got.ID != s.ID || len(got.ChargingPeriods) != len(s.ChargingPeriods) {
					t.Errorf("session: %+v", got)
				}
			}
			for _, tariff := range sample.Tariffs() {
				after := tariff
				after.TariffAltURL, after.LastUpdated = new("https://tst.example.com/t"), inMay()
				got := throughIts(t, f.client.EMSP().Tariffs.Receiver, tariff, after, string(tariff.ID))
				if got.TariffAltURL == nil || *got.TariffAltURL != *after.TariffAltURL || len(got.Elements) != len(tariff.Elements) {
					t.Errorf("tariff: %+v", got)
				}
				key := ocpi.Key{ID: string(tariff.ID)}
				if err := f.client.EMSP().Tariffs.Delete(t.Context(), key); err != nil {
					t.Errorf("delete: %v", err)
				}
				if err := f.client.EMSP().Tariffs.Delete(t.Context(), key); !errors.Is(err, ocpi.ErrNotFound) {
					t.Errorf("delete again: %v", err)
				}
			}
			cdrs(t, f, sample)
			authorize(t, f)
			resultOf(t, f)
		})
	}
}

// throughIts puts, patches and gets an object.
func throughIts[T any](t *testing.T, receiver ocpiclient.Receiver[T], object, after T, id string) T {
	t.Helper()
	if _, err := receiver.Put(t.Context(), object); err != nil {
		t.Errorf("put: %v", err)
	}
	if err := receiver.Patch(t.Context(), object, after); err != nil {
		t.Errorf("patch: %v", err)
	}
	got, err := receiver.Get(t.Context(), ocpi.Key{ID: id})
	if err != nil {
		t.Errorf("get: %v", err)
	}
	return got
}

func location(t *testing.T, f foreign, l v230.Location) {
	t.Helper()
	to, key := f.client.EMSP().Locations, ocpi.Key{ID: string(l.ID)}
	after := l
	after.Name, after.LastUpdated = new("Another name"), inMay()
	got := throughIts(t, to.Receiver, l, after, string(l.ID))
	if got.Name == nil || *got.Name != "Another name" || len(got.EVSEs) != len(l.EVSEs) || got.Coordinates.Latitude != l.Coordinates.Latitude {
		t.Errorf("location: %+v", got)
	}
	if len(l.EVSEs) == 0 {
		return
	}
	evse := l.EVSEs[0]
	broken := evse
	broken.Status, broken.LastUpdated = v230.StatusOutOfOrder, after.LastUpdated
	if err := to.PatchEVSE(t.Context(), key, evse, broken); err != nil {
		t.Errorf("patch EVSE: %v", err)
	}
	evse.LastUpdated = after.LastUpdated // nothing older is taken
	if e, err := to.GetEVSE(t.Context(), key, string(evse.UID)); err != nil || e.Status != v230.StatusOutOfOrder {
		t.Errorf("get EVSE: %v, %+v", err, e)
	}
	if _, err := to.PutEVSE(t.Context(), key, evse); err != nil {
		t.Errorf("put EVSE: %v", err)
	}
	connector := evse.Connectors[0]
	stronger := connector
	stronger.MaxAmperage, stronger.LastUpdated = 63, after.LastUpdated
	if err := to.PatchConnector(t.Context(), key, string(evse.UID), connector, stronger); err != nil {
		t.Errorf("patch connector: %v", err)
	}
	if c, err := to.GetConnector(t.Context(), key, string(evse.UID), string(connector.ID)); err != nil || c.MaxAmperage != 63 {
		t.Errorf("get connector: %v, %+v", err, c)
	}
	if _, err := to.PutConnector(t.Context(), key, string(evse.UID), stronger); err != nil {
		t.Errorf("put connector: %v", err)
	}
}

func cdrs(t *testing.T, f foreign, sample ocpitest.Sample) {
	t.Helper()
	for _, cdr := range sample.CDRs() {
		at, err := f.client.EMSP().CDRs.Post(t.Context(), cdr)
		if err != nil {
			t.Errorf("post: %v", err)
			continue
		}
		got, err := f.client.EMSP().CDRs.Get(t.Context(), at)
		if err != nil || !strings.EqualFold(string(got.ID), string(cdr.ID)) || !got.EndDateTime.Equal(cdr.EndDateTime) || !got.TotalEnergy.Equal(cdr.TotalEnergy) {
			t.Errorf("get %s: %v, %+v", at, err, got)
		}
	}
}

func authorize(t *testing.T, f foreign) {
	t.Helper()
	for _, token := range f.EMSP.Tokens.All() {
		info, err := f.client.EMSP().Tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{
			TokenUID: string(token.UID), TokenType: token.Type, At: &v230.LocationReferences{LocationID: "LOC1"},
		})
		if err != nil || (info.Allowed == v230.AllowedTypeAllowed) != token.Valid {
			t.Errorf("authorize %s: %v, %+v", token.UID, err, info)
		}
	}
	if _, err := f.client.EMSP().Tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: "NOBODY"}); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("a token they do not know: %v", err)
	}
}

func resultOf(t *testing.T, f foreign) {
	t.Helper()
	url := f.URL + "/emsp/2.1.1/commands/4711"
	if err := f.client.EMSP().CommandResult(t.Context(), url, ocpitest.Network(ours).CommandResult()); err != nil {
		t.Errorf("command result: %v", err)
	}
	if taken := f.EMSP.CommandResults.Taken(); len(taken) != 1 || taken[0].UID != "4711" || taken[0].Result.Result != v230.CommandResultTypeAccepted {
		t.Errorf("they have taken %+v", taken)
	}
}
