// Package backend is the API by which the operator's own systems feed the node and ask it: JSON over HTTP under /api/v1,
// described by an OpenAPI 3.1 document, in the model's terms (OCPI 2.3.0) whatever versions partners speak.
//
// It is strict where the OCPI server is permissive: what comes in here is our own and goes out to partners, so an object
// with a mistake, or with a member that OCPI does not have, is refused with every mistake named by a JSON Pointer.
package backend

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Config says what the API works on. Keys, Answers, Store, Parties and Objects are required. What else is nil is not
// offered.
type Config struct {
	Keys    Keys
	Answers Answers
	Store   Store
	// Parties are ours: objects of others are not ours.
	Parties []ocpi.PartyRole
	Objects Objects
	// AnyCase tells that ids that differ in case alone are of one object or part, as OCPI has it since 2.2.
	AnyCase bool

	Partners      Partners
	Registrations Registrations
	Moves         Moves
	Pusher        Pusher
	Commands      Commands
	HubClients    HubClients
	Authorizer    Authorizer
	Biller        Biller
	Auditor       Auditor
	Webhooks      Webhooks
	// Events serves the stream of events: as Server-Sent Events at Stream, over WebSocket at Socket.
	Events Events
	// Docs serves the viewer under /api/docs; nil for none.
	Docs http.Handler

	// MaxBody is the largest body of a request, other than a bulk one, and of one line of a bulk request. Default 4 MiB.
	MaxBody int64
	// BodyTimeout bounds how long a client may take for a body; of a bulk request, for a part of it. Default 30 seconds.
	BodyTimeout time.Duration
	// PushTimeout bounds what is sent to one partner by a push that was asked for. Default 30 seconds.
	PushTimeout time.Duration
	// Version is the program's, for the document.
	Version string

	// Logger gets what happens. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Objects are our objects of all modules.
type Objects struct {
	Locations Own[v230.Location]
	Sessions  Own[v230.Session]
	CDRs      Own[v230.CDR]
	Tariffs   Own[v230.Tariff]
	Tokens    Own[v230.Token]
	Statuses  Statuses
}

// Statuses sets the status of our EVSEs.
type Statuses interface {
	// SetStatus sets the status of an EVSE, as of a time, or returns ocpi.ErrNotFound. changed is whether it was in another status
	// before, updated when it was last updated.
	SetStatus(ctx context.Context, location ocpi.Key, evseUID string, status v230.Status, at time.Time) (changed bool, updated ocpi.DateTime, err error)
}

// Own are our objects of one module.
type Own[T any] interface {
	// Save creates or replaces objects, each for itself, all in one transaction, and says what came of each. allow sees
	// each beside the one that is there, nil for none, and may refuse or change it. It may be called again for the same.
	Save(ctx context.Context, items []Item[T], allow func(i int, before, after *T) error) ([]Outcome, error)
	// Update changes an object as one atomic step, or returns ocpi.ErrNotFound. fn may be called more than once.
	Update(ctx context.Context, key ocpi.Key, fn func(*T) error) error
	// Remove removes an object if allow does not refuse it, or returns ocpi.ErrNotFound.
	Remove(ctx context.Context, key ocpi.Key, allow func(*T) error) error
	// Respell writes the ids of an object and its parts as they were before, where they are the same in another case.
	Respell(before, after *T)
}

// An Item is an object with its owner.
type Item[T any] struct {
	Party  ocpi.Party
	Object T
}

// An Outcome is what came of an object that was to be saved.
type Outcome struct {
	// Created and Changed tell what was done; both are false for an object that is the same as before.
	Created, Changed bool
	// Err is why the object was not stored.
	Err error
}

// A Store is what is read directly: objects as they are stored.
type Store interface {
	// Object reads one object, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// List reads a page.
	List(ctx context.Context, sel store.Selection, q ocpi.Query) (store.Page, error)
	// LatestChange returns the number of the latest change to an object of this module from this source.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
	// Changes returns objects that have changed after a cursor.
	Changes(ctx context.Context, sel store.Selection, after int64, limit int) (store.Feed, error)
}

// placeholders are the objects of the model that stand in bodies which huma reads.
var placeholders = []string{"Token", "Session", "Tariff"}

// Prefix is the path under which the API is.
const Prefix = "/api/v1"

// DocsPrefix is the path under which the viewer is, DocumentURL where the document is that it shows.
const (
	DocsPrefix  = "/api/docs"
	DocumentURL = "/api/openapi.json"
)

// An API is the http.Handler of everything under /api.
type API struct {
	config    Config
	mux       *http.ServeMux
	huma      huma.API
	once      once
	wrongKeys throttle
	evses     evseIndex
	document  []byte
}

// New returns the API.
func New(config Config) (*API, error) {
	o := config.Objects
	if config.Keys == nil || config.Answers == nil || config.Store == nil || len(config.Parties) == 0 ||
		o.Locations == nil || o.Sessions == nil || o.CDRs == nil || o.Tariffs == nil || o.Tokens == nil {
		return nil, errors.New("backend: Keys, Answers, Store, Parties and Objects are required")
	}
	config = config.withDefaults()
	a := &API{
		config: config, mux: http.NewServeMux(), once: once{answers: config.Answers, now: config.Now, log: config.Logger},
		evses: evseIndex{store: config.Store, anyCase: config.AnyCase},
	}
	a.huma = humago.New(a.mux, humaConfig(config.Version))
	a.huma.UseMiddleware(a.guard)
	for _, object := range placeholders { // until the document gets the model's
		a.huma.OpenAPI().Components.Schemas.Map()[object+inputSuffix] = anyObject()
	}
	a.routes()
	if err := a.describe(); err != nil {
		return nil, fmt.Errorf("backend: describe the API: %w", err)
	}
	return a, nil
}

func (c Config) withDefaults() Config {
	c.MaxBody = cmp.Or(c.MaxBody, 4<<20)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 30*time.Second)
	c.PushTimeout = cmp.Or(c.PushTimeout, 30*time.Second)
	c.Version = cmp.Or(c.Version, "0")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// routes has every operation there is.
func (a *API) routes() {
	addModule(a, locations(a))
	addModule(a, sessions(a))
	addModule(a, tariffs(a))
	addModule(a, tokens(a))
	addModule(a, cdrs(a))
	a.addBilling(cdrs(a))
	a.addParts()
	a.addStatus()
	a.addReceived()
	a.addChecks()
	a.addPartners()
	a.addMoves()
	a.addPush()
	a.addCommands()
	a.addHubClients()
	a.addEvents()
	a.addWebhooks()
	a.addMe()
}

// now is the present, as our objects say it.
func (a *API) now() ocpi.DateTime { return ocpi.NewDateTime(a.config.Now()).Truncate() }

// seen is what the access log tells of a request.
type seen struct {
	id, caller string
}

type seenKey struct{}

func requestID(ctx context.Context) string {
	if s, ok := ctx.Value(seenKey{}).(*seen); ok {
		return s.id
	}
	return ""
}

const idHeader = "X-Request-ID"

// ServeHTTP gives the request its id, answers it and tells the log.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	s := &seen{id: r.Header.Get(idHeader)}
	if !usableID(s.id) {
		s.id = rand.Text()
	}
	w.Header().Set(idHeader, s.id)
	r = r.WithContext(context.WithValue(r.Context(), seenKey{}, s))
	counted := &counting{ResponseWriter: w}
	defer func() {
		if failure := recover(); failure != nil {
			a.panicked(counted, r, failure)
		}
		a.config.Logger.DebugContext(r.Context(), "API", "method", r.Method, "path", r.URL.Path, "status", counted.status,
			"bytes", counted.bytes, "took", time.Since(began), "key", s.caller, "request", s.id)
	}()
	a.serve(counted, r)
}

// usableID reports whether a client's own id can stand in headers and logs.
func usableID(id string) bool {
	const longest = 100
	return id != "" && len(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (a *API) panicked(w *counting, r *http.Request, failure any) {
	if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(failure)
	}
	a.config.Logger.ErrorContext(r.Context(), "a request failed in the program", "path", r.URL.Path, "error", failure,
		"request", requestID(r.Context()), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // nothing better can be said any more
	}
	a.fail(w, r, fmt.Errorf("%v", failure))
}

// serve finds the operation. What there is none for is told as a problem too.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	if query, err := url.QueryUnescape(r.URL.RawQuery); !utf8.ValidString(r.URL.Path) || err == nil && !utf8.ValidString(query) {
		writeProblem(w, r, problem(http.StatusBadRequest, "the address is not UTF-8"))
		return
	}
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r) // which also sets the parts of the path
		return
	}
	var refused recording
	refused.header, refused.status = http.Header{}, http.StatusNotFound
	handler.ServeHTTP(&refused, r)
	if refused.status == http.StatusMethodNotAllowed {
		writeProblem(w, r, problem(refused.status, "%s is not possible here", r.Method).with("Allow", refused.header.Get("Allow")))
		return
	}
	writeProblem(w, r, problem(http.StatusNotFound, "there is nothing at %s; %s lists what there is", r.URL.Path, DocumentURL))
}

// fail answers with what an error is told as.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		a.config.Logger.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "error", err, "request", requestID(r.Context()))
	}
	writeProblem(w, r, p)
}

// counting counts what is answered.
type counting struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (c *counting) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *counting) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// FlushError is for http.ResponseController: who streams has to hear that a client is gone.
func (c *counting) FlushError() error { return http.NewResponseController(c.ResponseWriter).Flush() }

// Flush is for those who stream and know no http.ResponseController.
func (c *counting) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }
