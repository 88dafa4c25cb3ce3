package ocpiclient_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// inBubble serves a handler over pipes, so that the time of a synctest bubble can pass.
func inBubble(t *testing.T, config ocpiclient.Config, handler http.HandlerFunc) (*ocpiclient.Client, *recorder) {
	t.Helper()
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	transport := loopback(t, ocpiclient.TransportConfig{})
	transport.DialWith(func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		listener.conns <- there
		return here, nil
	})
	t.Cleanup(func() { transport.Close(); _ = server.Close(); <-served })
	recorder := &recorder{}
	config.Transport, config.Observe, config.Endpoints = transport, recorder.observe, endpoints("http://partner.example.com")
	return newClient(t, config), recorder
}

type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestAGETIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		retries int
		// answers are what the partner says before it says yes.
		answers []func(w http.ResponseWriter)
		works   bool
		tries   int
		// least and most are how long it may take.
		least, most time.Duration
	}{
		"after 503":             {0, []func(http.ResponseWriter){status(503)}, true, 2, 250 * time.Millisecond, 750 * time.Millisecond},
		"after 503 and 429":     {0, []func(http.ResponseWriter){status(503), status(429)}, true, 3, 750 * time.Millisecond, 2250 * time.Millisecond},
		"after OCPI 3000":       {0, []func(http.ResponseWriter){func(w http.ResponseWriter) { fails(w, 200, 3000, "") }}, true, 2, 250 * time.Millisecond, 750 * time.Millisecond},
		"after a hangup":        {0, []func(http.ResponseWriter){hangUp}, true, 2, 250 * time.Millisecond, 750 * time.Millisecond},
		"after half an answer":  {0, []func(http.ResponseWriter){half}, true, 2, 250 * time.Millisecond, 750 * time.Millisecond},
		"as late as it asks":    {0, []func(http.ResponseWriter){retryAfter("7")}, true, 2, 7 * time.Second, 7 * time.Second},
		"at the date it names":  {0, []func(http.ResponseWriter){retryAfter("Sat, 01 Jan 2000 00:00:09 GMT")}, true, 2, 9 * time.Second, 9 * time.Second},
		"not twice too often":   {0, []func(http.ResponseWriter){status(503), status(503), status(503)}, false, 3, 750 * time.Millisecond, 2250 * time.Millisecond},
		"as often as asked":     {5, []func(http.ResponseWriter){status(503), status(503), status(503), status(503)}, true, 5, 3 * time.Second, 12 * time.Second},
		"never if asked":        {-1, []func(http.ResponseWriter){status(503)}, false, 1, 0, 0},
		"not later than wanted": {0, []func(http.ResponseWriter){retryAfter("31")}, false, 1, 0, 0},
		"not after 400":         {0, []func(http.ResponseWriter){status(400)}, false, 1, 0, 0},
		"not after 404":         {0, []func(http.ResponseWriter){status(404)}, false, 1, 0, 0},
		"not after OCPI 2001":   {0, []func(http.ResponseWriter){func(w http.ResponseWriter) { fails(w, 200, 2001, "") }}, false, 1, 0, 0},
		"not after no JSON":     {0, []func(http.ResponseWriter){func(w http.ResponseWriter) { fmt.Fprint(w, "hello") }}, false, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				client, exchanges := inBubble(t, ocpiclient.Config{Retries: c.retries}, func(w http.ResponseWriter, _ *http.Request) {
					tries++
					if tries <= len(c.answers) {
						c.answers[tries-1](w)
						return
					}
					ok(w, `[{"version":"2.1.1","url":"http://partner.example.com/2.1.1"}]`)
				})
				started := time.Now()
				_, err := client.Versions(t.Context(), "http://partner.example.com/versions")
				if (err == nil) != c.works || tries != c.tries {
					t.Errorf("%d tries, %v; want %d", tries, err, c.tries)
				}
				if took := time.Since(started); took < c.least || took > c.most {
					t.Errorf("it took %s, want %s to %s", took, c.least, c.most)
				}
				ids, correlations := map[string]bool{}, map[string]bool{}
				for _, x := range exchanges.taken() {
					ids[x.RequestID], correlations[x.CorrelationID] = true, true
				}
				if len(ids) != c.tries || len(correlations) != 1 {
					t.Errorf("%d request ids and %d correlation ids, want %d and 1", len(ids), len(correlations), c.tries)
				}
			})
		})
	}
}

// What an earlier try was told is worth more than that there was no time for one more.
func TestTheLastTryRunsOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		client, _ := inBubble(t, ocpiclient.Config{Timeout: time.Second}, func(w http.ResponseWriter, r *http.Request) {
			if tries.Add(1) == 1 {
				fails(w, 503, 3000, "closed for repairs")
				return
			}
			<-r.Context().Done()
		})
		started := time.Now()
		_, err := client.Versions(t.Context(), "http://partner.example.com/versions")
		const want = "GET http://partner.example.com/versions answered HTTP 503 with OCPI 3000: closed for repairs"
		if err == nil || err.Error() != want || tries.Load() != 2 || time.Since(started) != time.Second {
			t.Errorf("after %s and %d tries: %v", time.Since(started), tries.Load(), err)
		}
	})
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { fails(w, code, 2000, "") }
}

func retryAfter(when string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.Header().Set("Retry-After", when); fails(w, 429, 2000, "") }
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func half(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"data":[`)
}

// TF-65, TF-41: nothing but GET is ever sent twice.
func TestOnlyGETIsTriedAgain(t *testing.T) {
	for name, call := range map[string]func(context.Context, *ocpiclient.Client) error{
		"POST credentials": func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.Register(ctx, v230.Credentials{Token: "x"})
			return err
		},
		"PUT credentials": func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.UpdateCredentials(ctx, v230.Credentials{Token: "x"})
			return err
		},
		"DELETE credentials": func(ctx context.Context, c *ocpiclient.Client) error { return c.Unregister(ctx) },
		"PUT": func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.EMSP().Tariffs.Put(ctx, v230.Tariff{ID: "T"})
			return err
		},
		"PATCH": func(ctx context.Context, c *ocpiclient.Client) error {
			return c.EMSP().Tariffs.Patch(ctx, v230.Tariff{ID: "T"}, v230.Tariff{ID: "T", Currency: "EUR"})
		},
		"DELETE": func(ctx context.Context, c *ocpiclient.Client) error {
			return c.EMSP().Tariffs.Delete(ctx, ocpi.Key{ID: "T"})
		},
		"POST": func(ctx context.Context, c *ocpiclient.Client) error {
			_, err := c.EMSP().CDRs.Post(ctx, v230.CDR{ID: "C"})
			return err
		},
	} {
		for how, answer := range map[string]func(http.ResponseWriter){"503": status(503), "hangup": hangUp} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tries := 0
					client, _ := inBubble(t, ocpiclient.Config{Retries: 5}, func(w http.ResponseWriter, _ *http.Request) { tries++; answer(w) })
					if err := call(t.Context(), client); err == nil || tries != 1 {
						t.Errorf("%d tries, %v; want 1", tries, err)
					}
				})
			})
		}
	}
}
