package ocpiserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A Module is one that OCPI does not have, which some partners have agreed on. It gets what the modules of OCPI get: it is
// listed in version details and OpenAPI documents, partners are known by their tokens, the routing headers are checked, and
// every message has its ids and is told to Config.Observe.
//
// Its paths are below /{version}/sender/{id} or /{version}/receiver/{id}. Either Handle or Handler is set.
type Module struct {
	// ID is what version details call it. Two parties can choose the same name: begin it with that of who defined it, such as
	// nlgpe-parking.
	ID ocpi.ModuleID
	// Role is the side that is served. A module with both sides is two Modules.
	Role ocpi.InterfaceRole
	// Versions are those it is offered in. Default all that are spoken.
	Versions []ocpi.Version
	// Methods are those it has. Default GET.
	Methods []string
	// Callers are the roles of partners who may call it. Default all.
	Callers []ocpi.Role
	// Agreed says with whom the module is agreed on; nil for everyone. For others it is not there, and they are not told of it,
	// as partners must not get identifiers of modules that they do not know.
	Agreed func(*ocpi.Partner) bool
	// Unrouted is set for a module without routing headers, as those have that configure a connection.
	Unrouted bool

	// Handle answers a message. The envelope around the answer is the server's.
	Handle func(context.Context, ModuleCall) (ModuleAnswer, error)
	// Handler writes whole answers itself, for what is no OCPI. It gets requests with the path that follows the module's;
	// PartnerOf and RoutingOf tell who calls. The limits of Config on the size and the time of bodies hold for it too.
	Handler http.Handler
}

// A ModuleCall is a message to a Module.
type ModuleCall struct {
	Partner *ocpi.Partner
	Version ocpi.Version
	Method  string
	// Path are the segments that follow the module's own path, unescaped; nil for none.
	Path  []string
	Query url.Values
	// Data is the body, which is a JSON document; nil where there is none.
	Data jsontext.Value
	// Routing is which parties the message is from and for.
	Routing ocpi.Routing
}

// A ModuleAnswer is what a Module answers.
type ModuleAnswer struct {
	// HTTP is the status; 0 stands for 200.
	HTTP int
	// Data is a JSON document; nil for none.
	Data jsontext.Value
	// Header are headers of its own, such as those of pages.
	Header http.Header
}

type partnerKey struct{}

// PartnerOf is who sends the request that a Module's Handler gets; nil for any other.
func PartnerOf(ctx context.Context) *ocpi.Partner {
	partner, _ := ctx.Value(partnerKey{}).(*ocpi.Partner)
	return partner
}

// check says what is wrong with a module of a server that speaks some versions.
func (m *Module) check(spoken []ocpi.Version) error {
	switch {
	case m.ID == "" || url.PathEscape(string(m.ID)) != string(m.ID) || strings.Trim(string(m.ID), ".") == "":
		return fmt.Errorf("module %q: the ID must be a segment of a URL", m.ID)
	case m.ID.Known():
		return fmt.Errorf("module %s: it is one of OCPI, which has a field of its own", m.ID)
	case m.Role != ocpi.Sender && m.Role != ocpi.Receiver:
		return fmt.Errorf("module %s: Role must be SENDER or RECEIVER", m.ID)
	case (m.Handle == nil) == (m.Handler == nil):
		return fmt.Errorf("module %s: set either Handle or Handler", m.ID)
	}
	for _, v := range m.Versions {
		if !slices.Contains(spoken, v) {
			return fmt.Errorf("module %s: version %s is not spoken", m.ID, v)
		}
	}
	for _, method := range m.Methods {
		if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
			return fmt.Errorf("module %s: OCPI has no method %s", m.ID, method)
		}
	}
	return nil
}

// checkModules says what is wrong with the modules of a configuration.
func (c Config) checkModules() error {
	type name struct {
		id   ocpi.ModuleID
		role ocpi.InterfaceRole
	}
	seen := map[name]bool{}
	for i := range c.Modules {
		m := &c.Modules[i]
		if err := m.check(c.Versions); err != nil {
			return err
		}
		if seen[name{m.ID, m.Role}] {
			return fmt.Errorf("module %s is there twice as %s", m.ID, m.Role)
		}
		seen[name{m.ID, m.Role}] = true
	}
	return nil
}

// mountModules serves the modules by agreement.
func (s *speaker) mountModules() {
	for i := range s.config.Modules {
		m := &s.config.Modules[i]
		if len(m.Versions) > 0 && !slices.Contains(m.Versions, s.version) {
			continue
		}
		s.common = append(s.common, endpoint{m.Role, m.ID, m.Agreed})
		res := resource{readers: m.Callers, agreed: m.Agreed, unrouted: m.Unrouted, custom: true, methods: methods{}}
		if len(m.Callers) > 0 {
			res.caller = m.Callers[0]
		}
		offered := m.Methods
		if len(offered) == 0 {
			offered = []string{http.MethodGet}
		}
		for _, method := range offered {
			res.methods[method] = s.custom(m)
		}
		s.sharedResource(m.Role, m.ID, "", res)
		s.sharedResource(m.Role, m.ID, "/{path...}", res)
	}
}

func (s *speaker) custom(m *Module) handler {
	if m.Handler != nil {
		return func(c *call) (answer, error) {
			c.handOver(m.Handler)
			return answer{written: true}, nil
		}
	}
	return func(c *call) (answer, error) {
		message, err := c.moduleCall(s.version)
		if err != nil {
			return answer{}, err
		}
		said, err := m.Handle(c.ctx(), message)
		if err != nil {
			return answer{}, err
		}
		if said.Data != nil && !said.Data.IsValid() {
			return answer{}, fmt.Errorf("the module %s answers with what is no JSON", m.ID)
		}
		for name, values := range said.Header {
			c.w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		return answer{http: said.HTTP, data: said.Data}, nil
	}
}

// moduleCall reads a message to a module by agreement.
func (c *call) moduleCall(v ocpi.Version) (ModuleCall, error) {
	message := ModuleCall{Partner: c.partner, Version: v, Method: c.r.Method, Routing: RoutingOf(c.ctx())}
	var err error
	if message.Query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return message, ocpi.InvalidParameters("the query cannot be read: %v", err)
	}
	if message.Path, err = segments(c.below()); err != nil {
		return message, ocpi.NotFound("there is nothing at %s", c.urlPath)
	}
	raw, err := c.body()
	if err != nil || len(raw) == 0 {
		return message, err
	}
	if message.Data = raw; !message.Data.IsValid() {
		return message, &ocpi.Error{HTTP: http.StatusBadRequest, Code: ocpi.StatusInvalidParameters, Message: "the body is not a JSON document"}
	}
	return message, nil
}

// below is the path that follows the module's, escaped; empty for none, and otherwise with a slash in front.
func (c *call) below() string { return strings.TrimPrefix(c.r.URL.EscapedPath(), c.root) }

// segments are those of an escaped path, unescaped.
func segments(path string) ([]string, error) {
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if part == "" {
			continue
		}
		text, err := url.PathUnescape(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, text)
	}
	return parts, nil
}

// handOver lets a handler write the whole answer, and sees what passes.
func (c *call) handOver(h http.Handler) {
	r := c.r.Clone(context.WithValue(c.ctx(), partnerKey{}, c.partner))
	r.URL.RawPath = "/" + strings.TrimPrefix(c.below(), "/")
	r.URL.Path = r.URL.RawPath
	if path, err := url.PathUnescape(r.URL.RawPath); err == nil {
		r.URL.Path = path
	}
	body := &seenBody{call: c, from: http.MaxBytesReader(c.w, c.r.Body, c.server.config.MaxBody)}
	r.Body = body
	w := &seenWriter{ResponseWriter: c.w, call: c}
	h.ServeHTTP(w, r)
	if c.http == 0 {
		c.http = http.StatusOK
	}
	c.requestBody, c.responseBody = body.begin.Bytes(), w.begin.Bytes()
}

// A seenBody counts what is read of a body and keeps its beginning for the observer.
type seenBody struct {
	call  *call
	from  io.ReadCloser
	begin bytes.Buffer
}

// Read implements io.Reader.
func (b *seenBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.call.requestSize += int64(n)
	b.call.keep(&b.begin, p[:n])
	return n, err
}

// Close implements io.Closer.
func (b *seenBody) Close() error { return b.from.Close() }

// A seenWriter notes the status of an answer, counts its bytes and keeps its beginning for the observer.
type seenWriter struct {
	http.ResponseWriter
	call  *call
	begin bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (w *seenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *seenWriter) WriteHeader(status int) {
	if w.call.http == 0 && status >= http.StatusOK {
		w.call.http = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *seenWriter) Write(p []byte) (int, error) {
	if w.call.http == 0 {
		w.call.http = http.StatusOK
	}
	w.call.responseSize += int64(len(p))
	w.call.keep(&w.begin, p)
	return w.ResponseWriter.Write(p)
}

// keep adds to the beginning of a body as much as the observer is given.
func (c *call) keep(begin *bytes.Buffer, p []byte) {
	if room := c.server.config.Capture - begin.Len(); room > 0 {
		begin.Write(p[:min(room, len(p))])
	}
}
