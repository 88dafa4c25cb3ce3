package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
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
// of its node, the CPO's system answers most of the commands through the API of its own, and an endpoint of the CPO's outside
// hears what happens.
type operators struct {
	app, cpms operator
	endpoint  endpoint
	webhook   backend.Webhook
	mu        sync.Mutex
	// sent are the commands that the app was told the ids of.
	sent []string
	// failure is why the app's latest command did not get through.
	failure error
	// answered is how many commands the CPO's system has done.
	answered int
}

func newOperators(t *testing.T, cpo, emsp *victim) *operators {
	t.Helper()
	o := &operators{app: emsp.operator(t), cpms: cpo.operator(t), endpoint: endpoint{heard: map[string]int{}}}
	outside := httptest.NewServer(&o.endpoint)
	t.Cleanup(outside.Close)
	go o.answer(t.Context())
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
	for range drivers {
		work.Go(func() { o.drive(ctx, w) })
	}
	<-stop
	cancel()
	work.Wait()
}

// drivers is how many drivers tap at the same time.
const drivers = 16

// drive is a driver that starts one charge after the other. The app follows each to its end.
func (o *operators) drive(ctx context.Context, w *writer) {
	driver := w.sample.StartSession("")
	body := fmt.Sprintf(`{"location_id":%q,"evse_uid":%q,"token_uid":%q,"token_type":%q}`, driver.LocationID, *driver.EVSEUID, driver.Token.UID, driver.Token.Type)
	for ctx.Err() == nil {
		time.Sleep(rand.N(500 * time.Millisecond))
		var c backend.Command
		err := o.app.call(ctx, http.MethodPost, "/api/v1/commands/start-session", body, &c)
		o.mu.Lock()
		if o.failure = err; err == nil {
			o.sent = append(o.sent, c.ID)
		}
		o.mu.Unlock()
		for tries := 0; c.ID != "" && !c.Done && tries < 250 && ctx.Err() == nil; tries++ {
			time.Sleep(100 * time.Millisecond)
			_ = o.app.call(ctx, http.MethodGet, "/api/v1/commands/"+c.ID, "", &c) // or it is away
		}
	}
}

// answer is the CPO's system: of ten commands it rejects two and forgets one, and the others work at the charge point. What the
// node did not take, because it was away, is said again.
func (o *operators) answer(ctx context.Context) {
	verdicts := map[string]v230.CommandResponseType{}
	for ctx.Err() == nil {
		var found commandPage
		_ = o.cpms.call(ctx, http.MethodGet, "/api/v1/commands?direction=received&limit=50", "", &found) // or it is away
		for _, c := range found.Items {
			if _, known := verdicts[c.ID]; !known {
				verdicts[c.ID] = verdict(len(verdicts))
			}
			if verdict := verdicts[c.ID]; verdict != "" && !c.Done && o.say(ctx, c, verdict) {
				verdicts[c.ID] = ""
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// verdict is what the CPO's system thinks of the n-th command; empty where it forgets it.
func verdict(n int) v230.CommandResponseType {
	switch n % 10 {
	case 3:
		return ""
	case 5, 7:
		return v230.CommandResponseTypeRejected
	default:
		return v230.CommandResponseTypeAccepted
	}
}

// say says the CPO's answer to a command, and what came of it, and reports whether the node has taken that.
func (o *operators) say(ctx context.Context, c backend.Command, verdict v230.CommandResponseType) bool {
	says := `{"result":"` + string(verdict) + `"}`
	if c.Answer == nil && o.cpms.call(ctx, http.MethodPost, "/api/v1/commands/"+c.ID+"/answer", says, &c) != nil {
		return false // away, or too late: then the default stands
	}
	if c.Answer.Result != string(v230.CommandResponseTypeAccepted) {
		return true
	}
	if o.cpms.call(ctx, http.MethodPost, "/api/v1/commands/"+c.ID+"/result", says, &c) != nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answered++
	return true
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
		var open []string
		for side, of := range map[string]operator{"eMSP": o.app, "CPO": o.cpms} {
			for _, c := range every(t, of) {
				if c.State != string(room.Ended) {
					open = append(open, fmt.Sprintf("the %s's command %s of %s is %s since %s, due %s: %s", side, c.ID, c.Created, c.State, c.Changed, c.Due, c.Error))
				}
			}
		}
		if len(open) == 0 {
			return
		}
		if now := time.Now(); now.Sub(began) > 2*time.Minute {
			t.Fatalf("at %s, since %s:\n%s", now.UTC(), began.UTC(), strings.Join(open, "\n"))
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
	for _, c := range every(t, o.app) {
		sent[c.ID] = c
	}
	for _, id := range o.sent {
		if c, ok := sent[id]; !ok || !c.Done || c.Outcome == "" {
			t.Errorf("command %s, which the app was told of, has no end: %+v", id, c)
		}
	}
	delivered, arrived := 0, map[string]int{}
	for _, c := range every(t, o.cpms) {
		var request v230.StartSession
		if err := json.Unmarshal(c.Request, &request); err != nil {
			t.Fatal(err)
		}
		id := path.Base(request.ResponseURL)
		if arrived[id]++; arrived[id] > 1 {
			t.Errorf("command %s has arrived %d times", id, arrived[id])
		}
		if c.Outcome == "" {
			t.Errorf("the CPO's command %s has no end: %+v", c.ID, c)
		}
		if c.Result == nil {
			continue
		}
		// Its result was delivered, so that the eMSP must know it, as the end or as something that came after it.
		at, ok := sent[id]
		known := ok && at.Outcome == c.Outcome
		for _, later := range at.Later {
			known = known || later.Result == c.Outcome
		}
		if !known {
			t.Errorf("the CPO's command %s ended %s, and the eMSP's %s ended %s: %+v", c.ID, c.Outcome, at.ID, at.Outcome, c)
		}
		delivered++
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sent) == 0 || delivered == 0 || o.answered == 0 {
		t.Errorf("%d commands sent, %d accepted by the CPO's system, %d results delivered", len(o.sent), o.answered, delivered)
	}
	t.Logf("%d commands sent, of which the app was told of %d; %d received by the CPO, %d of them done by its system, %d results delivered",
		len(sent), len(o.sent), len(arrived), o.answered, delivered)
	logEnds(t, sent, arrived)
}

// logEnds says how many of the commands that were sent ended how, and why.
func logEnds(t *testing.T, sent map[string]backend.Command, arrived map[string]int) {
	t.Helper()
	ends := map[string]int{}
	for id, c := range sent {
		ends[why(&c, arrived[id] > 0)]++
	}
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		t.Logf("%5d %s", ends[end], end)
	}
}

// why says how a command ended, and what the cause was.
func why(c *backend.Command, arrived bool) string {
	switch {
	case c.Outcome != string(v230.CommandResultTypeTimeout):
		return c.Outcome
	case c.Result != nil:
		return "TIMEOUT, said the CPO: its system had forgotten it, or could not say in time what came of it"
	case arrived && len(c.Later) > 0:
		return "TIMEOUT, and the result came later"
	case arrived:
		return "TIMEOUT, though the CPO has it: it said no in an answer that was lost"
	default:
		return "TIMEOUT, as a kill or a cut fell into the sending, and the CPO has not got it"
	}
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
