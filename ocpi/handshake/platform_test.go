package handshake_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// TestMain lets more tests run at once than there are processors, if nobody says otherwise: most of them wait for answers
// that do not come.
func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" || f.Name == "test.fuzz" })
	if !said {
		if err := flag.Set("test.parallel", "12"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// A platform is one side of a connection: a server on loopback whose credentials module is a Handshake.
type platform struct {
	*handshake.Handshake
	// serving is the same Handshake, for requests that are under way while it is made anew.
	serving atomic.Pointer[handshake.Handshake]
	store   *handshake.Memory
	url     string
	role    ocpi.Role
	// clock is moved forward by tests.
	clock *clock
	// steps are told when they begin, and may wait.
	onStep atomic.Pointer[func(handshake.Step)]
	// intercept sees each request first; it returns false where it has answered.
	intercept atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	// wrap is around the server's own handler.
	wrap   atomic.Pointer[func(http.Handler) http.Handler]
	config handshake.Config
}

type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) {
	c.ahead.Add(int64(d))
}

var (
	cpoParty  = ocpi.NewParty("NL", "GPE")
	emspParty = ocpi.NewParty("BE", "TST")
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newPlatform starts a platform of one party in one role.
func newPlatform(t testing.TB, role ocpi.Role, party ocpi.Party, change ...func(*handshake.Config, *ocpiserver.Config)) *platform {
	t.Helper()
	p := &platform{store: new(handshake.Memory), role: role, clock: new(clock)}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.intercept.Load(); f != nil && !(*f)(w, r) {
			return
		}
		h := handler
		if wrap := p.wrap.Load(); wrap != nil {
			h = (*wrap)(h)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL + "/ocpi"
	parties := []ocpi.PartyRole{{Role: role, Party: party}}
	p.config = handshake.Config{
		Store: p.store, Own: &ocpitest.Credentials{BaseURL: p.url, Name: string(role) + " " + party.String(), Parties: parties},
		Versions: []ocpi.Version{ocpi.V211}, Parties: parties, Logger: quiet(), Now: p.clock.now, CallTimeout: 2 * time.Second, Timeout: 10 * time.Second,
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}),
		OnStep: func(_ context.Context, s handshake.Step) {
			if f := p.onStep.Load(); f != nil {
				(*f)(s)
			}
		},
	}
	serve := ocpiserver.Config{BaseURL: p.url, Versions: []ocpi.Version{ocpi.V211}, Parties: parties, Logger: quiet(), Now: p.clock.now}
	if role == ocpi.RoleCPO {
		cpo := new(ocpitest.CPO)
		cpo.Fill(ocpitest.Network(party))
		serve.CPO = cpo.Backend()
	} else {
		emsp := new(ocpitest.EMSP)
		serve.EMSP = emsp.Backend()
	}
	for _, f := range change {
		f(&p.config, &serve)
	}
	p.restart(t)
	serve.Partners, serve.Credentials = switching{p}, switching{p}
	var err error
	if handler, err = ocpiserver.New(serve); err != nil {
		t.Fatal(err)
	}
	return p
}

// restart makes the Handshake anew over the same store, as after a crash.
func (p *platform) restart(t testing.TB) {
	t.Helper()
	h, err := handshake.New(p.config)
	if err != nil {
		t.Fatal(err)
	}
	p.Handshake = h
	p.serving.Store(h)
}

// switching finds the platform's Handshake of the moment.
type switching struct{ *platform }

func (s switching) PartnerByToken(ctx context.Context, token string) (*ocpi.Partner, error) {
	return s.serving.Load().PartnerByToken(ctx, token)
}

func (s switching) Credentials(ctx context.Context, p *ocpi.Partner, role ocpi.Role, token string) (credentials, error) {
	return s.serving.Load().Registrar().Credentials(ctx, p, role, token)
}

func (s switching) Register(ctx context.Context, from ocpi.Caller, theirs credentials) (credentials, error) {
	return s.serving.Load().Registrar().Register(ctx, from, theirs)
}

func (s switching) Update(ctx context.Context, from ocpi.Caller, theirs credentials) (credentials, error) {
	return s.serving.Load().Registrar().Update(ctx, from, theirs)
}

func (s switching) Unregister(ctx context.Context, from ocpi.Caller) error {
	return s.serving.Load().Registrar().Unregister(ctx, from)
}

// versionsURL is the one for partners: 2.1.1 needs one for each role.
func (p *platform) versionsURL() string { return p.url + p.side() + "/versions" }

func (p *platform) side() string { return "/" + strings.ToLower(string(p.role)) }

func (p *platform) credentialsURL() string { return p.url + p.side() + "/2.1.1/credentials" }

// pair is a CPO that has invited an eMSP, with the token A.
func pair(t *testing.T) (cpo, emsp *platform, tokenA string) {
	t.Helper()
	cpo, emsp = newPlatform(t, ocpi.RoleCPO, cpoParty), newPlatform(t, ocpi.RoleEMSP, emspParty)
	tokenA, err := cpo.Invite(t.Context(), "emsp", handshake.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	return cpo, emsp, tokenA
}

// registered is a pair that is registered, the eMSP with the CPO.
func registered(t *testing.T) (cpo, emsp *platform) {
	t.Helper()
	cpo, emsp, tokenA := pair(t)
	if err := emsp.Register(t.Context(), "cpo", handshake.Invitation{VersionsURL: cpo.versionsURL(), Token: tokenA}); err != nil {
		t.Fatal(err)
	}
	return cpo, emsp
}

func (p *platform) relation(t *testing.T, name string) handshake.Relation {
	t.Helper()
	r, err := p.Relation(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantState fails unless the relation is in a state, with the text in its words.
func (p *platform) wantState(t *testing.T, name string, state handshake.State, words string) {
	t.Helper()
	if r := p.relation(t, name); r.State != state || !strings.Contains(r.Words(), words) {
		t.Errorf("%s at the %s is %s: %s; want %s with %q", name, p.role, r.State, r.Words(), state, words)
	}
}

// works fails unless each side can call the other with the tokens it has.
func works(t *testing.T, cpo, emsp *platform) {
	t.Helper()
	for name, p := range map[string]*platform{"emsp": cpo, "cpo": emsp} {
		r := p.relation(t, name)
		if len(r.Outbound) == 0 {
			t.Errorf("the %s has no token to call with", p.role)
			continue
		}
		url, module := "", map[*platform]ocpi.ModuleID{cpo: ocpi.ModuleTokens, emsp: ocpi.ModuleLocations}[p]
		for _, e := range r.Remote.Endpoints {
			if e.Module == module {
				url = e.URL
			}
		}
		if status, _ := request(t, http.MethodGet, url, r.Outbound[0].Token, ""); status.http != http.StatusOK || status.ocpi != ocpi.StatusSuccess {
			t.Errorf("the %s calls %s: %+v", p.role, url, status)
		}
	}
}

type status struct {
	http int
	ocpi ocpi.StatusCode
}

// request sends a request with a token, as a partner would.
func request(t *testing.T, method, url, token, body string) (status, string) {
	t.Helper()
	s, raw, _, err := try(t.Context(), method, url, token, body)
	if err != nil {
		t.Fatal(err)
	}
	return s, raw
}

func try(ctx context.Context, method, url, token, body string) (status, string, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return status{}, "", nil, err
	}
	r.Header.Set("Authorization", "Token "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return status{}, "", nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	var envelope struct {
		StatusCode ocpi.StatusCode `json:"status_code"`
	}
	err = errors.Join(err, json.Unmarshal(raw, &envelope))
	return status{response.StatusCode, envelope.StatusCode}, string(raw), response.Header, err
}

// intercepting answers requests before the server does, while f returns true for them.
func (p *platform) intercepting(f func(w http.ResponseWriter, r *http.Request) bool) {
	through := func(w http.ResponseWriter, r *http.Request) bool { return !f(w, r) }
	p.intercept.Store(&through)
}

// losing makes the platform carry out one request and cut the connection instead of answering.
func (p *platform) losing(method, pathPart string) {
	var once sync.Once
	wrap := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lost := false
			if r.Method == method && strings.Contains(r.URL.Path, pathPart) {
				once.Do(func() { lost = true })
			}
			if !lost {
				h.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(&nowhere{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		})
	}
	p.wrap.Store(&wrap)
}

// nowhere takes an answer that is never sent.
type nowhere struct {
	header http.Header
	bytes.Buffer
}

func (n *nowhere) Header() http.Header { return n.header }
func (n *nowhere) WriteHeader(int)     {}
