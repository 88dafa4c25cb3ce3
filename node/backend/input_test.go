package backend_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const mergePatch = "application/merge-patch+json"

// raw sends what no client of HTTP would, and returns what comes back.
func (p *place) raw(request string) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(request, "Connection: close") {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(answer)
}

func TestABodyThatBreaksOffIsTheClientsMistake(t *testing.T) {
	p := open(t, nil)
	for _, c := range []struct{ method, path string }{
		{"PUT", pathOf(sample.Location(1))}, {"PATCH", pathOf(sample.Location(1))}, {"POST", "/api/v1/evses/E-1/status"},
	} {
		got := p.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"id\"", c.method, c.path, p.keys[backend.ScopeWrite]))
		if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "application/problem+json") {
			t.Errorf("%s: %s", c.method, got)
		}
	}
}

func TestAnAddressThatIsNotUTF8IsAnsweredWithAProblem(t *testing.T) {
	p, _ := everything(t)
	for _, path := range []string{"/api/v1/locations/NL/GPE/%ff", "/api/v1/partners/%ff", "/api/v1/locations?q=%ff", "/api/v1/%ff"} {
		p.want(http.StatusBadRequest, "GET", path, "").pointers(t)
	}
}

func TestABodyIsOfATypeThatIsRead(t *testing.T) {
	p, _ := everything(t)
	path := pathOf(sample.Location(1))
	for _, c := range []struct {
		method, path, contentType string
		status                    int
	}{
		{"PUT", path, "application/xml", 415}, {"PUT", path, "text/plain", 415}, {"PUT", path, mergePatch, 415}, {"PUT", path, "nonsense", 415},
		{"PUT", path, "application/json; charset=utf-8", 201}, {"PUT", path, "", 200},
		{"PATCH", path, "application/xml", 415}, {"PATCH", path, "application/json", 200}, {"PATCH", path, mergePatch, 200},
		{"POST", "/api/v1/push", "application/x-www-form-urlencoded", 415},
		{"POST", "/api/v1/locations/bulk", "application/xml", 415}, {"POST", "/api/v1/locations/bulk", "application/x-ndjson", 200}, {"POST", "/api/v1/locations/bulk", "application/jsonl", 200},
	} {
		got := p.call(c.method, c.path, location(t), "Content-Type", c.contentType)
		if got.status != c.status {
			t.Errorf("%s %s of type %q: %d, want %d: %s", c.method, c.path, c.contentType, got.status, c.status, got.body)
		}
		if c.status == http.StatusUnsupportedMediaType {
			got.pointers(t)
			if got.header.Get("Accept") == "" {
				t.Errorf("%s %s: it does not say what is read", c.method, c.path)
			}
		}
	}
	for _, at := range []string{"/api/v1/locations/bulk", "/api/v1/push"} {
		got := p.want(http.StatusUnsupportedMediaType, "POST", at, "\x1f\x8b", "Content-Encoding", "gzip", "Content-Type", "")
		if got.pointers(t); got.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %v", at, got.header)
		}
	}
}

func TestAParameterThatAnOperationDoesNotHaveIsAMistakeEverywhere(t *testing.T) {
	p, _ := everything(t)
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/events?typ=cdr.*"}, {"POST", "/api/v1/locations/bulk?typ=1"}, {"GET", "/api/v1/locations?typ=1"}, {"GET", "/api/v1/me?typ=1"},
	} {
		if got := p.want(http.StatusUnprocessableEntity, c.method, c.path, "").pointers(t); !cmp.Equal(got, []string{"query.typ"}) {
			t.Errorf("%s: %v", c.path, got)
		}
	}
}

// patient is an Authorizer that takes its time.
type patient struct{ takes time.Duration }

func (a patient) Authorize(ctx context.Context, _ backend.AuthorizeRequest) (backend.Authorization, error) {
	select {
	case <-time.After(a.takes):
		return backend.Authorization{Allowed: "ALLOWED"}, nil
	case <-ctx.Done():
		return backend.Authorization{}, ctx.Err()
	}
}

func TestARequestMayTakeLongerThanItsBody(t *testing.T) {
	p := open(t, func(c *backend.Config) {
		c.BodyTimeout, c.Authorizer = 100*time.Millisecond, patient{500 * time.Millisecond}
	})
	p.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"X"}`)
	p.want(http.StatusOK, "POST", "/api/v1/authorize", `{"token_uid":"X"}`, "Idempotency-Key", "1")
}

func TestALineThatIsTooLongIsOneBadLineAmongOthers(t *testing.T) {
	p := open(t, func(c *backend.Config) { c.MaxBody = 8000 })
	long := `{"id":"` + strings.Repeat("x", 200_000) + `"}`
	body := location(t) + "\n" + long + "\n" + text(t, sample.Location(2)) + "\n" + long
	got := p.want(http.StatusOK, "POST", "/api/v1/locations/bulk", body).body
	var results []string
	for line := range strings.Lines(got) {
		r := decoded[backend.LineResult](t, line)
		results = append(results, fmt.Sprint(r.Line, r.Result))
		if r.Result == "error" && (len(r.Problems) != 1 || r.Problems[0].Code != "length") {
			t.Errorf("%+v", r)
		}
	}
	if diff := cmp.Diff([]string{"1created", "2error", "3created", "4error"}, results); diff != "" {
		t.Error(diff)
	}
}

func TestNoTwoPartsOfALocationHaveTheSameName(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	evse := l.EVSEs[0]
	evse.Connectors = append(evse.Connectors[:1:1], evse.Connectors[0])
	l.EVSEs = append(l.EVSEs[:1:1], evse)
	want := []string{"/evses/1/connectors/1/id", "/evses/1/uid"}
	if diff := cmp.Diff(want, p.want(http.StatusUnprocessableEntity, "PUT", pathOf(l), text(t, l)).pointers(t)); diff != "" {
		t.Error(diff)
	}
	p.want(http.StatusNotFound, "GET", pathOf(l), "")
	p.want(http.StatusCreated, "PUT", pathOf(l), location(t))
	if got := p.want(http.StatusUnprocessableEntity, "PATCH", pathOf(l), `{"evses":`+text(t, l.EVSEs)+`}`).pointers(t); !cmp.Equal(got, want) {
		t.Error(got)
	}
	at := pathOf(l) + "/evses/" + string(evse.UID)
	if got := p.want(http.StatusUnprocessableEntity, "PUT", at, text(t, evse)).pointers(t); !cmp.Equal(got, []string{"/connectors/1/id"}) {
		t.Error(got)
	}
}

func TestTheAnswerToAPatchIsWhatIsStored(t *testing.T) {
	p := open(t, nil)
	path := pathOf(sample.Location(1))
	p.want(http.StatusCreated, "PUT", path, location(t))
	for _, patch := range []string{`{"evses":null}`, `{"evses":[]}`, `{"name":"x"}`} { // EVSEs do not vanish, they become REMOVED
		patched := p.want(http.StatusOK, "PATCH", path, patch)
		is := p.want(http.StatusOK, "GET", path, "")
		if patched.body != is.body || patched.header.Get("ETag") != is.header.Get("ETag") {
			t.Errorf("%s: answered %s, stored %s", patch, patched.body, is.body)
		}
		p.want(http.StatusOK, "PATCH", path, `{}`, "If-Match", patched.header.Get("ETag"))
	}
}

func TestLastUpdatedDoesNotGoBackWhenOurClockIsBehind(t *testing.T) {
	p := open(t, nil)
	ahead := began.Add(5 * time.Second).Format(time.RFC3339)
	at := func(body string) string {
		return decoded[struct {
			LastUpdated string `json:"last_updated"`
		}](t, body).LastUpdated
	}
	for path, c := range map[string]struct{ object, patch string }{
		pathOf(sample.Location(1)):                                {location(t), `{"name":"x"}`},
		"/api/v1/tariffs/NL/GPE/" + string(sample.Tariff(1).ID):   {text(t, sample.Tariff(1)), `{"currency":"SEK"}`},
		"/api/v1/tokens/NL/GPE/" + string(sample.Token(1).UID):    {text(t, sample.Token(1)), `{"issuer":"x"}`},
		"/api/v1/sessions/NL/GPE/" + string(sample.Session(1).ID): {text(t, sample.Session(1)), `{"kwh":99}`},
	} {
		p.want(http.StatusCreated, "PUT", path, with(t, c.object, "last_updated", ahead))
		if got := at(p.want(http.StatusOK, "PATCH", path, c.patch).body); got != ahead {
			t.Errorf("PATCH %s: %s, was %s", path, got, ahead)
		}
		if strings.Contains(path, "tariffs") || strings.Contains(path, "locations") {
			continue
		}
		if got := at(p.want(http.StatusOK, "DELETE", path, "").body); got != ahead {
			t.Errorf("DELETE %s: %s, was %s", path, got, ahead)
		}
	}
}

func TestWhatIsKeptOfAnswersGivesNoSecretAway(t *testing.T) {
	p, _ := everything(t)
	body := `{"url":"https://example.com/hook"}`
	first := p.want(http.StatusCreated, "POST", "/api/v1/webhooks", body, "Idempotency-Key", "1")
	again := p.want(http.StatusCreated, "POST", "/api/v1/webhooks", body, "Idempotency-Key", "1")
	if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s, then %s", first.body, again.body)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(p.file), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	secret := decoded[signed](t, first.body).Secret
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s has the webhook's secret in it", filepath.Base(name))
		}
	}
}

type signed struct {
	Secret string `json:"secret"`
}

func TestReadingTooCanWantAState(t *testing.T) {
	p := open(t, nil)
	path := pathOf(sample.Location(1))
	tag := p.want(http.StatusCreated, "PUT", path, location(t)).header.Get("ETag")
	p.want(http.StatusOK, "GET", path, "", "If-Match", tag)
	p.want(http.StatusPreconditionFailed, "GET", path, "", "If-Match", `"other"`).pointers(t)
	p.want(http.StatusPreconditionFailed, "GET", path+"/evses/"+string(sample.Location(1).EVSEs[0].UID), "", "If-Match", `"other"`).pointers(t)
}

func TestATokenOfAnotherTypeHasOneAddressForEverything(t *testing.T) {
	p := open(t, nil)
	token := sample.Token(1)
	token.Type = v230.TokenTypeAppUser
	path := "/api/v1/tokens/NL/GPE/" + string(token.UID) + "?type=APP_USER"
	p.want(http.StatusCreated, "PUT", path, text(t, token))
	p.want(http.StatusOK, "GET", path, "")
	token.Type = v230.TokenTypeRFID
	if got := p.want(http.StatusUnprocessableEntity, "PUT", path, text(t, token)).pointers(t); !cmp.Equal(got, []string{"/type"}) {
		t.Error(got)
	}
}

func TestAProblemIsNotAsDeepAsTheDocument(t *testing.T) {
	p, _ := everything(t)
	for _, c := range []struct{ method, path string }{
		{"PUT", pathOf(sample.Location(1))}, {"PATCH", pathOf(sample.Location(1))}, {"POST", "/api/v1/push"}, {"PATCH", "/api/v1/webhooks/h1"},
	} {
		got := p.want(http.StatusBadRequest, c.method, c.path, strings.Repeat(`{"a":`, 1_000_000/5))
		if got.pointers(t); len(got.body) > 3000 {
			t.Errorf("%s %s: %d bytes", c.method, c.path, len(got.body))
		}
	}
	for patch, why := range map[string]string{
		`{"name":"a","name":"b"}`: "duplicate", `{"operator":{"name":"a","name":"b"}}`: "duplicate", "{\"name\":\"\xff\"}": "UTF-8",
		`{"name":"a"}{"name":"b"}`: "follows", `{"name"`: "EOF", `{"name":"\ud800"}`: "surrogate",
	} {
		got := p.want(http.StatusBadRequest, "PATCH", pathOf(sample.Location(1)), patch)
		if got.pointers(t); !strings.Contains(got.body, why) {
			t.Errorf("%s: it does not say %q: %s", patch, why, got.body)
		}
	}
	if got := p.want(http.StatusNotFound, "DELETE", "/api/v1/webhooks/h1", ""); !strings.Contains(got.body, "no webhook h1") {
		t.Error(got.body)
	}
}
