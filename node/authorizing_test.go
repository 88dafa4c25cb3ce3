package node_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// card pushes a token of an eMSP to the node.
func card(t *testing.T, p *ocpitest.Partner, uid string, change func(*v230.Token)) v230.Token {
	t.Helper()
	x := ocpitest.Network(p.Party).Token(1)
	x.UID, x.Type, x.Valid, x.Whitelist = ocpi.CiString(uid), v230.TokenTypeRFID, true, v230.WhitelistTypeAllowedOffline
	change(&x)
	p.EMSP.Tokens.Put(x)
	reply, err := ocpitest.Push(t.Context(), p, x)
	if err != nil || reply.StatusCode != ocpi.StatusSuccess {
		t.Fatalf("push: %+v, %v", reply, err)
	}
	return x
}

func ask(t *testing.T, n running, q authorize.Question) authorize.Verdict {
	t.Helper()
	v, err := n.Authorize(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var asking = ocpitest.Paths("/authorize")

// Requirements TOK-06 to TOK-14, between a node and an eMSP over HTTP.
func TestACPOAsksTheEMSPOfADriver(t *testing.T) {
	n, p := cpo(t, nil)
	card(t, p, "OFFLINE", func(*v230.Token) {})
	card(t, p, "NEVER", func(x *v230.Token) { x.Whitelist = v230.WhitelistTypeNever })
	card(t, p, "ALWAYS", func(x *v230.Token) { x.Whitelist = v230.WhitelistTypeAlways })
	card(t, p, "GONE", func(x *v230.Token) { x.Valid = false })
	place := &authorize.Place{LocationID: "L", EVSEUIDs: []string{"1", "2"}}
	p.EMSP.Tokens.Decide(func(_ *ocpi.Partner, r ocpiserver.AuthorizeRequest, x v230.Token) (v230.AuthorizationInfo, error) {
		info := v230.AuthorizationInfo{Allowed: v230.AllowedTypeAllowed, Token: x, Location: r.At}
		if r.At != nil {
			info.Location = &v230.LocationReferences{LocationID: r.At.LocationID, EVSEUIDs: r.At.EVSEUIDs[:1]}
		}
		return info, nil
	})

	v := ask(t, n, authorize.Question{TokenUID: "OFFLINE", Location: place})
	if v.Allowed != "ALLOWED" || v.By != authorize.ByRealtime || v.AuthMethod != "AUTH_REQUEST" || v.Partner != emsp || v.Party != theirs ||
		v.Location == nil || len(v.Location.EVSEUIDs) != 1 || v.Location.EVSEUIDs[0] != "1" {
		t.Errorf("%+v", v)
	}
	asked := p.EMSP.Tokens.Asked()
	if len(asked) != 1 || asked[0].TokenUID != "OFFLINE" || asked[0].At == nil || len(asked[0].At.EVSEUIDs) != 2 {
		t.Errorf("the eMSP was asked %+v", asked)
	}
	if v := ask(t, n, authorize.Question{TokenUID: "ALWAYS"}); v.By != authorize.ByCache || v.AuthMethod != "WHITELIST" || v.Allowed != "ALLOWED" {
		t.Errorf("%+v", v)
	}
	if v := ask(t, n, authorize.Question{TokenUID: "GONE"}); v.By != authorize.ByRealtime || v.Allowed != "ALLOWED" { // the eMSP knows better
		t.Errorf("%+v", v)
	}

	// An unknown card: the eMSP has it, and has not sent it.
	fresh := ocpitest.Network(theirs).Token(2)
	fresh.UID, fresh.Type = "FRESH", v230.TokenTypeRFID
	p.EMSP.Tokens.Put(fresh)
	if v := ask(t, n, authorize.Question{TokenUID: "FRESH"}); v.Allowed != "ALLOWED" || v.By != authorize.ByRealtime || v.Partner != emsp || v.Party != theirs {
		t.Errorf("%+v", v)
	}
	if v := ask(t, n, authorize.Question{TokenUID: "NOBODY"}); v.Allowed != "NOT_ALLOWED" || v.By != authorize.ByUnknown {
		t.Errorf("%+v", v)
	}

	// The eMSP hangs: those who may be done without are.
	err := n.Partners.ChangePolicy(t.Context(), emsp, func(policy *partner.Policy) error {
		policy.Authorize.Deadline = 300 * time.Millisecond
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Mean(ocpitest.Fault{On: asking, Do: ocpitest.NeverAnswer()})
	for uid, want := range map[string]string{
		"OFFLINE": "ALLOWED by fallback", "NEVER": "NOT_ALLOWED by fallback", "GONE": "BLOCKED by fallback", "ALWAYS": "ALLOWED by cache",
	} {
		began := time.Now()
		v := ask(t, n, authorize.Question{TokenUID: uid})
		if got := string(v.Allowed) + " by " + string(v.By); got != want || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %s after %s, want %s; because %s", uid, got, time.Since(began), want, v.Why)
		}
		if v.By == authorize.ByFallback && v.Trouble != authorize.Late {
			t.Errorf("%s: trouble %q", uid, v.Trouble)
		}
	}
	// Three drivers have waited for it: the next does not.
	if v := ask(t, n, authorize.Question{TokenUID: "OFFLINE"}); v.Allowed != "ALLOWED" || v.By != authorize.ByFallback || v.Trouble != authorize.Away {
		t.Errorf("%+v", v)
	}

	metrics := fetch(t, n.AdminURL()+"/metrics")
	for _, line := range []string{
		`roamwire_authorizations_total{allowed="ALLOWED",by="realtime",direction="out",partner="greenwheels",trouble=""} 3`,
		`roamwire_authorizations_total{allowed="NOT_ALLOWED",by="fallback",direction="out",partner="greenwheels",trouble="late"} 1`,
		`roamwire_authorizations_total{allowed="ALLOWED",by="fallback",direction="out",partner="greenwheels",trouble="away"} 1`,
		`roamwire_authorizations_total{allowed="NOT_ALLOWED",by="unknown",direction="out",partner="",trouble=""} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestACPOWhoseEMSPFailsDecidesByTheToken(t *testing.T) {
	n, p := cpo(t, nil)
	card(t, p, "OFFLINE", func(*v230.Token) {})
	p.Mean(ocpitest.Fault{On: asking, Do: ocpitest.ServerError(500)})
	for range 5 {
		v := ask(t, n, authorize.Question{TokenUID: "OFFLINE"})
		if v.Allowed != "ALLOWED" || v.By != authorize.ByFallback || v.AuthMethod != "WHITELIST" || v.Trouble != authorize.Unusable {
			t.Errorf("%+v", v)
		}
	}
}

// A CPO that hangs up before the operator's system has answered is seen.
func TestACPOThatHangsUpIsCounted(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(hook.Close)
	n, p, _ := driversOf(t, func(c *node.Config) { c.Authorize.Webhook, c.Authorize.WebhookDeadline = hook.URL, time.Minute })
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := p.Do(ctx, "POST", p.Peer().Endpoint(ocpi.ModuleTokens)+"/CARD/authorize", nil); err == nil {
		t.Error("it was answered")
	}
	line := `roamwire_authorizations_total{allowed="ABANDONED",by="table",direction="in",partner="grid",trouble=""} 1`
	for began := time.Now(); !strings.Contains(fetch(t, n.AdminURL()+"/metrics"), line); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("the metrics lack %s", line)
		}
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// What the operator has decided about unknown cards, and about partners that are away.
func TestTheOperatorDecidesWhoIsAsked(t *testing.T) {
	n, p := cpo(t, func(c *node.Config) { c.Authorize.RefuseUnknown = true })
	card(t, p, "CHOICE", func(x *v230.Token) { x.Whitelist = v230.WhitelistTypeAllowed })
	if v := ask(t, n, authorize.Question{TokenUID: "NEW"}); v.Allowed != "NOT_ALLOWED" || v.By != authorize.ByUnknown {
		t.Errorf("%+v", v)
	}
	if v := ask(t, n, authorize.Question{TokenUID: "CHOICE"}); v.By != authorize.ByCache {
		t.Errorf("%+v", v)
	}
	for _, step := range []struct {
		policy partner.AuthorizePolicy
		by     authorize.By
	}{
		{partner.AuthorizePolicy{Realtime: true}, authorize.ByRealtime},
		{partner.AuthorizePolicy{Realtime: true, Off: true}, authorize.ByFallback},
	} {
		err := n.Partners.ChangePolicy(t.Context(), emsp, func(policy *partner.Policy) error {
			policy.Authorize = step.policy
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if v := ask(t, n, authorize.Question{TokenUID: "CHOICE"}); v.By != step.by || v.Allowed != "ALLOWED" {
			t.Errorf("%+v: %+v", step.policy, v)
		}
	}
	if got := len(p.Requests(asking)); got != 1 {
		t.Errorf("the eMSP was asked %d times", got)
	}
	h, err := n.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Suspend(t.Context(), emsp, true); err != nil {
		t.Fatal(err)
	}
	if v := ask(t, n, authorize.Question{TokenUID: "CHOICE"}); v.Allowed != "NOT_ALLOWED" || v.By != authorize.ByUnknown {
		t.Errorf("a driver of a suspended partner: %+v", v)
	}
}

// driversOf is an eMSP's node with a CPO registered, and one of its drivers.
func driversOf(t *testing.T, change func(*node.Config)) (running, *ocpitest.Partner, v230.Token) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate = []ocpi.Role{ocpi.RoleEMSP}, true
	change(&c)
	n := start(t, c)
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: theirs, Roles: []ocpi.Role{ocpi.RoleCPO}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	register(t, n, p, "grid", ocpi.RoleCPO)
	driver := ocpitest.Network(own).Token(1)
	driver.UID, driver.Type, driver.Valid = "CARD", v230.TokenTypeRFID, true
	put(t, n.Objects.Tokens, driver)
	return n, p, driver
}

// authorized is what a node answers a CPO.
func authorized(t *testing.T, p *ocpitest.Partner, uid, body string) (http int, status ocpi.StatusCode, info map[string]any) {
	t.Helper()
	var sent any
	if body != "" {
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := p.Do(t.Context(), "POST", p.Peer().Endpoint(ocpi.ModuleTokens)+"/"+uid+"/authorize?type=RFID", sent)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Data) > 0 {
		if err := json.Unmarshal(reply.Data, &info); err != nil {
			t.Fatal(err)
		}
	}
	return reply.HTTP, reply.StatusCode, info
}

func TestAnEMSPsOwnSystemDecidesWhoMayCharge(t *testing.T) {
	var answer atomic.Pointer[string]
	var down atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if down.Load() {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, *answer.Load())
	}))
	t.Cleanup(hook.Close)
	_, p, _ := driversOf(t, func(c *node.Config) {
		c.Authorize.Webhook, c.Authorize.WebhookDeadline, c.Authorize.WebhookSecret = hook.URL, 300*time.Millisecond, "sesame"
	})
	for _, step := range []struct{ answer, want string }{
		{`{"allowed":"ALLOWED"}`, "ALLOWED"}, {`{"allowed":"NO_CREDIT"}`, "NO_CREDIT"}, {`{"allowed":"EXPIRED"}`, "EXPIRED"},
		{`{"allowed":"BLOCKED"}`, "BLOCKED"}, {`{"allowed":"NOT_ALLOWED"}`, "NOT_ALLOWED"},
		{`nonsense`, "ALLOWED"}, // the token decides
		{`{"allowed":"NO_CREDIT","info":{"text":"Top up"}}`, "NO_CREDIT"},
		{`{"allowed":"NO_CREDIT","info":{"language":"english","text":"` + strings.Repeat("x", 600) + `"}}`, "NO_CREDIT"},
		{`{"allowed":"ALLOWED","authorization_reference":"` + strings.Repeat("x", 60) + `"}`, "ALLOWED"},
	} {
		answer.Store(&step.answer)
		if code, status, info := authorized(t, p, "CARD", ""); code != 200 || status != 1000 || info["allowed"] != step.want {
			t.Errorf("%s: HTTP %d, %d, %v", step.answer, code, status, info)
		}
	}
	fewer := `{"allowed":"ALLOWED","location":{"location_id":"L","evse_uids":["2"]}}`
	answer.Store(&fewer)
	_, _, info := authorized(t, p, "CARD", `{"location_id":"L","evse_uids":["1","2"]}`)
	if at, ok := info["location"].(map[string]any); !ok || len(at["evse_uids"].([]any)) != 1 {
		t.Errorf("%v", info)
	}
	if code, _, _ := authorized(t, p, "NOBODYS", ""); code != 404 {
		t.Errorf("an unknown token: HTTP %d", code)
	}
	down.Store(true)
	if code, status, info := authorized(t, p, "CARD", ""); code != 200 || status != 1000 || info["allowed"] != "ALLOWED" {
		t.Errorf("HTTP %d, %d, %v", code, status, info)
	}
}

func TestANodeMayLetNobodyChargeWithoutTheOperatorsSystem(t *testing.T) {
	_, p, _ := driversOf(t, func(c *node.Config) {
		c.Authorize.Webhook, c.Authorize.WebhookDeadline, c.Authorize.WebhookOnly = "http://127.0.0.1:1/", 300*time.Millisecond, true
	})
	if code, status, info := authorized(t, p, "CARD", ""); code != 200 || status != 1000 || info["allowed"] != "NOT_ALLOWED" {
		t.Errorf("HTTP %d, %d, %v", code, status, info)
	}
}

// Two nodes: the card of the one's driver at the other's charger.
func TestTwoNodesAuthorizeADriver(t *testing.T) {
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate = []ocpi.Role{ocpi.RoleCPO}, true
	chargers := start(t, c)
	c = config(t)
	c.Parties[0].Roles, c.AllowPrivate, c.Parties[0].Party = []ocpi.Role{ocpi.RoleEMSP}, true, theirs
	apps := start(t, c)

	registering, err := apps.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := registering.Register(t.Context(), "chargers", invitation(t, chargers, "apps", ocpi.RoleEMSP)); err != nil {
		t.Fatal(err)
	}
	if v := ask(t, chargers, authorize.Question{TokenUID: "CARD"}); v.Allowed != "NOT_ALLOWED" || v.By != authorize.ByUnknown {
		t.Errorf("before there is a driver: %+v", v)
	}
	driver := ocpitest.Network(theirs).Token(1)
	driver.UID, driver.Type, driver.Valid, driver.Whitelist = "CARD", v230.TokenTypeRFID, true, v230.WhitelistTypeNever
	if _, err := apps.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: driver}); err != nil {
		t.Fatal(err)
	}
	v := ask(t, chargers, authorize.Question{TokenUID: "CARD", Location: &authorize.Place{LocationID: "L", EVSEUIDs: []string{"1"}, ConnectorIDs: []string{"1"}}})
	if v.Allowed != "ALLOWED" || v.By != authorize.ByRealtime || v.Partner != "apps" || v.Location == nil || len(v.Location.ConnectorIDs) != 1 {
		t.Errorf("%+v", v)
	}
}
