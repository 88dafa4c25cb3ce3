// Package servertest is a suite of tests for servers made with ocpiserver: it calls a running server over HTTP and
// checks what each version of OCPI asks of it. Run it against your own backends as it runs against ours.
package servertest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// A Target is a server to test. It must hold the sample objects of every module for Own, and nothing else, and serve
// pages of at most PageLimit objects, which must be fewer than the sample's locations.
type Target struct {
	// URL is the base of every route, without a slash at its end.
	URL string
	// Own is the server's party, in both roles.
	Own ocpi.Party
	// Sample is what the server holds.
	Sample    ocpitest.Sample
	PageLimit int
	// Versions are those that the server speaks. Default 2.1.1.
	Versions []ocpi.Version
	// Partners are two partners with both roles and the default quirks each.
	Partners [2]Partner
}

// A Partner is one that may call the server.
type Partner struct {
	Token string
	Party ocpi.Party
}

// Run runs the suite in every version of the target. Each test leaves objects of the partners behind.
func Run(t *testing.T, target Target) {
	t.Helper()
	if len(target.Versions) == 0 {
		target.Versions = []ocpi.Version{ocpi.V211}
	}
	for _, v := range target.Versions {
		if v == ocpi.V211 {
			run211(t, target)
			continue
		}
		t.Run(string(v), func(t *testing.T) { runLater(t, target, v) })
	}
}

// run211 checks what 2.1.1 asks for.
func run211(t *testing.T, target Target) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Target)
	}{
		{"every operation answers", testOperations},
		{"a request needs a token that is known here", testAuthorization},
		{"URLs are understood however they are written", testURLs},
		{"pages are complete and in order", testPages},
		{"bad queries get 2001", testQueries},
		{"methods that are not offered get 405 and the complete list", testMethods},
		{"bad bodies are told apart", testBodies},
		{"what is known to deviate is put right", testQuirks},
		{"locations, EVSEs and connectors", testLocations},
		{"EVSEs in the PATCH of a location", testMerging},
		{"messages that overtake each other", testReceiving},
		{"a partner is held to its own times", testPartnersTimes},
		{"sessions", testSessions},
		{"charge detail records", testCDRs},
		{"exact values", testExact},
		{"tariffs", testTariffs},
		{"tokens", testTokens},
		{"authorization of drivers", testAuthorize},
		{"commands", testCommands},
		{"partners never meet", testIsolation},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, target) })
	}
}

// A client calls the server as one partner.
type client struct {
	t      *testing.T
	target Target
	Partner
}

func (target Target) partner(t *testing.T, n int) client {
	t.Helper()
	return client{t, target, target.Partners[n]}
}

// A reply is what the server answered.
type reply struct {
	t        *testing.T
	call     string
	http     int
	header   http.Header
	envelope ocpi.Envelope[jsontext.Value]
}

// do calls a path below the base, or an absolute URL. A string or []byte body is sent as it is, anything else as JSON.
func (c client) do(method, path string, body any) reply {
	c.t.Helper()
	return c.doWith(method, path, body, http.Header{"Authorization": {"Token " + c.Token}})
}

func (c client) doWith(method, path string, body any, header http.Header) reply {
	c.t.Helper()
	url := path
	if !strings.HasPrefix(path, "http") {
		url = c.target.URL + path
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, url, bytes.NewReader(c.bytes(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header = header
	noRedirects := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := noRedirects.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	r := reply{t: c.t, call: method + " " + path, http: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(raw, &r.envelope); err != nil {
		c.t.Fatalf("%s: the answer %q is no envelope: %v", r.call, raw, err)
	}
	r.checkEnvelope()
	return r
}

func (c client) bytes(body any) []byte {
	c.t.Helper()
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	case []byte:
		return b
	}
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

// checkEnvelope checks what is true of every answer (requirements TF-51 to TF-55).
func (r reply) checkEnvelope() {
	r.t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("%s: the content type is %q", r.call, got)
	}
	if r.envelope.StatusCode < 1000 || r.envelope.Timestamp.Time().IsZero() {
		r.t.Errorf("%s: the envelope lacks a status code or timestamp: %+v", r.call, r.envelope)
	}
}

// want checks both statuses.
func (r reply) want(http int, code ocpi.StatusCode) reply {
	r.t.Helper()
	if r.http != http || r.envelope.StatusCode != code {
		r.t.Fatalf("%s: got HTTP %d and status %d (%s), want %d and %d", r.call, r.http, r.envelope.StatusCode, r.envelope.StatusMessage, http, code)
	}
	return r
}

func (r reply) ok() reply      { r.t.Helper(); return r.want(http.StatusOK, ocpi.StatusSuccess) }
func (r reply) created() reply { r.t.Helper(); return r.want(http.StatusCreated, ocpi.StatusSuccess) }
func (r reply) notFound() reply {
	r.t.Helper()
	if r.http != http.StatusNotFound || !r.envelope.StatusCode.ClientError() {
		r.t.Fatalf("%s: got HTTP %d and status %d, want 404", r.call, r.http, r.envelope.StatusCode)
	}
	return r
}

func (r reply) refused() reply {
	r.t.Helper()
	return r.want(http.StatusOK, ocpi.StatusInvalidParameters)
}

// says checks that the status message has all these words in it.
func (r reply) says(words ...string) reply {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(r.envelope.StatusMessage, w) {
			r.t.Errorf("%s: the message %q does not say %q", r.call, r.envelope.StatusMessage, w)
		}
	}
	return r
}

// data reads the data of an answer.
func data[T any](r reply) T {
	r.t.Helper()
	var v T
	if err := json.Unmarshal(r.envelope.Data, &v); err != nil {
		r.t.Fatalf("%s: data %s: %v", r.call, r.envelope.Data, err)
	}
	return v
}

// members reads an object with numbers as they are written, for comparisons.
func members(r reply) map[string]jsontext.Value {
	r.t.Helper()
	return data[map[string]jsontext.Value](r)
}

// canonical is a JSON value in one form, so that equal values are equal texts.
func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return string(v)
}
