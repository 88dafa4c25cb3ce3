package node_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var hubParty = ocpi.NewParty("SE", "HUB")

// A hub takes what is pushed to it, and has no role but that.
type hub struct {
	t    *testing.T
	node running
	mu   sync.Mutex
	// got are the messages, as "PUT sessions/… for DE/GWL"; refuses tells that what is in them is not taken.
	got     []string
	refuses bool
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	routing, _ := ocpi.ReadRouting(r.Header)
	h.mu.Lock()
	h.got = append(h.got, fmt.Sprintf("%s %s for %s", r.Method, strings.TrimPrefix(r.URL.Path, "/"), routing.To))
	refuses := h.refuses
	h.mu.Unlock()
	if refuses {
		_, _ = fmt.Fprint(w, `{"status_code":2001,"status_message":"not this one","timestamp":"2026-01-01T00:00:00Z"}`)
		return
	}
	if r.Method == http.MethodPost {
		w.Header().Set("Location", "http://"+r.Host+"/cdrs/1")
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
}

// refuse makes it refuse what comes, or take it again.
func (h *hub) refuse(refuses bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuses = refuses
}

// has reports how often a message with some text has come.
func (h *hub) has(text string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, message := range h.got {
		if strings.Contains(message, text) {
			n++
		}
	}
	return n
}

// call calls the node, and returns the HTTP status.
func (h *hub) call(method, path, body string, from ocpi.Party) int {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.node.URL()+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Authorization", ocpi.Authorization("hub-calls", ocpi.TokenBase64))
	ocpi.Routing{From: from, To: own}.Set(request.Header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// says tells the node about an eMSP behind the hub.
func (h *hub) says(party ocpi.Party, status v230.ConnectionStatus, at time.Time) {
	h.t.Helper()
	body := fmt.Sprintf(`{"country_code":%q,"party_id":%q,"role":"EMSP","status":%q,"last_updated":%q}`,
		party.CountryCode, party.PartyID, status, at.UTC().Format(time.RFC3339))
	if got := h.call("PUT", "/2.2.1/receiver/hubclientinfo/"+party.String(), body, ocpi.Party{}); got/100 != 2 {
		h.t.Fatalf("client info: HTTP %d", got)
	}
}

// behindHub is a node with a partner that is a hub and nothing else, and is trusted.
func behindHub(t *testing.T) *hub {
	t.Helper()
	c := config(t)
	c.AllowPrivate = true
	h := &hub{t: t, node: start(t, c)}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	now := time.Now()
	rel := handshake.Relation{
		Name: "hub", State: handshake.Registered, Since: now.Add(-time.Hour),
		Remote: handshake.Remote{
			VersionsURL: server.URL + "/versions", Version: ocpi.V221, Hub: hubParty, Roles: []ocpi.PartyRole{{Role: ocpi.RoleHub, Party: hubParty}},
		},
		Inbound:  []handshake.InboundToken{{Hash: sha256.Sum256([]byte("hub-calls")), Status: handshake.TokenCurrent, Made: now}},
		Outbound: []handshake.OutboundToken{{Token: "node-calls", Made: now, URL: server.URL + "/versions"}},
	}
	for _, module := range []ocpi.ModuleID{ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens, ocpi.ModuleTariffs} {
		rel.Remote.Endpoints = append(rel.Remote.Endpoints, ocpi.Endpoint{Module: module, Role: ocpi.Receiver, URL: server.URL + "/" + string(module)})
	}
	if err := h.node.Partners.AddRelation(t.Context(), rel); err != nil {
		t.Fatal(err)
	}
	if err := h.node.Partners.ChangePolicy(t.Context(), "hub", func(p *partner.Policy) error {
		p.Receive.Routing = ocpi.RoutingTrust
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

// Sessions and CDRs go to eMSPs behind a hub while it says that they are connected. What waits for one that is away is sent when it is
// back, and nothing is sent twice (requirement DH-04).
func TestWhatIsForAPartyBehindAHubWaitsUntilItIsConnected_DH04(t *testing.T) {
	h, now := behindHub(t), time.Now()
	session := func(id ocpi.CiString) {
		s := sample.ActiveSession()
		s.ID, s.CDRToken.CountryCode, s.CDRToken.PartyID = id, ocpi.CiString(theirs.CountryCode), ocpi.CiString(theirs.PartyID)
		put(t, h.node.Objects.Sessions, s)
	}
	cdr := func(number int) string {
		d := sample.CDR(number)
		d.CDRToken.CountryCode, d.CDRToken.PartyID = ocpi.CiString(theirs.CountryCode), ocpi.CiString(theirs.PartyID)
		put(t, h.node.Objects.CDRs, d)
		return string(d.ID)
	}
	arrives := func(text string) {
		t.Helper()
		eventually(t, text+" arrives", func() bool { return h.has(text) > 0 })
	}
	session("S-EARLY") // nothing is known of its eMSP
	put(t, h.node.Objects.Tariffs, sample.Tariffs()[0])
	arrives("PUT tariffs/")
	if h.has("sessions") > 0 {
		t.Errorf("sent to a party that nothing is known of: %q", h.got)
	}
	h.says(theirs, v230.ConnectionStatusConnected, now.Add(-3*time.Minute))
	arrives("S-EARLY for " + theirs.String())
	cdr(1)
	arrives("POST cdrs for " + theirs.String())

	h.refuse(true)
	session("S-HELD")
	arrives("S-HELD for " + theirs.String())
	h.says(theirs, v230.ConnectionStatusOffline, now.Add(-2*time.Minute))
	eventually(t, "no lane is for it", func() bool {
		sessions, cdrs := goesTo(t, h.node, ocpi.ModuleSessions, theirs), goesTo(t, h.node, ocpi.ModuleCDRs, theirs)
		return !sessions && !cdrs
	})
	h.refuse(false)
	held := h.has("S-HELD")
	session("S-LATE")
	cdr(2)
	time.Sleep(500 * time.Millisecond)
	if h.has("S-LATE") > 0 || h.has("POST cdrs") > 1 || h.has("S-HELD") > held {
		t.Errorf("sent to a party that is away: %q", h.got)
	}

	h.says(theirs, v230.ConnectionStatusConnected, now.Add(-time.Minute))
	arrives("S-LATE for " + theirs.String())
	eventually(t, "what was held arrives", func() bool { return h.has("S-HELD") > held })
	eventually(t, "the second CDR arrives", func() bool { return h.has("POST cdrs for "+theirs.String()) == 2 })
	time.Sleep(500 * time.Millisecond)
	if n := h.has("POST cdrs"); n != 2 {
		t.Errorf("two CDRs were posted %d times", n)
	}
}

// goesTo reports whether a lane has taken in that it is for a party.
func goesTo(t *testing.T, n running, module ocpi.ModuleID, party ocpi.Party) bool {
	t.Helper()
	state, err := n.LaneState(t.Context(), "hub", module)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(state, party.String())
}

// A hub without any other role speaks for parties in every role, if it is trusted, and gets what is for all of them.
func TestAHubAloneSpeaksForThoseBehindIt(t *testing.T) {
	h := behindHub(t)
	behind := ocpi.NewParty("DE", "CPX")
	tariff := `{"country_code":"DE","party_id":"CPX","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}`
	if got := h.call("PUT", "/2.2.1/receiver/tariffs/DE/CPX/T1", tariff, behind); got != http.StatusCreated && got != http.StatusOK {
		t.Errorf("a tariff of a CPO behind the hub: HTTP %d", got)
	}
	for _, path := range []string{"/2.2.1/receiver/tariffs/DE/CPX/T1", "/2.2.1/sender/tariffs", "/2.2.1/sender/tokens"} {
		if got := h.call("GET", path, "", hubParty); got != http.StatusOK {
			t.Errorf("%s: HTTP %d", path, got)
		}
	}
	token := sample.Tokens()[0]
	if _, err := h.node.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: own, Object: token}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "our token arrives at the hub", func() bool { return h.has("tokens/"+own.String()+"/"+string(token.UID)+" for "+hubParty.String()) > 0 })
	if err := h.node.Partners.ChangePolicy(t.Context(), "hub", func(p *partner.Policy) error {
		p.Receive.Routing = ocpi.RoutingStrict
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not trusted any more", func() bool {
		return h.call("PUT", "/2.2.1/receiver/tariffs/DE/CPX/T1", tariff, behind) == http.StatusNotFound
	})
}
