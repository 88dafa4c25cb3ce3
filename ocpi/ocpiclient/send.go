package ocpiclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A request is one call. It may take several HTTP requests: tries and redirects.
type request struct {
	method string
	url    string
	module ocpi.ModuleID
	// role is the partner's that is called.
	role ocpi.Role
	// routing names the parties that the call is about, as far as they are known; zero for the usual ones.
	routing ocpi.Routing
	// body is nil for none.
	body []byte
	// quirks are those that shaped the request.
	quirks []quirk.Name
	// losses are what the partner's version cannot say of what is in the body.
	losses []convert.Loss
	// secrets are tokens in the body, which no error may repeat.
	secrets []string
	// allowed is how long the call may take.
	allowed time.Duration
}

// A reply is an answer.
type reply struct {
	envelope
	request *request
	// routing is what the request says in its headers.
	routing ocpi.Routing
	// connected tells that the request may have been sent: there was a connection for it.
	connected bool
	// from is the URL that answered.
	from     *url.URL
	http     int
	header   http.Header
	body     []byte
	exchange ocpi.Exchange
}

// count notes the quirks that are part of the partner's profile, each once for an exchange.
func (c *Client) count(a *reply, names ...quirk.Name) {
	for _, name := range names {
		if c.profile.Has(name) && !slices.Contains(a.exchange.Quirks, string(name)) {
			a.exchange.Quirks = append(a.exchange.Quirks, string(name))
		}
	}
}

// maxFindings bounds the findings of one exchange: a page may have thousands of objects that are wrong all over.
const maxFindings = 1000

// note keeps what was found in a part of the answer.
func (c *Client) note(a *reply, report wire.Report, at string) {
	c.count(a, report.Quirks...)
	convert.Tell(&a.exchange.Losses, ocpi.Inbound, at, report.Losses)
	for _, f := range report.Findings {
		if len(a.exchange.Findings) == maxFindings {
			return
		}
		f.Pointer = at + f.Pointer
		a.exchange.Findings = append(a.exchange.Findings, f)
	}
}

// tell gives an exchange to the observer. It is called once for each HTTP request, when all is known about it.
func (c *Client) tell(ctx context.Context, x ocpi.Exchange) {
	if c.config.Observe != nil {
		c.config.Observe(context.WithoutCancel(ctx), x) // it may have been the time that ended the exchange
	}
}

// send makes one HTTP request and reads the whole answer. Where there is none, the exchange has been told.
func (c *Client) send(ctx context.Context, r *request, target string) (*reply, error) {
	a := &reply{request: r, routing: c.routingOf(ctx, r), exchange: ocpi.Exchange{
		At: c.config.Now(), Direction: ocpi.Outbound, Partner: c.config.Partner.ID, Method: r.method, URL: target,
		Module: r.module, Version: c.config.Version, RequestID: newID(), CorrelationID: correlationID(ctx),
		RequestSize: int64(len(r.body)), RequestBody: c.capture(r.body),
		Secrets: c.secrets(r),
	}}
	c.count(a, r.quirks...)
	convert.Tell(&a.exchange.Losses, ocpi.Outbound, "", r.losses)
	err := c.roundTrip(ctx, a, target)
	a.exchange.Duration = c.config.Now().Sub(a.exchange.At)
	if err != nil {
		failed := c.lost(ctx, a, target, err)
		a.exchange.Error = failed.Message
		c.tell(ctx, a.exchange)
		return nil, failed
	}
	c.checkRouting(a)
	c.checkMessageIDs(a)
	return a, nil
}

func (c *Client) capture(body []byte) []byte {
	n := min(c.config.Capture, len(body))
	if n <= 0 {
		return nil
	}
	return body[:n:n]
}

func (c *Client) roundTrip(ctx context.Context, a *reply, target string) error {
	if err := c.config.Transport.CheckURL(target); err != nil {
		return err
	}
	request, err := c.newRequest(a.traced(ctx), a, target)
	if err != nil {
		return err
	}
	response, err := c.config.Transport.http.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	a.from, a.http, a.header = request.URL, response.StatusCode, response.Header
	a.exchange.HTTP = response.StatusCode
	a.body, err = readBody(response, c.longestAnswer(a.request))
	a.exchange.ResponseSize, a.exchange.ResponseBody = int64(len(a.body)), c.capture(a.body)
	if err != nil {
		return err
	}
	a.envelope = readEnvelope(a.body)
	a.exchange.Status = a.status
	return nil
}

// smallAnswer is how large the answer to a change may be, besides what repeats the change: some partners do that.
const smallAnswer = 1 << 20

// longestAnswer bounds an answer. Lists are large; what is said to a change is not, and many are made at once.
func (c *Client) longestAnswer(r *request) int64 {
	limit := c.config.Transport.config.MaxResponse
	if r.method == http.MethodGet {
		return limit
	}
	return min(limit, smallAnswer+4*int64(len(r.body)))
}

// traced notes whether there was a connection. The transport asks for another one only where nothing was written to the one
// before, or where that does no harm. Both hooks are called by the goroutine that makes the call.
func (a *reply) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { a.connected = false },
		GotConn: func(httptrace.GotConnInfo) { a.connected = true },
	})
}

// newRequest makes the request with its headers. Message ids help under 2.1.1 as much as later (requirements DT-15,
// DT-17). The transport asks for gzip and unpacks it.
func (c *Client) newRequest(ctx context.Context, a *reply, target string) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if a.request.body != nil {
		body = bytes.NewReader(a.request.body)
	}
	request, err := http.NewRequestWithContext(ctx, a.request.method, target, body)
	if err != nil {
		return nil, err
	}
	request.URL.RawQuery = escapeQuery(request.URL.RawQuery)
	request.Header = c.header(a)
	return request, nil
}

// header makes the headers of a request, whose values share one piece of memory: a fan-out makes many of them.
func (c *Client) header(a *reply) http.Header {
	const json = "application/json"
	values := []string{c.authorization, json, c.config.UserAgent, a.exchange.RequestID, a.exchange.CorrelationID, json}
	h := make(http.Header, len(values))
	for i, name := range []string{"Authorization", "Accept", "User-Agent", "X-Request-Id", "X-Correlation-Id"} {
		h[name] = values[i : i+1 : i+1]
	}
	if a.request.body != nil {
		h["Content-Type"] = values[5:]
	}
	a.routing.Set(h)
	return h
}

// readBody reads an answer up to the limit, which counts what was unpacked. To its end, so that the connection can be
// used again. Memory is taken for what has come and not for what was announced, and never for more than the limit.
func readBody(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, ErrTooLarge
	}
	most, first := limit+1, int64(bytes.MinRead) // one more byte tells that there is more
	if response.ContentLength >= 0 {
		most, first = response.ContentLength+1, 1<<20
	}
	body := make([]byte, 0, min(most, first))
	for {
		if len(body) == cap(body) {
			body = append(make([]byte, 0, larger(int64(cap(body)), most)), body...)
		}
		n, err := response.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return body[:limit], ErrTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		}
	}
}

// larger is twice the room, or all there may be where twice the room would not last for long.
func larger(room, most int64) int64 {
	if most < 3*room {
		return most
	}
	return 2 * room
}
