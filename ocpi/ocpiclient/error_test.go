package ocpiclient_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func result() v230.CommandResult {
	return v230.CommandResult{Result: v230.CommandResultTypeAccepted}
}

// What failed reads as a sentence: the state of a registration shows it to people.
func TestErrorsSayWhatCameBack(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
		kind   ocpiclient.Kind
	}{
		"a web page": {
			func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Welcome</html>") },
			`answered 200 but no JSON: invalid character '<' at start of value`, ocpiclient.Permanent,
		},
		"nothing at all": {
			func(w http.ResponseWriter) { w.WriteHeader(200) },
			`answered 200 but nothing in it`, ocpiclient.Permanent,
		},
		"the object itself": {
			func(w http.ResponseWriter) { fmt.Fprint(w, `{"token":"x","url":"https://example.com"}`) },
			`answered 200 but no OCPI envelope around its JSON: there is no status_code`, ocpiclient.Permanent,
		},
		"an OCPI error in 200": {
			func(w http.ResponseWriter) { fails(w, 200, 2001, "url is missing") },
			`answered HTTP 200 with OCPI 2001: url is missing`, ocpiclient.Permanent,
		},
		"an OCPI error in 404": {
			func(w http.ResponseWriter) { fails(w, 404, 2003, "no such location") },
			`answered HTTP 404 with OCPI 2003: no such location`, ocpiclient.NotFound,
		},
		"success in 404": {
			func(w http.ResponseWriter) { fails(w, 404, 1000, "") },
			`answered HTTP 404 with OCPI 1000`, ocpiclient.NotFound,
		},
		"an error of a framework": {
			func(w http.ResponseWriter) { w.WriteHeader(403); fmt.Fprint(w, `{"detail":"Not authenticated"}`) },
			`answered HTTP 403: Not authenticated`, ocpiclient.Permanent,
		},
		"a list of errors of a framework": {
			func(w http.ResponseWriter) {
				w.WriteHeader(422)
				fmt.Fprint(w, `{"detail":[{"loc":["body"],"msg":"field required"}]}`)
			},
			`answered HTTP 422: [{"loc":["body"],"msg":"field required"}]`, ocpiclient.Permanent,
		},
		"a gateway": {
			func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(502)
				fmt.Fprint(w, "<html>Bad Gateway</html>")
			},
			`answered HTTP 502`, ocpiclient.TryLater,
		},
		"a gateway in plain text": {
			func(w http.ResponseWriter) { w.WriteHeader(503); fmt.Fprint(w, "upstream\n\tconnect error") },
			`answered HTTP 503: upstream connect error`, ocpiclient.TryLater,
		},
		"no data": {
			func(w http.ResponseWriter) { fmt.Fprint(w, `{"status_code":1000}`) },
			`answered 200 but no Credentials: there is no data`, ocpiclient.Permanent,
		},
		"data that is none": {
			func(w http.ResponseWriter) { ok(w, `{"url":7}`) },
			`answered 200 but its Credentials cannot be used: `, ocpiclient.Permanent,
		},
		"a redirect for other methods": {
			func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(303) },
			`answered HTTP 303`, ocpiclient.Permanent,
		},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{Retries: -1}, func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			_, err := partner.client.Credentials(t.Context())
			var failed *ocpiclient.Error
			if !errors.As(err, &failed) || failed.Kind != c.kind {
				t.Fatalf("got %v, want kind %s", err, c.kind)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "GET "+partner.URL+"/ocpi/cpo/2.1.1/credentials "+c.want) {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
			if x := partner.exchanges.taken(); len(x) != 1 || (failed.HTTP == 200 && failed.Status.Success() || failed.Status == 0 && failed.HTTP == 200) != (x[0].Error != "") {
				t.Errorf("the exchange says %q", x[0].Error)
			}
		})
	}
}

func TestErrorsOfNoAnswer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := "http://" + closed.Addr().String()
	_ = closed.Close()
	client := newClient(t, ocpiclient.Config{Retries: -1})
	_, err = client.Versions(t.Context(), nowhere+"/versions?token=geheim&offset=3")
	var failed *ocpiclient.Error
	if !errors.As(err, &failed) || failed.Kind != ocpiclient.TryLater || failed.HTTP != 0 {
		t.Fatalf("got %v, want one that may pass", err)
	}
	if got := err.Error(); !strings.HasPrefix(got, "GET "+nowhere+"/versions?token=***&offset=3: ") || !strings.Contains(got, "refused") {
		t.Errorf("got %s", got)
	}

	_, err = client.Versions(t.Context(), "https://user:geheim@example.com/")
	if !errors.Is(err, ocpiclient.ErrAddress) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Versions(ctx, nowhere)
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), ": the call was cancelled") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsMatchTheVocabulary(t *testing.T) {
	for _, c := range []struct {
		http         int
		status       ocpi.StatusCode
		notFound     bool
		unauthorized bool
	}{
		{404, 2000, true, false},
		{404, 1000, true, false},
		{410, 0, true, false},
		{200, 2003, true, false},
		{401, 2000, false, true},
		{401, 0, false, true},
		{403, 2000, false, false},
		{200, 2001, false, false},
		{500, 3000, false, false},
	} {
		t.Run(fmt.Sprintf("HTTP %d with OCPI %d", c.http, c.status), func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{Retries: -1}, func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 0 {
					w.WriteHeader(c.http)
					return
				}
				fails(w, c.http, c.status, "no")
			})
			_, err := partner.client.CPO().Locations.Get(t.Context(), "LOC1")
			if got := errors.Is(err, ocpi.ErrNotFound); got != c.notFound {
				t.Errorf("%v is ocpi.ErrNotFound: %v", err, got)
			}
			if got := errors.Is(err, ocpi.ErrUnauthorized); got != c.unauthorized {
				t.Errorf("%v is ocpi.ErrUnauthorized: %v", err, got)
			}
		})
	}
}

// A partner that repeats what it was sent does not bring a token into an error.
func TestNoTokenInErrors(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	const fresh, answered = "our-fresh-token-for-them", "their-answered-token"
	for name, answer := range map[string]string{
		"message":     `{"status_code":2001,"status_message":"unknown token ` + token + ` or ` + encoded + ` or ` + fresh + `"}`,
		"no envelope": `{"detail":"bad header: Token ` + token + `"}`,
		"data":        `{"status_code":1000,"data":{"token":"` + answered + strings.Repeat("!", 64) + ` ","url":7}}`,
		"header":      `no JSON: ` + token,
	} {
		for _, status := range []int{200, 400, 401} {
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprint(w, answer)
			})
			_, err := partner.client.Register(t.Context(), v230.Credentials{Token: fresh, URL: "https://tst.example.com/versions"})
			if err == nil {
				t.Fatal("it worked")
			}
			said := err.Error() + partner.exchanges.taken()[0].Error
			for _, secret := range []string{token, strings.TrimRight(encoded, "="), fresh, answered} {
				if strings.Contains(said, secret) {
					t.Errorf("%s in HTTP %d: %s", name, status, said)
				}
			}
		}
	}
}

// A partner may put the token into a URL that it sends us to.
func TestNoTokenInTheURLsOfErrors(t *testing.T) {
	for name, form := range map[string]string{
		"plain": token, "Base64": base64.StdEncoding.EncodeToString([]byte(token)), "hex": fmt.Sprintf("%x", token), "HEX": fmt.Sprintf("%X", token),
	} {
		partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/there") {
				w.Header().Set("Location", "/there/"+form+"/"+url.PathEscape("?"+form))
				w.WriteHeader(http.StatusTemporaryRedirect)
				return
			}
			fails(w, 404, 2003, "nothing here")
		})
		_, err := partner.client.Versions(t.Context(), partner.URL)
		if err == nil || !strings.Contains(err.Error(), "/there/***") || strings.Contains(err.Error(), strings.TrimRight(form, "=")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever keeps exchanges is told what nothing of them may show.
func TestTheObserverIsToldTheSecrets(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) { fails(w, 400, 2000, "no") })
	_, _ = partner.client.Register(t.Context(), v230.Credentials{Token: "our-fresh-token", URL: "https://tst.example.com/versions"})
	_, _ = partner.client.Versions(t.Context(), partner.URL)
	want := [][]string{{token, "our-fresh-token"}, {token}}
	for i, e := range partner.exchanges.taken() {
		if diff := cmp.Diff(want[i], e.Secrets); diff != "" {
			t.Error(diff)
		}
	}
}

// A message of a partner is a line of bounded length.
func TestMessagesAreShort(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"status_code":2000,"status_message":"a\n\u0000b \u001b[31m%s"}`, strings.Repeat("x", 100_000))
	})
	_, err := partner.client.Credentials(t.Context())
	if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\n\x00\x1b") || !strings.Contains(text, ": a b [31mxx") {
		t.Errorf("%d bytes: %.200q", len(text), text)
	}
}

// Nothing hangs: whatever the partner does, a call ends within its time, and says how long that was.
func TestCallsEndInTime(t *testing.T) {
	const allowed = 300 * time.Millisecond
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	wait := func(r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}
	flush := func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no headers": {func(_ http.ResponseWriter, r *http.Request) { wait(r) }, ": no answer within 300ms"},
		"no body": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(200)
			flush(w)
			wait(r)
		}, " answered 200 but the answer was not complete within 300ms"},
		"a body in drops": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				flush(w)
				time.Sleep(20 * time.Millisecond)
			}
		}, " answered 200 but the answer was not complete within 300ms"},
		"try later, for ever": {func(w http.ResponseWriter, _ *http.Request) { fails(w, 503, 3000, "busy") }, " answered HTTP 503 with OCPI 3000: busy"},
		"try later, in an hour": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			fails(w, 429, 2000, "slow down")
		}, " answered HTTP 429 with OCPI 2000: slow down (it asks to wait 1h0m0s)"},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{Timeout: allowed}, c.answer)
			started := time.Now()
			_, err := partner.client.Versions(t.Context(), partner.URL)
			soon(t, started, 5*time.Second)
			if err == nil || err.Error() != "GET "+partner.URL+c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			var failed *ocpiclient.Error
			if !errors.As(err, &failed) || failed.Kind != ocpiclient.TryLater {
				t.Errorf("got %v, want one that may pass", err)
			}
			if len(partner.exchanges.taken()) == 0 || partner.exchanges.expired > 0 {
				t.Error("the observer had no time left")
			}
		})
	}
}

// A caller's own deadline counts too.
func TestTheCallersDeadlineCounts(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := partner.client.Versions(ctx, partner.URL)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within ") {
		t.Errorf("got %v", err)
	}
}
