package ocpitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Request is one that a Partner got, as it came. What Requests returns must not be written to.
type Request struct {
	At     time.Time
	Method string
	// URL is the path with its query.
	URL *url.URL
	// Module is what was called: a module of OCPI, CallVersions or CallDetails, or empty for any other path.
	Module ocpi.ModuleID
	// Header has the Authorization header too, so that a test can see which token was sent.
	Header http.Header
	// Body is the body, or its first 4 MiB.
	Body []byte
}

// What a Request calls that is no module.
const (
	CallVersions ocpi.ModuleID = "versions"
	CallDetails  ocpi.ModuleID = "details"
)

// A Match tells whether a request is meant. A nil Match means them all.
type Match func(Request) bool

// Calls means requests with this method, or with any if it is empty, of any of these modules, or of all if there is
// none. CallVersions and CallDetails count as modules.
func Calls(method string, modules ...ocpi.ModuleID) Match {
	return func(r Request) bool {
		return (method == "" || r.Method == method) && (len(modules) == 0 || slices.Contains(modules, r.Module))
	}
}

// Paths means requests whose path, with its query, has this part in it.
func Paths(part string) Match {
	return func(r Request) bool { return strings.Contains(r.URL.RequestURI(), part) }
}

func (m Match) means(r Request) bool { return m == nil || m(r) }

// Requests returns the requests so far that match, oldest first. Those that a Partner has not answered, because it is
// mean, are among them.
func (p *Partner) Requests(match Match) []Request {
	requests, _ := p.requests.matching(match)
	return requests
}

// Wait returns the requests that match as soon as there are n of them, or an error when ctx is done.
func (p *Partner) Wait(ctx context.Context, n int, match Match) ([]Request, error) {
	for {
		requests, more := p.requests.matching(match)
		if len(requests) >= n {
			return requests, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return requests, fmt.Errorf("ocpitest: wait for %d requests, %d have come: %w", n, len(requests), ctx.Err())
		}
	}
}

// Forget empties the list of requests.
func (p *Partner) Forget() {
	p.requests.mu.Lock()
	defer p.requests.mu.Unlock()
	p.requests.list = nil
}

// A requestLog is every request so far.
type requestLog struct {
	mu   sync.Mutex
	list []Request
	// more is closed when the next request comes; nil while nobody waits for it.
	more chan struct{}
}

func (l *requestLog) matching(match Match) (requests []Request, more <-chan struct{}) {
	l.mu.Lock()
	list := l.list
	if l.more == nil {
		l.more = make(chan struct{})
	}
	more = l.more
	l.mu.Unlock()
	for _, r := range list { // match is the caller's and may take its time
		if match.means(r) {
			requests = append(requests, r)
		}
	}
	return requests, more
}

const (
	maxRequestBody = 4 << 20
	bodyTimeout    = 30 * time.Second
)

// add writes a request down, with its body, which it can still be read from.
func (l *requestLog) add(w http.ResponseWriter, r *http.Request) Request {
	request := Request{At: time.Now(), Method: r.Method, URL: r.URL, Module: moduleOf(r.URL.Path), Header: r.Header.Clone()}
	if r.Body != nil && r.Body != http.NoBody {
		request.Body = keepBody(w, r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, request)
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return request
}

func keepBody(w http.ResponseWriter, r *http.Request) []byte {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
	_ = control.SetReadDeadline(time.Time{})
	rest := r.Body
	if err != nil {
		rest = io.NopCloser(failed{err})
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), r.Body}
	return body
}

// failed is the rest of a body that did not arrive.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// moduleOf finds what is called: /ocpi[/cpo|/emsp]/versions, …/2.1.1[/details], …/2.1.1/{module}/… or
// …/2.2.1/sender|receiver/{module}/….
func moduleOf(path string) ocpi.ModuleID {
	segments := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if len(segments) > 0 && segments[0] == "ocpi" {
		segments = segments[1:]
	}
	if len(segments) > 0 && (segments[0] == "cpo" || segments[0] == "emsp") {
		segments = segments[1:]
	}
	switch {
	case len(segments) == 0:
		return ""
	case segments[0] == string(CallVersions):
		return CallVersions
	case len(segments) == 1:
		return CallDetails
	case len(segments) > 2 && (segments[1] == "sender" || segments[1] == "receiver"):
		return ocpi.ModuleID(segments[2])
	default:
		return ocpi.ModuleID(segments[1])
	}
}
