package handshake_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A meeting is a platform of ours and a partner that shares no code of registration with it. Everything that is logged
// and exchanged is kept, to look for tokens in.
type meeting struct {
	*platform
	theirs *ocpitest.Partner
	terms  handshake.Terms
	// tokenA is the last one that either side gave.
	tokenA string
	// python tells that the partner has the habits of the Python implementation.
	python bool
	log    *journal
	// elsewhere is a host of somebody else's. A token that comes there fails the test.
	elsewhere string
}

const partner = "partner"

// callTimeout is how long meetings wait for an answer: longer than any that comes, and short enough for a repeated GET
// not to be worth the wait.
const callTimeout = 1500 * time.Millisecond

// maxResponse is the largest answer they read, in bytes.
const maxResponse = 128 << 10

func meet(t *testing.T, role ocpi.Role, config ocpitest.PartnerConfig, quirks string) *meeting {
	t.Helper()
	party := map[ocpi.Role]ocpi.Party{ocpi.RoleCPO: cpoParty, ocpi.RoleEMSP: emspParty}[role]
	if config.Roles == nil {
		config.Roles = []ocpi.Role{map[ocpi.Role]ocpi.Role{ocpi.RoleCPO: ocpi.RoleEMSP, ocpi.RoleEMSP: ocpi.RoleCPO}[role]}
	}
	m := &meeting{python: config.Flavour == ocpitest.FlavourOCPIPython, log: new(journal), terms: handshake.Terms{Quirks: quirks}}
	m.platform = newPlatform(t, role, party, func(h *handshake.Config, s *ocpiserver.Config) {
		h.CallTimeout, h.Timeout = callTimeout, 5*time.Second
		h.Transport = ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true, MaxResponse: maxResponse})
		h.Logger, h.Observe, h.Capture = m.log.logger(), m.log.observe, 1<<20
		s.Logger = m.log.logger()
	})
	t.Cleanup(m.config.Transport.Close)
	p, err := ocpitest.NewPartner(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	m.theirs = p
	m.elsewhere = foreignHost(t)
	t.Cleanup(func() { m.noTokens(t) })
	return m
}

// foreignHost is a server that is nobody's partner.
func foreignHost(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("another host got a token: %s %s with %q", r.Method, r.URL, got)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (m *meeting) weRegister(t *testing.T) error {
	t.Helper()
	url, tokenA := m.theirs.Invite()
	m.tokenA = tokenA
	return m.Register(t.Context(), partner, handshake.Invitation{VersionsURL: url, Token: tokenA, Terms: m.terms})
}

func (m *meeting) invite(t *testing.T) {
	t.Helper()
	var err error
	if m.tokenA, err = m.Invite(t.Context(), partner, m.terms); err != nil {
		t.Fatal(err)
	}
}

func (m *meeting) theyRegister(t *testing.T) error {
	t.Helper()
	return m.theirs.Register(t.Context(), m.versionsURL(), m.tokenA)
}

// works fails unless each side can call a module of the other's. The first calls with new tokens end the ones before.
func (m *meeting) works(t *testing.T) {
	t.Helper()
	if err := m.weCall(t); err != nil {
		t.Errorf("we call: %v", err)
	}
	m.theyCall(t)
}

func (m *meeting) weCall(t *testing.T) error {
	t.Helper()
	client, err := m.Client(t.Context(), partner)
	if err != nil {
		return err
	}
	if m.role == ocpi.RoleCPO {
		return first(client.EMSP().Tokens.Pages(t.Context(), ocpi.Query{Limit: 2}))
	}
	return first(client.CPO().Locations.Pages(t.Context(), ocpi.Query{Limit: 2}))
}

func first[T any](pages func(func(T, error) bool)) error {
	for _, err := range pages {
		return err
	}
	return nil
}

func (m *meeting) theyCall(t *testing.T) {
	t.Helper()
	module := map[ocpi.Role]ocpi.ModuleID{ocpi.RoleCPO: ocpi.ModuleLocations, ocpi.RoleEMSP: ocpi.ModuleTokens}[m.role]
	reply, err := m.theirs.Get(t.Context(), m.theirs.Peer().Endpoint(module))
	if err != nil || reply.HTTP != http.StatusOK || reply.StatusCode != ocpi.StatusSuccess {
		t.Errorf("they call: %v, HTTP %d: %.300s", err, reply.HTTP, reply.Body)
	}
}

// theyPush fails unless we take what they push to the endpoints we have told them. The Python implementation puts the path
// right behind an endpoint, which works with its profile alone.
func (m *meeting) theyPush(t *testing.T) {
	t.Helper()
	sample := ocpitest.Network(m.theirs.Party)
	var reply ocpitest.Reply
	var err error
	if m.role == ocpi.RoleCPO {
		reply, err = ocpitest.Push(t.Context(), m.theirs, sample.Token(1))
	} else {
		reply, err = ocpitest.Push(t.Context(), m.theirs, sample.Location(1))
	}
	want := http.StatusCreated
	if m.python && m.terms.Quirks != "ocpi-python" {
		want = http.StatusNotFound
	}
	if err != nil || reply.HTTP != want {
		t.Errorf("they push: %v, HTTP %d, want %d: %.300s", err, reply.HTTP, want, reply.Body)
	}
}

// over fails unless the tokens of an ended registration are good no more, on either side (C-13).
func (m *meeting) over(t *testing.T, peer ocpitest.Peer) {
	t.Helper()
	if s, _ := request(t, http.MethodGet, m.versionsURL(), peer.TheirToken, ""); s.http != http.StatusUnauthorized {
		t.Errorf("their token after the end: %+v", s)
	}
	if s, _, _, _ := try(t.Context(), http.MethodGet, m.theirs.VersionsURL(""), peer.OurToken, ""); s.http/100 != 4 {
		t.Errorf("our token after the end: %+v", s)
	}
	m.wantState(t, partner, handshake.Removed, "removed")
	if m.theirs.Registered() {
		t.Error("they think that we are registered")
	}
}

// noTokens fails if anything that people or other programs get to see holds a token.
func (m *meeting) noTokens(t *testing.T) {
	t.Helper()
	var texts []string
	texts = append(texts, m.log.text())
	if r, err := m.Relation(context.WithoutCancel(t.Context()), partner); err == nil {
		texts = append(texts, r.Words())
	}
	for _, token := range m.tokens(t) {
		for _, form := range []string{token, base64.RawStdEncoding.EncodeToString([]byte(token))} {
			if i := slices.IndexFunc(texts, func(text string) bool { return strings.Contains(text, form) }); i >= 0 {
				t.Errorf("the token %s is in %.2000s", token, texts[i])
			}
		}
	}
}

var tokenMember = regexp.MustCompile(`"token"\s*:\s*"([^"]+)"`)

// tokens are all that went over the wire.
func (m *meeting) tokens(t *testing.T) []string {
	t.Helper()
	tokens := []string{m.tokenA}
	for _, r := range m.theirs.Requests(nil) {
		_, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		tokens = append(tokens, sent)
		if decoded, err := base64.StdEncoding.DecodeString(sent); err == nil {
			tokens = append(tokens, string(decoded))
		}
	}
	for _, body := range m.log.bodies() {
		for _, found := range tokenMember.FindAllSubmatch(body, -1) {
			tokens = append(tokens, string(found[1]))
		}
	}
	if peer := m.theirs.Peer(); peer.Registered {
		tokens = append(tokens, peer.OurToken, peer.TheirToken)
	}
	slices.Sort(tokens)
	return slices.DeleteFunc(slices.Compact(tokens), func(token string) bool { return len(token) < 16 })
}

// A journal is what was logged, and what was exchanged.
type journal struct {
	mu        sync.Mutex
	lines     bytes.Buffer
	exchanges []ocpi.Exchange
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(b)
}

func (j *journal) observe(_ context.Context, x ocpi.Exchange) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.exchanges = append(j.exchanges, x)
}

// text is all but the bodies, which are masked by whoever keeps them.
func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.lines.String()
	for _, x := range j.exchanges {
		text += x.Method + " " + x.URL + " " + x.Error + "\n"
	}
	return text
}

func (j *journal) bodies() [][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	var bodies [][]byte
	for _, x := range j.exchanges {
		bodies = append(bodies, x.RequestBody, x.ResponseBody)
	}
	return bodies
}

// Registration, rotation and its end work with a party that shares no code of theirs, whoever begins.
func TestAForeignPartner_C03_C09_C12_C13_C19(t *testing.T) {
	type habits struct {
		name   string
		config ocpitest.PartnerConfig
		quirks string
		// base64 tells that it takes tokens in Base64 only.
		base64 bool
	}
	for _, habits := range []habits{
		{"as the specification says", ocpitest.PartnerConfig{}, "", false},
		{"forgets the old token at once", ocpitest.PartnerConfig{ForgetOldToken: true}, "", false},
		{"writes tokens in Base64", ocpitest.PartnerConfig{Encoding: ocpi.TokenBase64}, "", false},
		{"takes and writes tokens in Base64 only (TF-06)", ocpitest.PartnerConfig{Encoding: ocpi.TokenBase64}, "", true},
		{"is known to take Base64", ocpitest.PartnerConfig{Encoding: ocpi.TokenBase64}, "token-base64", true},
		{"standard profile", ocpitest.PartnerConfig{}, "standard", false},
		{"Python with its profile", ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython}, "ocpi-python", false},
		{"Python with the default profile", ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython}, "", false},
		{"Python that forgets the old token at once", ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython, ForgetOldToken: true}, "ocpi-python", false},
		{"Python in both roles", ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython, Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}}, "ocpi-python", false},
	} {
		for _, role := range []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP} {
			for _, weBegin := range []bool{true, false} {
				name := map[bool]string{true: "we begin", false: "they begin"}[weBegin]
				t.Run(habits.name+"/we are "+string(role)+"/"+name, func(t *testing.T) {
					t.Parallel()
					m := meet(t, role, habits.config, habits.quirks)
					if habits.base64 {
						m.onlyBase64()
					}
					m.life(t, weBegin)
				})
			}
		}
	}
}

// onlyBase64 makes the partner refuse plain tokens.
func (m *meeting) onlyBase64() {
	m.theirs.Mean(ocpitest.Fault{On: func(r ocpitest.Request) bool {
		_, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		_, err := base64.StdEncoding.DecodeString(sent)
		return err != nil || len(sent)%4 != 0 || regexp.MustCompile(`^([0-9a-f]{32,64}|[A-Z2-7]{26})$`).MatchString(sent)
	}, Do: ocpitest.Unauthorized()})
}

// life goes through a relation from its beginning to its end.
func (m *meeting) life(t *testing.T, weBegin bool) {
	t.Helper()
	var err error
	if weBegin {
		err = m.weRegister(t)
	} else {
		m.invite(t)
		err = m.theyRegister(t)
	}
	if err != nil {
		t.Fatalf("register: %v\n%s", err, m.log.text())
	}
	m.works(t)
	m.theyPush(t)
	m.wantState(t, partner, handshake.Registered, "registered")
	if r := m.relation(t, partner); r.Attempt != nil || len(r.Remote.Roles) != 1 || r.Remote.Roles[0].Party != m.theirs.Party {
		t.Errorf("we know %+v", r)
	}
	if s, _ := request(t, http.MethodGet, m.versionsURL(), m.tokenA, ""); s.http != http.StatusUnauthorized {
		t.Errorf("token A after the registration: %+v (C-09)", s)
	}
	before := m.theirs.Peer()
	for name, rotate := range map[string]func() error{
		"we rotate":   func() error { return m.Rotate(t.Context(), partner) },
		"they rotate": func() error { return m.theirs.Rotate(t.Context()) },
	} {
		if err := rotate(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, m.log.text())
		}
		m.works(t)
		m.wantState(t, partner, handshake.Registered, "registered")
		after := m.theirs.Peer()
		if after.OurToken == before.OurToken || after.TheirToken == before.TheirToken {
			t.Errorf("%s: not both tokens are new (C-10, C-12)", name)
		}
		if r := m.relation(t, partner); len(r.Inbound) != 1 || len(r.Outbound) != 1 || r.Attempt != nil {
			t.Errorf("%s: %d inbound and %d outbound tokens are left, %s", name, len(r.Inbound), len(r.Outbound), r.Words())
		}
		before = after
	}
	if err := m.Update(t.Context(), partner); err != nil {
		t.Errorf("update: %v", err)
	}
	m.works(t)
	if weBegin {
		err = m.theirs.Unregister(t.Context())
	} else {
		err = m.Unregister(t.Context(), partner, false)
	}
	if err != nil {
		t.Fatalf("unregister: %v", err)
	}
	m.over(t, before)
	if err := m.weRegister(t); err != nil {
		t.Fatalf("register again: %v", err)
	}
	m.works(t)
}

// A session of 2.1.1 carries its location, which the client of a partner looks up.
func TestClientsKnowOurLocations_SES06(t *testing.T) {
	sample := ocpitest.Network(cpoParty)
	m := meet(t, ocpi.RoleCPO, ocpitest.PartnerConfig{}, "")
	m.config.Location = func(_ context.Context, owner ocpi.Party, id string) (v230.Location, bool) {
		return sample.Location(1), owner == cpoParty && id == "LOC1"
	}
	m.restart(t)
	if err := m.weRegister(t); err != nil {
		t.Fatal(err)
	}
	client, err := m.Client(t.Context(), partner)
	if err != nil {
		t.Fatal(err)
	}
	session := sample.Session(1)
	session.LocationID = "LOC1"
	if _, err := client.EMSP().Sessions.Put(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	sent := m.theirs.Requests(ocpitest.Calls(http.MethodPut, ocpi.ModuleSessions))
	if len(sent) != 1 || !bytes.Contains(sent[0].Body, []byte(sample.Location(1).Address)) {
		t.Errorf("sent: %s", sent)
	}
}
