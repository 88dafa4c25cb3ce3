package ocpiserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/openapi"
)

// A Server is an http.Handler that speaks OCPI.
type Server struct {
	config Config
	// base is BaseURL without a slash at its end.
	base   string
	prefix string
	mux    *http.ServeMux
	// routes are what is mounted, documents what describes it, by path below the prefix.
	routes    []openapi.Route
	documents map[string]document
	// wrongTokens are counted to slow down those who guess.
	wrongTokens throttle
	// profiles are what the partners' Quirks stand for.
	profiles sync.Map
}

// New returns a server. It fails where the configuration is incomplete or promises what the backend cannot do.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("ocpiserver: %w", err)
	}
	s := &Server{config: config, base: strings.TrimRight(config.BaseURL, "/"), prefix: config.prefix(), mux: http.NewServeMux()}
	if err := s.mount(); err != nil {
		return nil, fmt.Errorf("ocpiserver: %w", err)
	}
	return s, nil
}

// ServeHTTP answers a request. Whatever happens, the answer is an OCPI envelope, except for what describes the interface.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{server: s, w: w, r: r, urlPath: r.URL.Path, requestURI: r.RequestURI, started: s.config.Now()}
	if s.serveDocument(c) {
		return
	}
	c.requestIDs()
	defer c.takeBody() // the last, and not part of the time that the request has taken
	defer c.done()
	defer c.recoverPanic()
	c.limitTime()
	if s.cors(c) {
		c.http = http.StatusNoContent
		return
	}
	path, ok := s.route(r)
	if !ok {
		c.fail(ocpi.NotFound("there is nothing at %s", r.URL.Path))
		return
	}
	r2 := new(http.Request)
	*r2 = *r
	r2.URL = path
	s.mux.ServeHTTP(w, r2.WithContext(context.WithValue(r.Context(), callKey{}, c)))
}

type callKey struct{}

// A call is one request on its way through the server.
type call struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	started time.Time
	// urlPath is the path as it came, for the log; requestURI is it with the query, for the observer.
	urlPath, requestURI string
	// partner is who calls; token is what it presented.
	partner *ocpi.Partner
	token   string
	// secrets are the tokens of credentials that are exchanged.
	secrets []string

	requestID, correlationID string
	route, root              string
	// role is ours here; empty where several are meant. routed tells that messages here have routing headers.
	role     ocpi.Role
	routed   bool
	module   ocpi.ModuleID
	findings []ocpi.Finding
	// quirks are the names of what was put right.
	quirks []string
	// version is that of the path, and losses what did not cross between it and the model.
	version ocpi.Version
	losses  ocpi.Losses
	// lookup is a failure to look up what an answer needs, where the code in between can only say that it is not there.
	lookup error
	// times are the partner's own in a change.
	times Times
	// bodyRead tells that the whole body has been read.
	bodyRead bool
	// bodyForgotten tells that the answer was given without it.
	bodyForgotten bool

	http   int
	status ocpi.StatusCode

	// envelope is the answer, in memory that is used again when the call is done.
	envelope *[]byte
	// What the observer is told of the bodies.
	requestSize, responseSize int64
	requestBody, responseBody []byte
}

func (c *call) ctx() context.Context { return c.r.Context() }

// limitTime bounds how long the client may take to send its body and to take the answer, whatever becomes of the
// request. Writers that have no connection, as in tests, cannot set deadlines; they do not need them either.
func (c *call) limitTime() {
	control := http.NewResponseController(c.w)
	now := time.Now() // deadlines are the network's time, not the clock's that was passed in
	if c.r.ContentLength != 0 {
		_ = control.SetReadDeadline(now.Add(c.server.config.BodyTimeout))
	}
	_ = control.SetWriteDeadline(now.Add(c.server.config.BodyTimeout + c.server.config.ResponseTimeout))
}

// requestIDs takes over the ids of the request, or makes them. They are answered under 2.1.1 too, where they help as
// much as later (requirements DT-15, DT-17).
func (c *call) requestIDs() {
	c.requestID = messageID(c.r.Header.Get("X-Request-ID"))
	c.correlationID = messageID(c.r.Header.Get("X-Correlation-ID"))
	c.w.Header().Set("X-Request-ID", c.requestID)
	c.w.Header().Set("X-Correlation-ID", c.correlationID)
}

const maxMessageID = 128

func messageID(given string) string {
	if given == "" || len(given) > maxMessageID {
		return rand.Text()
	}
	return given
}

// recoverPanic turns a bug into the answer 3000. Nothing of it reaches the partner.
func (c *call) recoverPanic() {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel that net/http asks for by identity
		panic(v)
	}
	c.server.config.Logger.ErrorContext(c.ctx(), "panic while serving", "request_id", c.requestID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if c.http == 0 {
		c.fail(ocpi.ServerError(fmt.Errorf("panic: %v", v)))
	}
}

// done tells the log and the observer.
func (c *call) done() {
	defer c.giveBack()
	s := c.server
	if len(c.findings) > 0 {
		s.config.Logger.InfoContext(c.ctx(), "partner deviates", "partner", c.partnerID(), "request_id", c.requestID,
			"method", c.r.Method, "path", c.logPath(), "status", int(c.status), "findings", findingsForLog(c.findings),
			"quirks", strings.Join(c.quirks, ","))
	}
	if s.config.Observe == nil {
		return
	}
	s.config.Observe(c.ctx(), ocpi.Exchange{
		At: c.started, Direction: ocpi.Inbound, Partner: c.partnerID(), Method: c.r.Method, URL: c.requestURI, Route: c.route,
		Module: c.module, RequestID: c.requestID, CorrelationID: c.correlationID, HTTP: c.http, Status: c.status,
		Duration: s.config.Now().Sub(c.started), RequestSize: c.requestSize, ResponseSize: c.responseSize,
		RequestBody: c.requestBody, ResponseBody: c.responseBody, Findings: c.findings, Quirks: c.quirks, Version: c.version, Losses: c.losses,
		Secrets: append(presented(c.r.Header.Get("Authorization")), c.secrets...),
	})
}

// logPath is the path for the log. The uid of a driver's token is not for everybody who reads logs.
func (c *call) logPath() string {
	if c.module == ocpi.ModuleTokens {
		return c.route
	}
	return c.urlPath
}

// presented are the tokens in an Authorization header, known or not: also what is in one of another kind.
func presented(header string) []string {
	const most = 1 << 10 // no token is as long
	if tokens := ocpi.ParseAuthorization(header); len(tokens) > 0 || header == "" || len(header) > most {
		return tokens
	}
	fields := strings.Fields(header)
	return fields[max(len(fields)-1, 0):]
}

func (c *call) partnerID() string {
	if c.partner == nil {
		return ""
	}
	return c.partner.ID
}

const findingsInLog = 10

func findingsForLog(findings []ocpi.Finding) []string {
	var lines []string
	for i, f := range findings {
		if i == findingsInLog {
			return append(lines, fmt.Sprintf("and %d more", len(findings)-i))
		}
		lines = append(lines, f.String())
	}
	return lines
}
