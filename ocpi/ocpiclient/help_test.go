package ocpiclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// The two sides: the server under test is NL/GPE in both roles, and we are its partner BE/TST in both roles.
var (
	theirs = ocpi.NewParty("NL", "GPE")
	ours   = ocpi.NewParty("BE", "TST")
)

const token = "a-token-nobody-may-see"

func both(party ocpi.Party) []ocpi.PartyRole {
	return []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party}}
}

// TestMain sets a proxy that does not exist: nothing here may ask one. The environment is read only once.
func TestMain(m *testing.M) {
	_ = os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	m.Run()
}

// loopback is a transport that may call what tests start.
func loopback(t *testing.T, config ocpiclient.TransportConfig) *ocpiclient.Transport {
	t.Helper()
	config.AllowPrivate = true
	transport := ocpiclient.NewTransport(config)
	t.Cleanup(transport.Close)
	return transport
}

// newClient fills in what tests do not care about.
func newClient(t *testing.T, config ocpiclient.Config) *ocpiclient.Client {
	t.Helper()
	if config.Partner == nil {
		config.Partner = &ocpi.Partner{ID: "them", Roles: both(theirs)}
	}
	if config.Version == "" {
		config.Version = ocpi.V211
	}
	if config.Token == "" {
		config.Token = token
	}
	if config.Own == (ocpi.Party{}) {
		config.Own = ours
	}
	if config.Transport == nil {
		config.Transport = loopback(t, ocpiclient.TransportConfig{})
	}
	client, err := ocpiclient.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// start starts our own server with the sample network, and a client that has found its endpoints in a role.
func start(t *testing.T, role ocpi.Role, config ocpiclient.Config) (*ocpitest.Server, *ocpiclient.Client) {
	t.Helper()
	server, err := ocpitest.NewServer(ocpiserver.Config{Versions: ocpi.Versions(), PageLimit: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.CPO.Fill(ocpitest.Network(theirs))
	server.EMSP.Fill(ocpitest.Network(theirs))
	config.Token = server.Token
	if config.Version == "" {
		config.Version = ocpi.V211
	}
	config.PartnerRole, config.OwnRole = role, ocpi.RoleEMSP
	if role == ocpi.RoleEMSP {
		config.OwnRole = ocpi.RoleCPO
	}
	finder := newClient(t, config)
	details, err := finder.Details(t.Context(), server.URL+"/"+strings.ToLower(string(role))+"/"+string(config.Version)+"/details")
	if err != nil {
		t.Fatal(err)
	}
	config.Endpoints = details.Endpoints
	return server, newClient(t, config)
}

// An awkward partner is a handler with a client that knows its endpoints: each module at /ocpi/{role}/2.1.1/{module}.
type awkward struct {
	*httptest.Server
	client    *ocpiclient.Client
	exchanges *recorder
}

func newAwkward(t *testing.T, config ocpiclient.Config, handler http.HandlerFunc) awkward {
	t.Helper()
	server := httptest.NewServer(repeating(handler))
	t.Cleanup(server.Close)
	return awkwardAt(t, config, server)
}

// repeating answers with the message ids of the request, unless the handler has others.
func repeating(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Request-ID", "X-Correlation-ID"} {
			w.Header().Set(name, r.Header.Get(name))
		}
		handler(w, r)
	}
}

func awkwardAt(t *testing.T, config ocpiclient.Config, server *httptest.Server) awkward {
	t.Helper()
	recorder := &recorder{}
	if config.Observe == nil {
		config.Observe = recorder.observe
	}
	if config.Endpoints == nil {
		config.Endpoints = endpoints(server.URL)
	}
	return awkward{server, newClient(t, config), recorder}
}

func endpoints(base string) []ocpi.Endpoint {
	var all []ocpi.Endpoint
	for _, role := range []string{"cpo", "emsp"} {
		for _, module := range []ocpi.ModuleID{
			ocpi.ModuleCredentials, ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTariffs, ocpi.ModuleTokens, ocpi.ModuleCommands,
		} {
			all = append(all, ocpi.Endpoint{Module: module, URL: base + "/ocpi/" + role + "/2.1.1/" + string(module)})
		}
	}
	return all
}

// A recorder keeps exchanges.
type recorder struct {
	mu  sync.Mutex
	all []ocpi.Exchange
	// expired counts the contexts that had ended.
	expired int
}

func (r *recorder) observe(ctx context.Context, x ocpi.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
	if ctx.Err() != nil {
		r.expired++
	}
}

func (r *recorder) taken() []ocpi.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ocpi.Exchange(nil), r.all...)
}

// quirks are the names that were counted, in all exchanges.
func (r *recorder) quirks() string {
	var names []string
	for _, x := range r.taken() {
		names = append(names, x.Quirks...)
	}
	return strings.Join(names, " ")
}

// ok writes a successful envelope.
func ok(w http.ResponseWriter, data string) {
	fmt.Fprintf(w, `{"data":%s,"status_code":1000,"timestamp":"2026-11-23T04:26:09Z"}`, data)
}

func fails(w http.ResponseWriter, httpStatus int, status ocpi.StatusCode, message string) {
	w.WriteHeader(httpStatus)
	fmt.Fprintf(w, `{"status_code":%d,"status_message":%q,"timestamp":"2026-11-23T04:26:09Z"}`, status, message)
}

// tariff is a valid tariff of 2.1.1.
func tariff(id string) string {
	return fmt.Sprintf(`{"id":%q,"currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.25,"step_size":1}]}],"last_updated":"2026-03-04T12:00:00Z"}`, id)
}

// tariffs is a list of valid tariffs with numbers from first on.
func tariffs(first, n int) string {
	var list []string
	for i := range n {
		list = append(list, tariff(fmt.Sprint("T", first+i)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// soon fails a test that takes longer than anything here should.
func soon(t *testing.T, started time.Time, limit time.Duration) {
	t.Helper()
	if took := time.Since(started); took > limit {
		t.Errorf("it took %s, at most %s are fine", took, limit)
	}
}

func bodyOf(r *http.Request) string {
	raw, _ := io.ReadAll(r.Body)
	return string(raw)
}
