package node_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// keyed is an operator's system with a key, at the address that the node's API listens on.
func keyed(t *testing.T, n running, name string, scope backend.Scope) operator {
	t.Helper()
	key, err := n.AddKey(t.Context(), name, scope, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return operator{t, n.APIURL(), key}
}

// A told is an event as a consumer gets it.
type told struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Subject string         `json:"subject"`
	Partner string         `json:"partner"`
	Data    jsontext.Value `json:"data"`
}

// hears listens to the stream of a node. next is the next event of a type.
func (o operator) hears(query string) (next func(kind string) told) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.url+"/api/v1/events"+query, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%v %v", resp, err)
	}
	o.t.Cleanup(func() { _ = resp.Body.Close() })
	events := make(chan told, 1000)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			text, is := strings.CutPrefix(lines.Text(), "data: ")
			var e told
			if is && json.Unmarshal([]byte(text), &e) == nil {
				events <- e
			}
		}
	}()
	return func(kind string) told {
		o.t.Helper()
		timeout := time.After(20 * time.Second)
		for {
			select {
			case e, ok := <-events:
				if !ok {
					o.t.Fatalf("the stream has ended before %s", kind)
				}
				if e.Type == kind {
					return e
				}
			case <-timeout:
				o.t.Fatalf("nobody tells of %s", kind)
			}
		}
	}
}

// twoOperators are a CPO's node with the sample's network and an eMSP's with its drivers, which have each other's data, and their
// APIs.
func twoOperators(t *testing.T, change func(*node.Config)) (cpo, emsp running) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate, c.APIListen = []ocpi.Role{ocpi.RoleCPO}, true, "127.0.0.1:0"
	cpo = start(t, c)
	put(t, cpo.Objects.Locations, sample.Locations()...)
	put(t, cpo.Objects.Tariffs, sample.Tariffs()...)
	e := config(t)
	e.Parties = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}
	e.AllowPrivate, e.APIListen = true, "127.0.0.1:0"
	if change != nil {
		change(&e)
	}
	emsp = start(t, e)
	for _, token := range sample.Tokens() {
		if _, err := emsp.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: token}); err != nil {
			t.Fatal(err)
		}
	}
	joined(t, cpo, emsp)
	o := keyed(t, emsp, "looks", backend.ScopeRead)
	eventually(t, "the eMSP has the CPO's locations", func() bool {
		var list struct {
			Items []jsontext.Value `json:"items"`
		}
		o.want(http.StatusOK, "GET", "/api/v1/received/locations", "", &list)
		return len(list.Items) == len(sample.Locations())
	})
	return cpo, emsp
}

// startBody asks for a session where the sample does.
func startBody(more string) string {
	s := sample.StartSession("")
	return `{"location_id":"` + string(s.LocationID) + `","evse_uid":"` + string(*s.EVSEUID) + `","token_uid":"` + string(s.Token.UID) +
		`","token_type":"` + string(s.Token.Type) + `"` + more + `}`
}

// The app of the one operator and the charge point management of the other talk to each other by nothing but the APIs of their
// nodes.
func TestOperatingACommandFromAppToCharger(t *testing.T) {
	t.Parallel()
	cpo, emsp := twoOperators(t, nil)
	chargers, app := keyed(t, cpo, "cpms", backend.ScopeWrite), keyed(t, emsp, "app", backend.ScopeWrite)
	next := chargers.hears("?type=command.*")
	appHears := app.hears("?type=command.*&partner=grenspaal")
	ended := make(chan backend.Command, 1)
	go func() {
		var c backend.Command
		defer func() { ended <- c }()
		app.want(http.StatusOK, "POST", "/api/v1/commands/start-session?wait=20", startBody(""), &c)
	}()
	asked := next("command.requested")
	id := strings.TrimPrefix(asked.Subject, "commands/")
	var c backend.Command
	chargers.want(http.StatusOK, "GET", "/api/v1/commands/"+id, "", &c)
	if c.Direction != "received" || c.Type != "START_SESSION" || c.Partner != "greenwheels" || c.Done || !strings.Contains(string(c.Request), `"location_id"`) {
		t.Errorf("%+v", c)
	}
	chargers.want(http.StatusUnprocessableEntity, "POST", "/api/v1/commands/"+id+"/answer", `{"result":"PERHAPS"}`, nil)
	chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+id+"/answer", `{"result":"ACCEPTED"}`, &c)
	chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+id+"/answer", `{"result":"ACCEPTED"}`, &c) // the answer to it was lost
	chargers.want(http.StatusConflict, "POST", "/api/v1/commands/"+id+"/answer", `{"result":"REJECTED"}`, nil)
	chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+id+"/result", `{"result":"ACCEPTED","message":"Plug in."}`, &c)
	if !c.Done || c.Result == nil || c.Result.Result != "ACCEPTED" {
		t.Errorf("%+v", c)
	}
	chargers.want(http.StatusConflict, "POST", "/api/v1/commands/"+id+"/result", `{"result":"FAILED"}`, nil)
	next("command.finished")
	got := <-ended
	if !got.Done || got.Outcome != "ACCEPTED" || got.Result == nil || got.Answer == nil || got.Answer.Result != "ACCEPTED" || got.Direction != "sent" {
		t.Errorf("%+v", got)
	}
	if finished := appHears("command.finished"); finished.Subject != "commands/"+got.ID {
		t.Errorf("%+v", finished)
	}
	var list struct {
		Items []backend.Command `json:"items"`
		Next  string            `json:"next"`
	}
	if app.want(http.StatusOK, "GET", "/api/v1/commands?direction=sent&limit=1", "", &list); len(list.Items) != 1 || list.Items[0].ID != got.ID || list.Next != "" {
		t.Errorf("%+v", list)
	}
	if app.want(http.StatusOK, "GET", "/api/v1/commands?direction=received", "", &list); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	app.want(http.StatusNotFound, "POST", "/api/v1/commands/"+got.ID+"/result", `{"result":"ACCEPTED"}`, nil) // it is not for us to say
}

func TestOperatingCommandsThatCannotBeSent(t *testing.T) {
	_, emsp := twoOperators(t, nil)
	app := keyed(t, emsp, "app", backend.ScopeWrite)
	post := func(status int, path, body, contains string) {
		t.Helper()
		if got := app.want(status, "POST", "/api/v1/commands/"+path, body, nil); !strings.Contains(got, contains) {
			t.Errorf("%s does not say %s", got, contains)
		}
	}
	post(http.StatusUnprocessableEntity, "start-session", `{"location_id":"NOWHERE","token_uid":"x"}`, `"/location_id"`)
	post(http.StatusUnprocessableEntity, "start-session", `{"location_id":"LOC3","evse_uid":"NONE","token_uid":"x"}`, `"/evse_uid"`)
	post(http.StatusUnprocessableEntity, "start-session", `{"location_id":"LOC3","token_uid":"x"}`, `"/token_uid"`)
	post(http.StatusNotFound, "start-session", startBody(`,"partner":"nobody"`), "nobody")
	post(http.StatusUnprocessableEntity, "stop-session", `{"session_id":"NONE"}`, `"/session_id"`)
	post(http.StatusUnprocessableEntity, "start-session", startBody(`,"token":{}`), `"/token_uid"`)
	// What only the CPO knows, it says: there is no such session.
	post(http.StatusOK, "stop-session?wait=5", `{"session_id":"NONE","partner":"grenspaal"}`, "UNKNOWN_SESSION")
}

// A command that nobody answers has its end all the same, and who does not wait can follow it.
func TestOperatingACommandThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	_, emsp := twoOperators(t, nil)
	app := keyed(t, emsp, "app", backend.ScopeWrite)
	var c backend.Command
	began := time.Now()
	app.want(http.StatusAccepted, "POST", "/api/v1/commands/start-session", startBody(""), &c)
	if took := time.Since(began); took > 10*time.Second || c.Done {
		t.Errorf("after %s: %+v", took, c)
	}
	eventually(t, "it is rejected by default", func() bool {
		app.want(http.StatusOK, "GET", "/api/v1/commands/"+c.ID, "", &c)
		return c.Done && c.Outcome == "REJECTED"
	})
}

// A result is shown where one was said, and not where a deadline has passed.
func TestOperatingACommandThatEndsWithoutAResult(t *testing.T) {
	t.Parallel()
	cpo, emsp := twoOperators(t, func(c *node.Config) { c.Commands.Timeout = 700 * time.Millisecond })
	app, chargers := keyed(t, emsp, "app", backend.ScopeWrite), keyed(t, cpo, "chargers", backend.ScopeWrite)
	var c backend.Command
	app.want(http.StatusOK, "POST", "/api/v1/commands/start-session?wait=20", startBody(""), &c)
	if c.Outcome != "TIMEOUT" || c.Result != nil || !strings.Contains(c.Error, "no result in time") {
		t.Errorf("sent: %+v", c)
	}
	var list struct {
		Items []backend.Command `json:"items"`
	}
	eventually(t, "the CPO's node has answered by default", func() bool {
		chargers.want(http.StatusOK, "GET", "/api/v1/commands?direction=received", "", &list)
		return len(list.Items) == 1 && list.Items[0].Done
	})
	if c := list.Items[0]; c.Outcome != "REJECTED" || !c.Answer.Default || c.Result != nil {
		t.Errorf("received: %+v", c)
	}
}

// The simulated chargers of the demo: a session appears at the eMSP, grows, and ends with a CDR.
func TestOperatingSimulatedChargersFromTheApp(t *testing.T) {
	t.Parallel()
	cpo, emsp := twoOperators(t, nil)
	app := keyed(t, emsp, "app", backend.ScopeWrite)
	day := simulate.New(simulate.Config{Network: cpo.Network(own), Speed: 1200})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); cpo.AnswerCommands(ctx, day) }()
	go day.Run(ctx)
	defer func() { cancel(); <-done }()
	eventually(t, "the simulation has begun", func() bool { return day.Knows(ocpi.Key{ID: "LOC3"}) })
	next := app.hears("?type=session.*,cdr.*,command.session&partner=grenspaal")
	body := `{"location_id":"LOC3","token_uid":"` + string(sample.StartSession("").Token.UID) + `","token_type":"` + string(sample.StartSession("").Token.Type) + `"}`
	var c backend.Command
	app.want(http.StatusOK, "POST", "/api/v1/commands/start-session?wait=20", body, &c)
	if c.Outcome != "ACCEPTED" {
		t.Fatalf("%+v", c)
	}
	next("session.created")
	if matched := next("command.session"); matched.Subject != "commands/"+c.ID {
		t.Errorf("%+v", matched)
	}
	next("session.changed")
	app.want(http.StatusOK, "GET", "/api/v1/commands/"+c.ID, "", &c)
	if c.SessionID == "" {
		t.Fatalf("%+v", c)
	}
	var stop backend.Command
	app.want(http.StatusOK, "POST", "/api/v1/commands/stop-session?wait=20", `{"session_id":"`+c.SessionID+`"}`, &stop)
	if stop.Outcome != "ACCEPTED" {
		t.Errorf("%+v", stop)
	}
	if cdr := next("cdr.created"); !strings.Contains(string(cdr.Data), c.SessionID) {
		t.Errorf("%s", cdr.Data)
	}
}

// Whoever may read hears of what is written, by the stream, by WebSocket and by a webhook, all in the same words.
func TestOperatingEventsReachStreamSocketAndWebhook(t *testing.T) {
	c := config(t)
	c.APIListen = "127.0.0.1:0"
	n := start(t, c)
	admin, reader := keyed(t, n, "admin", backend.ScopeAdmin), keyed(t, n, "reader", backend.ScopeRead)
	var hook backend.Webhook
	received := make(chan told, 10)
	var secret atomic.Value
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		verifier, err := standardwebhooks.NewWebhook(secret.Load().(string))
		if err == nil {
			err = verifier.Verify(raw, r.Header)
		}
		var e told
		if err != nil || json.Unmarshal(raw, &e) != nil {
			t.Errorf("%v: %s", err, raw)
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		received <- e
	}))
	t.Cleanup(endpoint.Close)
	admin.want(http.StatusCreated, "POST", "/api/v1/webhooks", `{"id":"cpms","url":"`+endpoint.URL+`","types":["location.*"]}`, &hook)
	if hook.ID != "cpms" || !strings.HasPrefix(hook.Secret, "whsec_") {
		t.Fatalf("%+v", hook)
	}
	secret.Store(hook.Secret)
	admin.want(http.StatusConflict, "POST", "/api/v1/webhooks", `{"id":"cpms","url":"`+endpoint.URL+`"}`, nil)
	if bad := admin.want(http.StatusUnprocessableEntity, "POST", "/api/v1/webhooks", `{"url":"ftp://x","types":["nonsense"]}`, nil); !strings.Contains(bad, `"/url"`) ||
		!strings.Contains(bad, `"/types/0"`) {
		t.Error(bad)
	}
	next := reader.hears("?type=location.*")
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(n.APIURL(), "http")+"/api/v1/events/ws?type=location.*", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + reader.key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	l := sample.Location(1)
	raw, err := json.Marshal(&l)
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/locations/" + string(l.CountryCode) + "/" + string(l.PartyID) + "/" + string(l.ID)
	admin.want(http.StatusCreated, "PUT", path, string(raw), nil)
	admin.want(http.StatusOK, "PATCH", path, `{"name":"Another name"}`, nil)
	created, changed := next("location.created"), next("location.changed")
	if created.Subject != "locations/NL/GPE/"+string(l.ID) || created.Subject != changed.Subject || !strings.Contains(string(changed.Data), "Another name") {
		t.Errorf("%+v, %+v", created, changed)
	}
	for _, want := range []told{created, changed} {
		_, text, err := conn.Read(t.Context())
		var e told
		if err != nil || json.Unmarshal(text, &e) != nil || e.ID != want.ID || e.Type != want.Type {
			t.Errorf("by WebSocket %s, %v", text, err)
		}
		select {
		case e := <-received:
			if e.ID != want.ID || e.Type != want.Type {
				t.Errorf("by webhook %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing by webhook")
		}
	}
	// Who was away goes on where it was.
	if again := reader.hears("?after=" + created.ID)("location.changed"); again.ID != changed.ID {
		t.Errorf("%+v", again)
	}
	manageHook(t, admin, &secret)
}

// manageHook does all else that can be done with a webhook.
func manageHook(t *testing.T, admin operator, secret *atomic.Value) {
	t.Helper()
	var try backend.WebhookTry
	if admin.want(http.StatusOK, "POST", "/api/v1/webhooks/cpms/test", "", &try); !try.Taken || try.HTTP != http.StatusOK {
		t.Errorf("%+v", try)
	}
	const other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secret.Store(other)
	var hook backend.Webhook
	admin.want(http.StatusOK, "PATCH", "/api/v1/webhooks/cpms", `{"secret":"`+other+`","description":"The charge points"}`, &hook)
	if hook.Secret != "" || hook.Description != "The charge points" {
		t.Errorf("%+v", hook)
	}
	if admin.want(http.StatusOK, "POST", "/api/v1/webhooks/cpms/test", "", &try); !try.Taken {
		t.Errorf("with a new secret: %+v", try)
	}
	admin.want(http.StatusOK, "GET", "/api/v1/webhooks/cpms/dead", "", nil)
	admin.want(http.StatusOK, "POST", "/api/v1/webhooks/cpms/replay", `{}`, nil)
	admin.want(http.StatusOK, "POST", "/api/v1/webhooks/cpms/replay", `{"after":0}`, nil)
	admin.want(http.StatusUnprocessableEntity, "POST", "/api/v1/webhooks/cpms/replay", `{"numbers":[123456]}`, nil)
	admin.want(http.StatusNoContent, "DELETE", "/api/v1/webhooks/cpms", "", nil)
	for _, path := range []string{"/dead", ""} {
		admin.want(http.StatusNotFound, "GET", "/api/v1/webhooks/cpms"+path, "", nil)
	}
}

// A driver with a card that the CPO has never heard of: its eMSP decides in real time, by the operator's own system.
func TestOperatingAnUnknownCardIsAuthorizedInRealTime(t *testing.T) {
	t.Parallel()
	var questions atomic.Int64
	decides := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		questions.Add(1)
		_, _ = io.WriteString(w, `{"allowed":"ALLOWED"}`)
	}))
	t.Cleanup(decides.Close)
	cpo, emsp := twoOperators(t, func(c *node.Config) { c.Authorize.Webhook = decides.URL })
	chargers, app := keyed(t, cpo, "cpms", backend.ScopeWrite), keyed(t, emsp, "app", backend.ScopeWrite)
	cpoHears, emspHears := chargers.hears("?type=authorization.asked"), app.hears("?type=authorization.asked")
	err := emsp.Partners.ChangePolicy(t.Context(), "grenspaal", func(p *partner.Policy) error { // it keeps the card to itself
		p.Push.Off = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // until the lanes have seen it
	driver := sample.Tokens()[0]
	driver.UID, driver.Type, driver.Valid, driver.Whitelist = "NEWCARD", v230.TokenTypeRFID, true, v230.WhitelistTypeNever
	if _, err := emsp.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: driver}); err != nil {
		t.Fatal(err)
	}
	var v backend.Authorization
	chargers.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"NEWCARD","location":{"location_id":"LOC3"}}`, &v)
	if v.Allowed != "ALLOWED" || v.Source != "realtime" || v.Partner != "greenwheels" || v.Method != "AUTH_REQUEST" || v.Party != theirs.String() || questions.Load() != 1 {
		t.Errorf("%+v, the operator was asked %d times", v, questions.Load())
	}
	if !strings.Contains(string(cpoHears("authorization.asked").Data), "NEWCARD") || !strings.Contains(string(emspHears("authorization.asked").Data), "NEWCARD") {
		t.Error("the events do not say whose card it was")
	}
	chargers.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"NOBODYS","offline":true}`, &v)
	if v.Allowed != "NOT_ALLOWED" || v.Source != "unknown" {
		t.Errorf("%+v", v)
	}
	chargers.want(http.StatusNotFound, "POST", "/api/v1/authorize", `{"token_uid":"X","partner":"nobody"}`, nil)
	app.want(http.StatusNotFound, "POST", "/api/v1/authorize", `{"token_uid":"X"}`, nil) // an eMSP has no chargers
}

func TestOperatingKeysAreGoodForTheirScopes(t *testing.T) {
	c := config(t)
	c.APIListen = "127.0.0.1:0"
	n := start(t, c)
	reads, writes := keyed(t, n, "reads", backend.ScopeRead), keyed(t, n, "writes", backend.ScopeWrite)
	nobody := operator{t, n.APIURL(), "rw_nobody"}
	for _, path := range []string{"/api/v1/commands", "/api/v1/webhooks", "/api/v1/events", "/api/v1/events/ws"} {
		nobody.want(http.StatusUnauthorized, "GET", path, "", nil)
	}
	reads.want(http.StatusOK, "GET", "/api/v1/commands", "", nil)
	reads.want(http.StatusForbidden, "POST", "/api/v1/commands/stop-session", `{"session_id":"x"}`, nil)
	reads.want(http.StatusForbidden, "POST", "/api/v1/authorize", `{"token_uid":"x"}`, nil)
	writes.want(http.StatusForbidden, "POST", "/api/v1/webhooks", `{"url":"https://example.com"}`, nil)
	writes.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"x"}`, nil)
	var me backend.Me
	if writes.want(http.StatusOK, "GET", "/api/v1/me", "", &me); me.Key != "writes" {
		t.Errorf("%+v", me)
	}
	// Partners' address has nothing of it, and the operator's nothing of OCPI.
	for _, url := range []string{strings.TrimSuffix(n.URL(), "/ocpi") + "/api/v1/me", n.APIURL() + "/ocpi/versions"} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", url, resp.StatusCode)
		}
	}
}

// A node that stops does not wait for those who listen or wait.
func TestOperatingClientsDoNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	cpo, emsp := twoOperators(t, nil)
	app, chargers := keyed(t, emsp, "app", backend.ScopeWrite), keyed(t, cpo, "cpms", backend.ScopeWrite)
	app.hears("")
	next := chargers.hears("?type=command.requested")
	done := make(chan struct{})
	go func() {
		defer close(done)
		app.want(http.StatusAccepted, "POST", "/api/v1/commands/start-session?wait=60", startBody(""), nil)
	}()
	id := strings.TrimPrefix(next("command.requested").Subject, "commands/")
	chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+id+"/answer", `{"result":"ACCEPTED"}`, nil)
	began := time.Now()
	emsp.stop()
	<-done
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
}

// What rooms do that know no events is told by the node, in the transaction in which it is done.
func TestOperatingHearsOfPartnersPullsAndParkedObjects(t *testing.T) {
	n, p := cpo(t, func(c *node.Config) {
		c.APIListen = "127.0.0.1:0"
		c.Push.Backoff.First, c.Push.Backoff.LongestHeld = time.Millisecond, 10*time.Millisecond
	})
	o := keyed(t, n, "operator", backend.ScopeAdmin)
	next := o.hears("?after=0")
	if e := next("partner.changed"); e.Partner != emsp || strings.Contains(string(e.Data), "before") {
		t.Errorf("%+v", e)
	}
	for e := next("partner.changed"); !strings.Contains(string(e.Data), `"state":"registered"`); e = next("partner.changed") {
	}
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/suspend", "", nil)
	if e := next("partner.changed"); !strings.Contains(string(e.Data), `"suspended":true`) {
		t.Errorf("%s", e.Data)
	}
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/resume", "", nil)
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/pull", `{"module":"tokens","full":true}`, nil)
	if e := next("pull.finished"); e.Partner != emsp || !strings.Contains(string(e.Data), `"full":true`) {
		t.Errorf("%+v", e)
	}
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodPut, ocpi.ModuleLocations), Do: ocpitest.OCPIError(ocpi.StatusInvalidParameters)})
	put(t, n.Objects.Locations, sample.Location(1))
	if e := next("push.parked"); e.Partner != emsp || e.Subject != "locations/NL/GPE/LOC1" || !strings.Contains(string(e.Data), `"attempts":`) {
		t.Errorf("%+v", e)
	}
	if err := n.Partners.Remove(t.Context(), emsp); err != nil {
		t.Fatal(err)
	}
	if e := next("partner.changed"); !strings.Contains(string(e.Data), `"state":"forgotten"`) {
		t.Errorf("%s", e.Data)
	}
}

// A new key encrypts the secrets of webhooks too.
func TestOperatingWebhooksOutliveANewKey(t *testing.T) {
	c := config(t)
	c.APIListen = "127.0.0.1:0"
	n := start(t, c)
	admin := keyed(t, n, "admin", backend.ScopeAdmin)
	taken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(taken.Close)
	admin.want(http.StatusCreated, "POST", "/api/v1/webhooks", `{"id":"h","url":"`+taken.URL+`"}`, nil)
	for range 3 { // only two keys are kept
		eventually(t, "the node knows the new key", func() bool {
			_, err := n.EncryptAnew(t.Context())
			return err == nil
		})
	}
	var try backend.WebhookTry
	if admin.want(http.StatusOK, "POST", "/api/v1/webhooks/h/test", "", &try); !try.Taken {
		t.Errorf("%+v", try)
	}
	n.stop()
	if err := os.Rename(c.Data+"/roamwire.key", c.Data+"/away"); err != nil {
		t.Fatal(err)
	}
	n = start(t, c) // it runs, and makes no other key that would hide the loss
	if _, err := os.Stat(c.Data + "/roamwire.key"); err == nil {
		t.Error("another key was made")
	}
	if _, err := n.AccessKeys(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOperatingTheDocumentsOfOCPIAreShown(t *testing.T) {
	n := start(t, config(t))
	get := func(path string) (int, string) {
		resp, err := http.Get(n.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	if status, page := get("/docs"); status != http.StatusOK || !strings.Contains(page, `data-document="/ocpi/2.1.1/openapi.json"`) {
		t.Errorf("%d %s", status, page)
	}
	for _, path := range []string{"/docs/swagger-ui-bundle.js", "/2.1.1/openapi.json", "/openapi.json"} {
		if status, _ := get(path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	c := config(t)
	c.NoOpenAPI = true
	n = start(t, c)
	for _, path := range []string{"/docs/", "/openapi.json"} {
		if status, _ := get(path); status == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}
