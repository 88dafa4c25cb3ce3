package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/event"
	room "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The operators are the two operators' own systems while their nodes are killed: the eMSP's app starts charges through the API
// of its node, the CPO's system answers half of the commands through the API of its own, and an endpoint of the CPO's outside
// hears what happens.
type operators struct {
	app, cpms operator
	endpoint  endpoint
	webhook   backend.Webhook
	mu        sync.Mutex
	// sent are the commands that the app was told the ids of.
	sent []string
	// failure is why the app's latest command did not get through.
	failure  error
	answered int
}

func newOperators(t *testing.T, cpo, emsp *victim) *operators {
	t.Helper()
	o := &operators{app: emsp.operator(t), cpms: cpo.operator(t), endpoint: endpoint{heard: map[string]int{}}}
	outside := httptest.NewServer(&o.endpoint)
	t.Cleanup(outside.Close)
	err := o.cpms.call(t.Context(), http.MethodPost, "/api/v1/webhooks", `{"id":"outside","url":"`+outside.URL+`"}`, &o.webhook)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// operator makes a key to the node's API.
func (v *victim) operator(t *testing.T) operator {
	t.Helper()
	out := strings.Fields(command(t, v.program, "key", "add", "operator", "--scope", "admin", "--data", v.data))
	return operator{url: "http://" + v.api, key: out[len(out)-1]}
}

// run goes on until stop is closed. Calls to a node that is not there fail, and prove nothing.
func (o *operators) run(w *writer, stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { o.answer(ctx) })
	driver := w.sample.StartSession("")
	body := fmt.Sprintf(`{"location_id":%q,"evse_uid":%q,"token_uid":%q,"token_type":%q}`, driver.LocationID, *driver.EVSEUID, driver.Token.UID, driver.Token.Type)
	for pause := time.Duration(0); ; pause = 20*time.Millisecond + rand.N(60*time.Millisecond) {
		select {
		case <-stop:
			cancel()
			work.Wait()
			return
		case <-time.After(pause):
		}
		var c backend.Command
		err := o.app.call(ctx, http.MethodPost, "/api/v1/commands/start-session", body, &c)
		o.mu.Lock()
		if o.failure = err; err == nil {
			o.sent = append(o.sent, c.ID)
		}
		o.mu.Unlock()
	}
}

// answer is the CPO's system: it answers every other command and lets the others be.
func (o *operators) answer(ctx context.Context) {
	seen := map[string]bool{}
	for n := 0; ctx.Err() == nil; {
		var found commandPage
		_ = o.cpms.call(ctx, http.MethodGet, "/api/v1/commands?direction=received&limit=20", "", &found) // or it is away
		for _, c := range found.Items {
			if seen[c.ID] {
				continue
			}
			seen[c.ID] = true
			if n++; n%2 == 0 {
				continue
			}
			says := `{"result":"` + string([]v230.CommandResponseType{v230.CommandResponseTypeAccepted, v230.CommandResponseTypeAccepted, v230.CommandResponseTypeRejected}[n/2%3]) + `"}`
			if o.cpms.call(ctx, http.MethodPost, "/api/v1/commands/"+c.ID+"/answer", says, &c) == nil && c.Answer.Result == string(v230.CommandResponseTypeAccepted) {
				o.answered++
				_ = o.cpms.call(ctx, http.MethodPost, "/api/v1/commands/"+c.ID+"/result", says, &c) // what is lost ends as TIMEOUT
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// sending waits until the app has sent some more commands.
func (o *operators) sending(t *testing.T, more int) {
	t.Helper()
	count := func() (int, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.sent), o.failure
	}
	before, _ := count()
	for range 300 {
		if n, _ := count(); n >= before+more {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	_, err := count()
	t.Fatalf("no command gets through: %v", err)
}

// settled waits until every command has its end on both sides, and the CPO's results are delivered.
func (o *operators) settled(t *testing.T) {
	t.Helper()
	for began := time.Now(); ; {
		open := ""
		for side, of := range map[string]operator{"eMSP": o.app, "CPO": o.cpms} {
			for _, c := range every(t, of) {
				if c.State != string(room.Ended) {
					open = fmt.Sprintf("the %s's command %s is %s, due %s: %s", side, c.ID, c.State, c.Due, c.Error)
				}
			}
		}
		if open == "" {
			return
		}
		if time.Since(began) > 2*time.Minute {
			t.Fatal(open)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// A commandPage is a page of the list of commands.
type commandPage struct {
	Items []backend.Command `json:"items"`
	Next  string            `json:"next"`
}

// every returns all commands of a node.
func every(t *testing.T, of operator) (all []backend.Command) {
	t.Helper()
	for cursor := ""; ; {
		var page commandPage
		if err := of.call(t.Context(), http.MethodGet, "/api/v1/commands?limit=1000&cursor="+cursor, "", &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// compare holds the ends of commands on both sides against each other.
func (o *operators) compare(t *testing.T) {
	t.Helper()
	sent := map[string]backend.Command{}
	ends, unanswered, received := map[string]int{}, 0, 0
	for _, c := range every(t, o.app) {
		sent[c.ID] = c
		if c.Direction == "sent" {
			ends[c.Outcome]++
			if c.Answer == nil {
				unanswered++
			}
		}
	}
	for _, id := range o.sent {
		if c, ok := sent[id]; !ok || !c.Done || c.Outcome == "" {
			t.Errorf("command %s, which the app was told of, has no end: %+v", id, c)
		}
	}
	delivered := 0
	for _, c := range every(t, o.cpms) {
		received++
		var request v230.StartSession
		if err := json.Unmarshal(c.Request, &request); err != nil {
			t.Fatal(err)
		}
		if c.Outcome == "" {
			t.Errorf("the CPO's command %s has no end: %+v", c.ID, c)
		}
		if c.Result == nil {
			continue
		}
		// Its result was delivered, so that the eMSP must know it, as the end or as something that came after it.
		at, ok := sent[path.Base(request.ResponseURL)]
		known := ok && at.Outcome == c.Outcome
		for _, later := range at.Later {
			known = known || later.Result == c.Outcome
		}
		if !known {
			t.Errorf("the CPO's command %s ended %s, and the eMSP's %s ended %s: %+v", c.ID, c.Outcome, at.ID, at.Outcome, c)
		}
		delivered++
	}
	if len(o.sent) == 0 || delivered == 0 || o.answered == 0 {
		t.Errorf("%d commands sent, %d accepted by the CPO's system, %d results delivered", len(o.sent), o.answered, delivered)
	}
	t.Logf("%d commands sent, of which the app was told of %d; they ended %v; %d without an answer; %d received by the CPO, %d of them accepted by its system, %d results delivered",
		len(sent), len(o.sent), ends, unanswered, received, o.answered, delivered)
}

// heardAll waits until the endpoint has heard everything that is in the journal since the webhook was made, in order for each
// object.
func (o *operators) heardAll(t *testing.T) {
	t.Helper()
	journal := o.journal(t)
	missing := ""
	for range 600 {
		missing = ""
		for _, e := range journal {
			if !o.endpoint.has(e.ID) {
				missing = fmt.Sprintf("the endpoint has not heard of event %s (%s of %s)", e.ID, e.Type, e.Subject)
				break
			}
		}
		if missing == "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if missing != "" {
		t.Error(missing)
		return
	}
	last := map[string]event.CloudEvent{}
	for _, e := range journal {
		if before, ok := last[e.Subject]; ok && o.endpoint.heard[before.ID] > o.endpoint.heard[e.ID] {
			t.Errorf("event %s of %s was heard before %s", e.ID, e.Subject, before.ID)
		}
		last[e.Subject] = e
	}
	o.endpoint.mu.Lock()
	defer o.endpoint.mu.Unlock()
	if len(o.endpoint.heard) < len(journal) || len(journal) == 0 {
		t.Errorf("%d events in the journal, %d heard", len(journal), len(o.endpoint.heard))
	}
	t.Logf("%d events of %d objects in the journal since the webhook was made, all heard in order; %d messages taken, %d refused", len(journal), len(last), o.endpoint.took, o.endpoint.refused)
}

// journal reads the journal of the CPO's node since the webhook was made.
func (o *operators) journal(t *testing.T) (all []event.CloudEvent) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.cpms.url+"/api/v1/events?after="+strconv.FormatInt(o.webhook.Cursor, 10), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+o.cpms.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	quiet := time.AfterFunc(5*time.Second, cancel)
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all
		}
		text, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		quiet.Reset(time.Second)
		var e event.CloudEvent
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

// An endpoint hears events, and has a bad day now and then.
type endpoint struct {
	mu sync.Mutex
	// heard says for each event's id as how many-th message it was first taken.
	heard         map[string]int
	took, refused int
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var told event.CloudEvent
	if err != nil || json.Unmarshal(body, &told) != nil {
		http.Error(w, "the body is not whole", http.StatusServiceUnavailable)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if rand.N(500) == 0 {
		e.refused++
		http.Error(w, "a bad day", http.StatusServiceUnavailable)
		return
	}
	e.took++
	if e.heard[told.ID] == 0 {
		e.heard[told.ID] = e.took
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *endpoint) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[id] > 0
}
