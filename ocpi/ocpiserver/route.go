package ocpiserver

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/openapi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A handler answers one method of one path.
type handler func(*call) (answer, error)

// methods are the handlers of one path.
type methods map[string]handler

// A resource is a path with what it takes to call it.
type resource struct {
	module ocpi.ModuleID
	// caller is the role that calls this interface; empty where any partner may. Those in readers may too, since 2.2.
	caller  ocpi.Role
	readers []ocpi.Role
	// open tells that reading needs no token where the server offers open data.
	open    bool
	methods methods
	// version and role are those it is served under; empty for none, and for every one.
	version ocpi.Version
	role    ocpi.Role
	// root is the path of the module that it is below.
	root string
	// custom tells that it is of a module by agreement, agreed with whom (nil for everyone), and unrouted that its messages have
	// no routing headers.
	custom, unrouted bool
	agreed           func(*ocpi.Partner) bool
}

// handle mounts a resource at a path below the prefix.
func (s *Server) handle(pattern string, res resource) {
	if len(res.methods) > 0 {
		s.routes = append(s.routes, openapi.Route{
			Path: strings.ReplaceAll(pattern, "...}", "}"), Methods: slices.Sorted(maps.Keys(res.methods)), Version: res.version, Role: res.role, Module: res.module,
			Open: res.open && s.config.OpenData, Custom: res.custom,
		})
	}
	s.mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(callKey{}).(*call)
		c.r = r
		c.route, c.module, c.root, c.version = pattern, res.module, res.root, res.version
		a, err := c.run(res)
		if err != nil {
			c.fail(err)
			return
		}
		if !a.written {
			c.respond(a)
		}
	})
}

// run decides whether the call may be made, and makes it.
func (c *call) run(res resource) (answer, error) {
	if err := c.admit(res); err != nil {
		return answer{}, err
	}
	if len(res.methods) == 0 {
		return answer{}, ocpi.NotFound("there is nothing at %s", c.server.prefix+c.r.URL.Path)
	}
	handle, ok := res.methods[c.r.Method]
	if !ok {
		allow := res.methods.allow()
		c.w.Header().Set("Allow", allow)
		return answer{}, &ocpi.Error{
			HTTP: http.StatusMethodNotAllowed, Code: ocpi.StatusClientError,
			Message: c.r.Method + " is not offered here; offered: " + allow,
		}
	}
	a, err := handle(c)
	if c.lookup != nil { // whatever followed from what was not there
		err = c.lookup
	}
	return a, err
}

// admit checks the token, that the partner has the role this interface is for, and that it speaks for whom it says it does.
func (c *call) admit(res resource) error {
	if res.open && c.server.config.OpenData && c.r.Method == http.MethodGet && c.r.Header.Get("Authorization") == "" {
		c.partner = anonymous
		return nil
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	if err := c.speaks(res); err != nil {
		return err
	}
	if err := c.access(res); err != nil {
		return err
	}
	if res.agreed != nil && !res.agreed(c.partner) {
		return ocpi.NotFound("there is nothing at %s", c.server.prefix+c.r.URL.Path)
	}
	if res.caller != "" && !c.partner.Has(res.caller) && !slices.ContainsFunc(res.readers, c.partner.Has) && !c.trustedHub(res) {
		return ocpi.NotFound("this interface is for partners with the role %s, which you do not have here", res.caller)
	}
	c.role = res.role
	return c.readRouting(res)
}

// speaks hides the versions that the partner is not offered. Its credentials are refused by whoever registers it, who tells it
// why. A registered partner that calls in another version than the one agreed on is answered: its calls may have been under
// way while it moved.
func (c *call) speaks(res resource) error {
	exchange := res.module == ocpi.ModuleCredentials && (c.r.Method == http.MethodPost || c.r.Method == http.MethodPut)
	switch {
	case res.version == "":
		return nil
	case !c.partner.May(res.version) && !exchange:
		return ocpi.NotFound("there is nothing at %s", c.server.prefix+c.r.URL.Path)
	case c.partner.Version != "" && c.partner.Version != res.version && res.module != "" && res.module != ocpi.ModuleCredentials:
		c.count(quirk.OtherVersion)
	}
	return nil
}

// trustedHub reports whether the partner speaks for parties behind it, in whatever role, and is trusted to.
func (c *call) trustedHub(res resource) bool {
	return c.partner.Hub != (ocpi.Party{}) && c.partner.Receive.Routing == ocpi.RoutingTrust && ocpi.Routed(res.version, res.module)
}

// access refuses the functional modules to partners who are not registered yet, or suspended (requirement TF-07).
func (c *call) access(res resource) error {
	if res.module == "" || res.module == ocpi.ModuleCredentials {
		return nil
	}
	switch c.partner.Access {
	case ocpi.AccessRegistration:
		c.w.Header().Set("WWW-Authenticate", "Token")
		return ocpi.Unauthorized("this token is for registration only: send your credentials first")
	case ocpi.AccessSuspended:
		return &ocpi.Error{HTTP: http.StatusForbidden, Code: ocpi.StatusClientError, Message: "the connection with you is suspended here"}
	default:
		return nil
	}
}

// allow lists the methods in the order of the specification.
func (m methods) allow() string {
	var offered []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if m[method] != nil {
			offered = append(offered, method)
		}
	}
	return strings.Join(offered, ", ")
}

// A speaker serves one version.
type speaker struct {
	*Server
	version ocpi.Version
	codecs  wire.Codecs
	// offered are the modules of each side, in the order of version details.
	offered map[side][]ocpi.ModuleID
	// common are the endpoints that belong to no role of ours.
	common []endpoint
}

// An endpoint is one side of a module that belongs to no role of ours.
type endpoint struct {
	role   ocpi.InterfaceRole
	module ocpi.ModuleID
	// agreed says who is told of it; nil for everyone.
	agreed func(*ocpi.Partner) bool
}

// since22 reports whether the version is 2.2 or later, where objects say whose they are and interfaces have roles.
func (s *speaker) since22() bool { return s.version.Compare("2.2") >= 0 }

// path returns a segment of the URL by its name in the pattern, unescaped once (requirement TF-49).
func (c *call) path(name string) string { return c.r.PathValue(name) }

// mount puts every route in place, and describes them.
func (s *Server) mount() error {
	s.handle("/", resource{})
	s.mountVersions()
	for _, v := range s.config.Versions {
		codecs, _ := wire.For(v) // check has refused versions without codecs
		(&speaker{Server: s, version: v, codecs: codecs}).mount()
	}
	return s.describe()
}
