package ocpitest

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/roamwire/roamwire/ocpi"
)

const pythonPrefix = "/ocpi"

// A pythonRoute is a path with what is there.
type pythonRoute struct {
	methods string
	// path ends in a slash where theirs does; a segment in braces is variable.
	path   string
	gate   pythonGate
	object string
	serve  func(*pythonCall) Answer
}

// pythonRoutes are the operations of a Partner's roles: 2 shared ones, 15 of the CPO and 25 of the eMSP.
func pythonRoutes(roles []ocpi.Role) []pythonRoute {
	const owned = "{country_code}/{party_id}/"
	routes := []pythonRoute{
		{"GET", "/versions", gateVersions, "", (*pythonCall).versions},
		{"GET", "/2.1.1/details", gateDetails, "", (*pythonCall).details},
	}
	credentials := pythonRoute{"GET POST PUT DELETE", "credentials/", gateRegister, "Credentials", (*pythonCall).credentials}
	if slices.Contains(roles, ocpi.RoleCPO) {
		routes = append(routes, below("/cpo/2.1.1/", credentials,
			pythonRoute{"GET", "locations/", gateModule, "Location", (*pythonCall).list},
			pythonRoute{"GET", "locations/{location_id}", gateModule, "Location", (*pythonCall).get},
			pythonRoute{"GET", "locations/{location_id}/{evse_uid}", gateModule, "EVSE", (*pythonCall).get},
			pythonRoute{"GET", "locations/{location_id}/{evse_uid}/{connector_id}", gateModule, "Connector", (*pythonCall).get},
			pythonRoute{"GET", "cdrs/", gateModule, "CDR", (*pythonCall).list},
			pythonRoute{"GET", "sessions/", gateModule, "Session", (*pythonCall).list},
			pythonRoute{"GET", "tariffs/", gateModule, "Tariff", (*pythonCall).list},
			pythonRoute{"GET PUT PATCH", "tokens/" + owned + "{token_uid}", gateModule, "Token", (*pythonCall).owned},
			pythonRoute{"POST", "commands/{command}", gateModule, "CommandResponse", (*pythonCall).command},
		)...)
	}
	if slices.Contains(roles, ocpi.RoleEMSP) {
		routes = append(routes, below("/emsp/2.1.1/", credentials,
			pythonRoute{"GET PUT PATCH", "locations/" + owned + "{location_id}", gateModule, "Location", (*pythonCall).owned},
			pythonRoute{"GET PUT PATCH", "locations/" + owned + "{location_id}/{evse_uid}", gateModule, "EVSE", (*pythonCall).owned},
			pythonRoute{"GET PUT PATCH", "locations/" + owned + "{location_id}/{evse_uid}/{connector_id}", gateModule, "Connector", (*pythonCall).owned},
			pythonRoute{"GET", "cdrs/{cdr_id}", gateModule, "CDR", (*pythonCall).get},
			pythonRoute{"POST", "cdrs/", gateModule, "CDR", (*pythonCall).postCDR},
			pythonRoute{"GET PUT PATCH", "sessions/" + owned + "{session_id}", gateModule, "Session", (*pythonCall).owned},
			pythonRoute{"GET", "tokens/", gateModule, "Token", (*pythonCall).list},
			pythonRoute{"POST", "tokens/{token_uid}/authorize", gateModule, "AuthorizationInfo", (*pythonCall).authorize},
			pythonRoute{"GET PUT PATCH DELETE", "tariffs/" + owned + "{tariff_id}", gateModule, "Tariff", (*pythonCall).owned},
			pythonRoute{"POST", "commands/{uid}", gateModule, "CommandResponse", (*pythonCall).commandResult},
		)...)
	}
	return routes
}

func below(path string, routes ...pythonRoute) []pythonRoute {
	for i := range routes {
		routes[i].path = path + routes[i].path
	}
	return routes
}

// pythonLengths are those of the variable segments.
func pythonLengths() map[string]int {
	return map[string]int{
		"country_code": 2, "party_id": 3, "location_id": 39, "evse_uid": 39, "connector_id": 36, "token_uid": 36,
		"session_id": 36, "cdr_id": 36, "tariff_id": 36,
	}
}

// find finds the route of a request, or says that there is none, before any look at the token.
func (y python) find(r *http.Request) (*pythonCall, *Answer) {
	path, ok := strings.CutPrefix(r.URL.Path, pythonPrefix)
	if !ok {
		return nil, detail(http.StatusNotFound, "Not Found")
	}
	if route, params, ok := y.match(path, r.Method); ok {
		if slices.Contains(strings.Fields(route.methods), r.Method) {
			return &pythonCall{python: y, r: r, route: route, path: strings.TrimSuffix(path, "/"), params: params}, nil
		}
		refusal := detail(http.StatusMethodNotAllowed, "Method Not Allowed")
		refusal.Header = http.Header{"Allow": strings.Fields(route.methods)[:1]}
		return nil, refusal
	}
	other, slash := strings.CutSuffix(path, "/")
	if !slash {
		other += "/"
	}
	if _, _, ok := y.match(other, r.Method); !ok {
		return nil, detail(http.StatusNotFound, "Not Found")
	}
	to := url.URL{Scheme: "http", Host: r.Host, Path: pythonPrefix + other, RawQuery: r.URL.RawQuery}
	return nil, &Answer{HTTP: http.StatusTemporaryRedirect, Header: http.Header{"Location": {to.String()}}}
}

// match prefers a route with the method over one without.
func (y python) match(path, method string) (route pythonRoute, params map[string]string, found bool) {
	for _, candidate := range y.routes {
		p, ok := candidate.params(path)
		if ok && slices.Contains(strings.Fields(candidate.methods), method) {
			return candidate, p, true
		}
		if ok && !found {
			route, params, found = candidate, p, true
		}
	}
	return route, params, found
}

func (route pythonRoute) params(path string) (map[string]string, bool) {
	want, got := strings.Split(route.path, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range want {
		name, variable := strings.CutPrefix(segment, "{")
		switch {
		case variable && got[i] != "":
			params[strings.TrimSuffix(name, "}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return params, true
}

// A pythonGate is how a kind of interface looks at tokens.
type pythonGate string

const (
	gateModule   pythonGate = "module"
	gateVersions pythonGate = "versions"
	gateDetails  pythonGate = "details"
	gateRegister pythonGate = "credentials"
)

// A tokenKind is what a token is.
type tokenKind string

const (
	kindUnknown tokenKind = "unknown"
	kindA       tokenKind = "A"
	kindC       tokenKind = "C"
)

// pythonRefusals says how each kind of interface answers which tokens; other tokens pass. Credentials are a kind for
// each method.
func pythonRefusals() map[pythonGate]map[tokenKind]*Answer {
	invalid, unauthorized := detail(http.StatusForbidden, invalidToken), detail(http.StatusUnauthorized, "Unauthorized")
	registered, notRegistered := detail(http.StatusMethodNotAllowed, "Client is already registered"), detail(http.StatusMethodNotAllowed, "Client is not registered")
	return map[pythonGate]map[tokenKind]*Answer{
		gateModule:               {kindUnknown: invalid, kindA: invalid},
		gateVersions:             {kindUnknown: unauthorized},
		gateDetails:              {kindUnknown: unauthorized},
		gateRegister + " GET":    {kindUnknown: invalid, kindA: invalid},
		gateRegister + " POST":   {kindUnknown: unauthorized, kindC: registered},
		gateRegister + " PUT":    {kindUnknown: notRegistered, kindA: notRegistered},
		gateRegister + " DELETE": {kindUnknown: invalid, kindA: invalid},
	}
}

// passGate looks at the token. The versions endpoint takes it for Base64 first, and fails where it is not even that.
func (c *pythonCall) passGate() *Answer {
	gate := c.route.gate
	switch gate {
	case gateVersions:
		decoded, ok := pythonBase64(c.token)
		if !ok {
			return pythonFailure(ocpi.StatusServerError)
		}
		c.token = decoded
	case gateRegister:
		gate += pythonGate(" " + c.r.Method)
	default:
	}
	return pythonRefusals()[gate][c.kind()]
}

func (c *pythonCall) kind() tokenKind {
	partner, err := c.partner.relation.PartnerByToken(context.Background(), c.token)
	switch {
	case err != nil:
		return kindUnknown
	case partner.Access == ocpi.AccessRegistration:
		return kindA
	default:
		return kindC
	}
}

// pythonBase64 is base64.b64decode followed by decode, with the token as it is where the bytes are not UTF-8. It fails
// where the characters that are Base64 at all, which are the only ones it looks at, are not whole groups of four: that
// is so for most tokens that are not written in hexadecimal digits.
func pythonBase64(token string) (string, bool) {
	digits := strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("+/=", c) {
			return c
		}
		return -1
	}, token)
	decoded, err := base64.StdEncoding.DecodeString(digits)
	if err != nil {
		return "", false
	}
	if !utf8.Valid(decoded) {
		return token, true
	}
	return string(decoded), true
}
