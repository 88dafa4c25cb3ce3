package ocpitest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// FlavourOCPIPython has the habits of the Python implementation extrawest_ocpi 2025.7.16 in 2.1.1, as they can be
// observed when it runs:
//
//   - Single objects are arrays of one, optional fields that are not set are null, numbers have a point. The answer to a
//     PUT, PATCH or POST is the whole object, with HTTP 200 also where it is new.
//   - Errors are {"detail": …}: 403 for tokens that are not known, 404 for objects, 422 for bodies that cannot be used.
//     Only plain tokens are good for modules.
//   - A CDR has end_date_time instead of stop_date_time, a location must have a time_zone and a connector a tariff_id,
//     status_schedule and environ_impact are single objects.
//   - Lists end in a slash and objects do not; what is written otherwise is redirected with 307. Push puts objects to
//     the endpoint's URL with no slash between.
//   - The Link to the next page cannot be followed, and there is an empty one on the last page.
//   - A partner that cannot be reached while it registers is told 3000 instead of 3001.
//
// The backends are those of every Partner and hold objects in this library's form. What is not imitated: values of the
// wrong type that it coerces, lengths of strings inside objects, ids in a body that differ from the path, objects of
// foreign parties, and the result of a command, which the test has to send.
const FlavourOCPIPython Flavour = "ocpi-python"

func pythonFlavour() flavour {
	return flavour{
		configure: func(config *ocpiserver.Config) { config.PageLimit = math.MaxInt32 },
		wrap: func(p *Partner, server http.Handler) http.Handler {
			return python{p, server, pythonRoutes(p.config.Roles)}
		},
		dress: func(raw []byte, object string) []byte { return pythonForm(raw, pythonType(object)) },
		join:  func(endpoint, path string) string { return endpoint + path },
		status: map[failure]ocpi.StatusCode{
			unreachable: ocpi.StatusServerError, noJSON: ocpi.StatusServerError, refused: ocpi.StatusCannotUseClientAPI,
			refusedInside: ocpi.StatusUnsupportedVersion, noVersion: ocpi.StatusUnsupportedVersion, noEndpoint: ocpi.StatusServerError,
		},
		newToken:       pythonToken,
		oneVersionsURL: true,
	}
}

// pythonToken makes a token in a form that its versions endpoint can read, which is not every form: see pythonBase64.
func pythonToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// python is that implementation in front of a Partner's server.
type python struct {
	partner *Partner
	server  http.Handler
	routes  []pythonRoute
}

// A pythonCall is one request on its way.
type pythonCall struct {
	python
	r     *http.Request
	route pythonRoute
	// path is what comes after the prefix, without a slash at its end; params are its variable segments.
	path   string
	params map[string]string
	token  string
	body   jsontext.Value
	// text tells that the body is no JSON, by its content type.
	text bool
}

func (y python) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := y.answer(r)
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set("Server", "uvicorn")
	if len(a.Body) > 0 {
		a.Header.Set("Content-Type", "application/json")
	}
	a.send(w)
}

// answer takes the steps of a request in their order: malformed JSON beats a wrong token, which beats all the rest.
func (y python) answer(r *http.Request) Answer {
	c, refusal := y.find(r)
	if refusal != nil {
		return *refusal
	}
	for _, step := range []func() *Answer{c.readBody, c.readHeader, c.checkBodyFirst, c.passGate, c.checkPath} {
		if refusal := step(); refusal != nil {
			return *refusal
		}
	}
	return c.route.serve(c)
}

func (c *pythonCall) readBody() *Answer {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodDelete {
		return nil
	}
	raw, err := io.ReadAll(c.r.Body)
	contentType, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	c.body, c.text = raw, contentType != "" && contentType != "application/json"
	switch {
	case err != nil || !utf8.Valid(raw):
		return detail(http.StatusBadRequest, "There was an error parsing the body")
	case len(raw) > 0 && !c.text && !c.body.IsValid():
		return &Answer{HTTP: http.StatusUnprocessableEntity, Body: encode(map[string]any{"detail": []any{map[string]any{
			"type": "json_invalid", "loc": []any{"body", 1}, "msg": "JSON decode error", "input": struct{}{},
			"ctx": map[string]string{"error": "Expecting value"},
		}}})}
	}
	return nil
}

// readHeader takes the second word of the header, whatever the first.
func (c *pythonCall) readHeader() *Answer {
	switch words := strings.Fields(c.r.Header.Get("Authorization")); len(words) {
	case 0:
		return detail(http.StatusForbidden, "Not authenticated")
	case 1:
		return detail(http.StatusForbidden, invalidToken)
	default:
		c.token = words[1]
		return nil
	}
}

const invalidToken = "Your authorization token is invalid."

// checkBodyFirst checks a body before its token where they do.
func (c *pythonCall) checkBodyFirst() *Answer {
	if c.route.gate == gateRegister && c.r.Method == http.MethodPost {
		return c.checkBody(c.route.object, false, "body")
	}
	return nil
}

// checkPath checks the lengths of the variable segments.
func (c *pythonCall) checkPath() *Answer {
	var errors []pythonError
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		errors = append(errors, tooLong(name, c.params[name])...)
	}
	if len(errors) == 0 {
		return nil
	}
	return unprocessable(errors...)
}

// ask lets the Partner's server answer a request of ours in place of this one.
func (c *pythonCall) ask(method, path string, query url.Values, body []byte) *Answer {
	r := c.r.Clone(c.r.Context())
	r.Method = method
	r.URL = &url.URL{Path: pythonPrefix + path, RawQuery: query.Encode()}
	r.Header = http.Header{"Authorization": {ocpi.Authorization(c.token, ocpi.TokenPlain)}, "Content-Type": {"application/json"}}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answerOf(c.server, r)
}
