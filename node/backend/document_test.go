package backend_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Everything that can be offered, by those who do nothing.
type (
	slowAuthorizer struct{ begun, end chan struct{} }
	nobody         struct{ known }
	registrations  struct{ backend.Registrations }
	moves          struct{}
	commands       struct{ sent *backend.CommandRequest }
	webhooks       struct{}
	pusher         struct{}
)

func (s slowAuthorizer) Authorize(_ context.Context, r backend.AuthorizeRequest) (backend.Authorization, error) {
	if s.begun != nil {
		s.begun <- struct{}{}
		<-s.end
	}
	return backend.Authorization{Allowed: "ALLOWED", Reason: r.TokenUID + " is known", Source: "whitelist"}, nil
}

func (nobody) Relation(context.Context, string) (handshake.Relation, error) {
	return handshake.Relation{}, handshake.ErrUnknown
}
func (nobody) Remove(context.Context, string) error { return handshake.ErrUnknown }
func (nobody) Policy(context.Context, string) (backend.Policy, error) {
	return backend.Policy{}, handshake.ErrUnknown
}
func (nobody) ChangePolicy(_ context.Context, name string, fn func(*backend.Policy) error) error {
	if name != "alpha" {
		return handshake.ErrUnknown
	}
	return fn(&backend.Policy{Push: backend.PushPolicy{Rate: 5}})
}

func (moves) Status(context.Context, string) ([]backend.PartnerStatus, error) { return nil, nil }
func (moves) Pull(context.Context, string, ocpi.ModuleID, bool) (backend.PullStatus, error) {
	return backend.PullStatus{}, store.ErrLeased
}
func (moves) PullModules(context.Context, string) ([]ocpi.ModuleID, error) {
	return []ocpi.ModuleID{ocpi.ModuleLocations}, nil
}
func (moves) RetryPushes(context.Context, string, ocpi.ModuleID, string) (int, error) { return 3, nil }
func (moves) SettleCDR(context.Context, string, string, bool) error                   { return store.ErrNotFound }

func (c commands) Send(_ context.Context, r backend.CommandRequest, wait time.Duration) (backend.Command, error) {
	*c.sent = r
	return backend.Command{ID: "c1", Type: string(r.Type), Done: wait > 0}, nil
}
func (commands) Command(context.Context, string) (backend.Command, error) {
	return backend.Command{}, store.ErrNotFound
}
func (commands) Commands(context.Context, backend.CommandFilter) ([]backend.Command, string, error) {
	return nil, "", nil
}
func (commands) Answer(context.Context, string, backend.CommandAnswer) (backend.Command, error) {
	return backend.Command{}, backend.Refuse(http.StatusConflict, "it was answered before")
}
func (commands) TellProfile(context.Context, string, v230.ActiveChargingProfile) ([]backend.Command, error) {
	return nil, nil
}
func (commands) Result(context.Context, string, backend.CommandAnswer) (backend.Command, error) {
	return backend.Command{}, store.ErrNotFound
}

func (webhooks) Webhooks(context.Context) ([]backend.Webhook, error) { return nil, nil }
func (webhooks) AddWebhook(_ context.Context, _ string, s backend.WebhookSettings) (backend.Webhook, error) {
	s.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	return backend.Webhook{ID: "h1", WebhookSettings: s}, nil
}
func (webhooks) ChangeWebhook(_ context.Context, id string, fn func(*backend.WebhookSettings) error) (backend.Webhook, error) {
	s := backend.WebhookSettings{URL: "https://example.com/hook"}
	err := fn(&s)
	return backend.Webhook{ID: id, WebhookSettings: s}, err
}
func (webhooks) RemoveWebhook(context.Context, string) error { return store.ErrNotFound }
func (webhooks) DeadEvents(context.Context, string, int64, int) ([]backend.DeadEvent, error) {
	return nil, nil
}
func (webhooks) Replay(context.Context, string, backend.Replay) (int, error) { return 2, nil }
func (webhooks) Try(context.Context, string) (backend.WebhookTry, error) {
	return backend.WebhookTry{}, store.ErrNotFound
}

func (pusher) Receivers(context.Context, store.Object) ([]string, error) {
	return []string{"good", "bad", "hung"}, nil
}
func (pusher) Send(ctx context.Context, partner string, _ store.Object) (backend.PushAnswer, error) {
	switch partner {
	case "bad":
		return backend.PushAnswer{HTTP: 500, Status: 3000}, backend.Refuse(500, "it failed")
	case "hung":
		<-ctx.Done()
		return backend.PushAnswer{}, ctx.Err()
	}
	return backend.PushAnswer{HTTP: 200, Status: 1000}, nil
}

type hubClients struct{}

func (hubClients) List(context.Context, string, ...ocpi.Party) ([]v230.ClientInfo, error) {
	return nil, nil
}

type biller struct{}

func (biller) Bill(context.Context, backend.BillRequest) (backend.Bill, error) {
	return backend.Bill{}, backend.Refuse(http.StatusConflict, "no CDR can be made")
}

// everything is an API with all that can be offered.
func everything(t testing.TB) (*place, *backend.CommandRequest) {
	sent := &backend.CommandRequest{}
	events := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return open(t, func(c *backend.Config) {
		c.Partners, c.Registrations, c.Moves, c.Pusher = nobody{}, registrations{}, moves{}, pusher{}
		c.Commands, c.Webhooks, c.Authorizer = commands{sent}, webhooks{}, slowAuthorizer{}
		c.Events, c.Docs = backend.Events{Stream: events, Socket: events}, events
		c.HubClients, c.Auditor, c.Biller = hubClients{}, auditor{}, biller{}
		c.PushTimeout = 50 * time.Millisecond
	}), sent
}

func TestEveryDocumentedOperationAnswersAndNoOther(t *testing.T) {
	p, _ := everything(t)
	got := p.want(http.StatusOK, "GET", "/api/openapi.json", "", "Authorization", "")
	document := decoded[map[string]any](t, got.body)
	if version, _ := document["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Error("openapi is", version)
	}
	ids := map[string]bool{}
	for path, methods := range document["paths"].(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			op := operation.(map[string]any)
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] || op["summary"] == nil || len(op["tags"].([]any)) != 1 || op["security"] == nil || op["responses"].(map[string]any)["401"] == nil {
				t.Errorf("%s %s: its description lacks something, or its id is another's: %v", method, path, id)
			}
			ids[id] = true
			declared := map[string]bool{}
			parameters, _ := op["parameters"].([]any)
			for _, parameter := range parameters {
				if one := parameter.(map[string]any); one["in"] == "path" {
					declared[one["name"].(string)] = true
				}
			}
			named := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1)
			for _, name := range named {
				if !declared[name[1]] {
					t.Errorf("%s %s does not describe %s", method, path, name[1])
				}
			}
			if len(declared) != len(named) {
				t.Errorf("%s %s describes parameters that are not in it: %v", method, path, declared)
			}
			if method == "post" && strings.Contains(path, "partners/{name}/") {
				continue // it is shown below that it needs a key; what it does is done elsewhere
			}
			real := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.NewReplacer("{country}", "NL", "{party}", "GPE").Replace(path), "x")
			if answered := p.call(strings.ToUpper(method), real, "{}"); strings.Contains(answered.body, "there is nothing at") || answered.status >= 500 {
				t.Errorf("%s %s: %d %s", method, path, answered.status, answered.body)
			}
			p.want(http.StatusUnauthorized, strings.ToUpper(method), real, "", "Authorization", "")
		}
	}
	if len(ids) < 60 {
		t.Errorf("only %d operations are described", len(ids))
	}
	p.want(http.StatusNotFound, "GET", "/api/v1/nothing", "").pointers(t)
	p.want(http.StatusNotFound, "GET", "/", "").pointers(t)
	if got := p.want(http.StatusMethodNotAllowed, "PATCH", "/api/v1/locations", ""); got.pointers(t) != nil || got.header.Get("Allow") == "" {
		t.Error("Allow is", got.header.Get("Allow"))
	}
}

func TestTheDocumentIsWhole(t *testing.T) {
	p, _ := everything(t)
	raw := p.want(http.StatusOK, "GET", "/api/openapi.json", "", "Authorization", "").body
	document := decoded[map[string]any](t, raw)
	defined := document["components"].(map[string]any)["schemas"].(map[string]any)
	used := map[string]bool{}
	for _, found := range regexp.MustCompile(`"\$ref": ?"([^"]+)"`).FindAllStringSubmatch(raw, -1) {
		name, ours := strings.CutPrefix(found[1], "#/components/schemas/")
		if used[name] = true; !ours || defined[name] == nil {
			t.Errorf("%s leads nowhere", found[1])
		}
	}
	for name := range defined {
		if !used[name] {
			t.Errorf("nothing needs the schema %s", name)
		}
	}
	for _, name := range []string{"Location", "LocationPatch", "EVSE", "Connector", "Session", "Tariff", "CDR", "Token", "Problem", "Status", "LineResult"} {
		if defined[name] == nil {
			t.Errorf("there is no schema %s", name)
		}
	}
	if location := defined["Location"].(map[string]any); location["required"] == nil || location["properties"].(map[string]any)["evses"] == nil {
		t.Errorf("a location is %v", location)
	}
	var fromYAML map[string]any
	if err := yaml.Unmarshal([]byte(p.want(http.StatusOK, "GET", "/api/openapi.yaml", "", "Authorization", "").body), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if len(fromYAML["paths"].(map[string]any)) != len(document["paths"].(map[string]any)) {
		t.Error("the YAML form has other paths")
	}
	p.want(http.StatusNoContent, "GET", "/api/docs", "", "Authorization", "")
	p.want(http.StatusNoContent, "GET", "/api/docs/swagger-ui.css", "", "Authorization", "")
}

func TestWhatIsNotThereIsNotOffered(t *testing.T) {
	p := open(t, nil)
	for _, c := range []struct{ method, path string }{
		{"POST", "/api/v1/commands/start-session"}, {"POST", "/api/v1/authorize"}, {"GET", "/api/v1/events"}, {"GET", "/api/v1/webhooks"},
		{"POST", "/api/v1/push"}, {"GET", "/api/v1/status"}, {"GET", "/api/docs"},
	} {
		p.want(http.StatusNotFound, c.method, c.path, "{}")
	}
}

func TestRequestIDsAreTheClientsOrNew(t *testing.T) {
	p := open(t, nil)
	if got := p.want(http.StatusNotFound, "GET", "/api/v1/x", "", "X-Request-ID", "mine"); !strings.Contains(got.body, `"request_id":"mine"`) || got.header.Get("X-Request-ID") != "mine" {
		t.Error(got.body)
	}
	if got := p.want(http.StatusNotFound, "GET", "/api/v1/x", "", "X-Request-ID", "a b"); len(got.header.Get("X-Request-ID")) < 10 {
		t.Error(got.header.Get("X-Request-ID"))
	}
}

func TestABodyIsNoLargerThanItMayBe(t *testing.T) {
	p := open(t, func(c *backend.Config) { c.MaxBody = 1000 })
	path := pathOf(sample.Location(1))
	p.want(http.StatusRequestEntityTooLarge, "PUT", path, location(t)).pointers(t)
	p.want(http.StatusRequestEntityTooLarge, "POST", "/api/v1/evses/X/status", strings.Repeat(" ", 2000), "Idempotency-Key", "1").pointers(t)
}

func TestOneBadReceiverHidesNoOther(t *testing.T) {
	p, _ := everything(t)
	p.want(http.StatusCreated, "PUT", pathOf(sample.Location(1)), location(t))
	body := `{"module":"locations","country":"NL","party":"GPE","id":"` + string(sample.Location(1).ID) + `"`
	type results struct {
		Items []backend.PushResult `json:"items"`
	}
	got := decoded[results](t, p.want(http.StatusOK, "POST", "/api/v1/push", body+"}").body).Items
	if len(got) != 3 || !got[0].OK || got[0].Status != 1000 || got[1].OK || got[1].HTTP != 500 || got[1].Error == "" || got[2].OK || !strings.Contains(got[2].Error, "deadline") {
		t.Errorf("%+v", got)
	}
	got = decoded[results](t, p.want(http.StatusOK, "POST", "/api/v1/push", body+`,"partners":["nobody","good"]}`).body).Items
	if len(got) != 2 || got[0].OK || got[0].Partner != "nobody" || !got[1].OK {
		t.Errorf("%+v", got)
	}
	p.want(http.StatusNotFound, "POST", "/api/v1/push", `{"module":"locations","country":"NL","party":"GPE","id":"X"}`).pointers(t)
	p.want(http.StatusUnprocessableEntity, "POST", "/api/v1/push", `{"module":"parrots","country":"NL","party":"GPE","id":"X"}`).pointers(t)
}

func TestCommandsAreReadAndHandedOn(t *testing.T) {
	p, sent := everything(t)
	token := text(t, sample.Token(1))
	got := p.want(http.StatusAccepted, "POST", "/api/v1/commands/start-session", `{"location_id":"DE/PTN/L1","evse_uid":"E1","token":`+token+`}`)
	if got.header.Get("Location") != "/api/v1/commands/c1" || sent.Type != v230.CommandTypeStartSession || sent.EVSEUID != "E1" || sent.Token == nil ||
		sent.Token.UID != sample.Token(1).UID || sent.Location != (ocpi.Key{Party: ocpi.NewParty("DE", "PTN"), ID: "L1"}) {
		t.Errorf("%+v, %s", sent, got.body)
	}
	p.want(http.StatusOK, "POST", "/api/v1/commands/stop-session?wait=5", `{"session_id":"S1","partner":"alpha"}`)
	if sent.Session.ID != "S1" || sent.Partner != "alpha" {
		t.Errorf("%+v", sent)
	}
	p.want(http.StatusAccepted, "POST", "/api/v1/commands/reserve-now", `{"location_id":"L1","expiry_date":"2026-11-27T13:00:00Z","token_uid":"04A1"}`)
	if sent.TokenKey.ID != "04A1" || sent.Location.ID != "L1" || sent.ExpiryDate.IsZero() {
		t.Errorf("%+v", sent)
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       []string
	}{
		"no token":                 {"commands/start-session", `{"location_id":"L1"}`, 422, []string{""}},
		"two tokens":               {"commands/start-session", `{"location_id":"L1","token_uid":"x","token":` + token + `}`, 422, []string{"/token_uid"}},
		"a token with a mistake":   {"commands/start-session", `{"location_id":"L1","token":` + with(t, with(t, token, "uid", nil), "colour", "red") + `}`, 422, []string{"/token/colour", "/token/uid"}},
		"no location":              {"commands/unlock-connector", `{"evse_uid":"E1","connector_id":"1"}`, 422, []string{""}},
		"an unknown member":        {"commands/stop-session", `{"session_id":"S1","colour":"red"}`, 422, []string{"/colour"}},
		"a wait that is too long":  {"commands/stop-session?wait=121", `{"session_id":"S1"}`, 422, []string{"query.wait"}},
		"a command answered twice": {"commands/c1/answer", `{"result":"ACCEPTED"}`, 409, nil},
		"a command that is none":   {"commands/c1/result", `{"result":"ACCEPTED"}`, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, p.want(c.status, "POST", "/api/v1/"+c.path, c.body).pointers(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPoliciesAndWebhooksAreChangedByPatches(t *testing.T) {
	p, _ := everything(t)
	policy := decoded[backend.Policy](t, p.want(http.StatusOK, "PATCH", "/api/v1/partners/alpha/policy", `{"pull":{"every":"10m"},"push":{"except":["tariffs"]}}`).body)
	if policy.Pull.Every != backend.Duration(10*time.Minute) || policy.Push.Rate != 5 || len(policy.Push.Except) != 1 {
		t.Errorf("%+v", policy)
	}
	for body, want := range map[string]string{
		`{"push":{"rate":-1}}`: "/push/rate", `{"push":{"colour":1}}`: "/push/colour", `{"pull":{"every":"soon"}}`: "/pull/every",
		`{"push":{"except":["parrots"]}}`: "/push/except/0", `{"push":{"off":"yes"}}`: "/push/off", `{"receive":{"patched_evses":"eat"}}`: "/receive/patched_evses",
	} {
		if got := p.want(http.StatusUnprocessableEntity, "PATCH", "/api/v1/partners/alpha/policy", body).pointers(t); !cmp.Equal(got, []string{want}) {
			t.Errorf("%s: %v", body, got)
		}
	}
	p.want(http.StatusNotFound, "PATCH", "/api/v1/partners/beta/policy", `{}`).pointers(t)
	p.want(http.StatusCreated, "POST", "/api/v1/webhooks", `{"url":"https://example.com/hook","types":["cdr.*"]}`)
	if got := p.want(http.StatusUnprocessableEntity, "POST", "/api/v1/webhooks", `{"types":["cdr.*"],"x":1}`).pointers(t); len(got) != 2 {
		t.Error(got)
	}
	hook := decoded[backend.Webhook](t, p.want(http.StatusOK, "PATCH", "/api/v1/webhooks/h1", `{"disabled":true}`).body)
	if !hook.Disabled || hook.URL != "https://example.com/hook" {
		t.Errorf("%+v", hook)
	}
	p.want(http.StatusNotFound, "DELETE", "/api/v1/webhooks/h1", "")
}

func (commands) Prefer(context.Context, backend.PreferenceRequest) (backend.Preference, error) {
	return backend.Preference{}, nil
}
