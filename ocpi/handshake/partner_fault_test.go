package handshake_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A foreignFault is something that goes wrong in one answer of a partner.
type foreignFault struct {
	name string
	do   func(m *meeting) ocpitest.Action
	// words are part of what an operator reads; empty where it does no harm.
	words string
	// done tells that the request is carried out all the same, which matters for credentials.
	done bool
}

func always(do ocpitest.Action) func(*meeting) ocpitest.Action {
	return func(*meeting) ocpitest.Action { return do }
}

func foreignFaults() []foreignFault {
	return []foreignFault{
		{name: "slow", do: always(ocpitest.Slow(3 * callTimeout)), words: "no answer within 1.5s"},
		{name: "never answers", do: always(ocpitest.NeverAnswer()), words: "no answer within 1.5s"},
		{name: "dribbles", do: always(ocpitest.Dribble(1, callTimeout/8)), words: "the answer was not complete within 1.5s", done: true},
		{name: "429 without Retry-After", do: always(ocpitest.TooManyRequests("")), words: "answered HTTP 429"},
		{name: "429 with Retry-After", do: always(ocpitest.TooManyRequests("30")), words: "answered HTTP 429: Too Many Requests (it asks to wait 30s)"},
		{name: "500", do: always(ocpitest.ServerError(500)), words: "answered HTTP 500"},
		{name: "401", do: always(ocpitest.Unauthorized()), words: "answered HTTP 401"},
		{name: "403", do: always(ocpitest.Forbidden()), words: "answered HTTP 403"},
		{name: "truncated JSON", do: always(ocpitest.TruncatedJSON()), words: "answered 200 but no JSON: it ends after", done: true},
		{name: "no JSON", do: always(ocpitest.NotJSON()), words: "answered 200 but no JSON"},
		{name: "empty body", do: always(ocpitest.EmptyBody()), words: "answered 200 but nothing in it", done: true},
		{name: "cut body", do: always(ocpitest.CutBody()), words: "the connection was closed in the middle of the answer", done: true},
		{name: "OCPI error", do: always(ocpitest.OCPIError(ocpi.StatusServerError)), words: "OCPI 3000"},
		{name: "404 with 1000 inside", do: always(ocpitest.NotFoundWithSuccess()), words: "answered HTTP 404"},
		{name: "huge body", do: always(ocpitest.HugeBody(4 * maxResponse)), words: "more than 131072 bytes"},
		{name: "gzip bomb", do: always(ocpitest.GzipBomb(4 * maxResponse)), words: "more than 131072 bytes"},
		{name: "redirect to another host", do: func(m *meeting) ocpitest.Action {
			return ocpitest.RedirectTo(m.elsewhere+"/versions", http.StatusTemporaryRedirect)
		}, words: "the token is not sent to another host"},
		{name: "redirect to a private address", do: always(ocpitest.RedirectTo("http://10.0.0.1/versions", http.StatusPermanentRedirect)), words: "the token is not sent to another host"},
		{name: "cut connection", do: always(ocpitest.CutConnection()), words: "the connection was closed without an answer"},
		{name: "lost response", do: always(ocpitest.LostResponse()), words: "the connection was closed without an answer", done: true},
		{name: "wrapped objects", do: always(ocpitest.WrappedObjects()), done: true},
	}
}

// A place is a step of an exchange of ours, and the requests of it.
type place struct {
	name  string
	on    ocpitest.Match
	after int
	step  int
}

func places(method string) []place {
	return []place{
		{"versions", ocpitest.Calls("GET", ocpitest.CallVersions), 0, 1},
		{"details", ocpitest.Calls("GET", ocpitest.CallDetails), 0, 3},
		{"credentials", ocpitest.Calls(method, ocpi.ModuleCredentials), 0, 6},
		{"the new token", ocpitest.Calls("GET", ocpitest.CallVersions), 1, 8},
	}
}

// inTime fails a test whose exchange takes longer than its deadline.
func (m *meeting) inTime(t *testing.T, exchange func() error) error {
	t.Helper()
	began := time.Now()
	err := exchange()
	if took := time.Since(began); took > m.config.Timeout {
		t.Errorf("it took %s", took)
	}
	for _, token := range m.tokens(t) {
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("a token is in the error: %v", err)
		}
	}
	return err
}

// failedAt fails unless the exchange has failed at a step, with words an operator can read.
func (m *meeting) failedAt(t *testing.T, err error, state handshake.State, step int, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("the error is %v, want %q", err, words)
	}
	m.wantState(t, partner, state, fmt.Sprintf("failed at step %d: ", step))
	m.wantState(t, partner, state, words)
}

// Whatever a partner does while we register, the state says at which step and why, nothing of it is kept, and the next
// try is successful.
func TestWhateverGoesWrongWhileWeRegister_C16_C17_C18(t *testing.T) {
	for _, place := range places(http.MethodPost) {
		for _, f := range foreignFaults() {
			t.Run(place.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				m := meet(t, ocpi.RoleEMSP, ocpitest.PartnerConfig{}, "")
				fault := m.theirs.Mean(ocpitest.Fault{On: place.on, After: place.after, Do: f.do(m)})
				err := m.inTime(t, func() error { return m.weRegister(t) })
				fault.Remove()
				if f.words == "" {
					m.works(t)
					return
				}
				if place.step == 8 { // the credentials are exchanged, whatever comes of the try
					m.failedAt(t, err, handshake.Registered, 8, f.words)
					m.works(t)
				} else {
					m.failedAt(t, err, handshake.Unregistered, place.step, f.words)
					m.nothingKept(t)
				}
				m.retried(t, place.step == 6 && f.done, false)
			})
		}
	}
}

// nothingKept fails where a part of a registration is there. The token in credentials that may have arrived is no such
// part: it opens no module.
func (m *meeting) nothingKept(t *testing.T) {
	t.Helper()
	r := m.relation(t, partner)
	if len(r.Outbound) > 0 || len(r.Remote.Roles) > 0 || len(r.Inbound) > 1 || len(r.Inbound) == 1 && (r.Offer == nil || !r.Offer.Unclear) {
		t.Errorf("half a registration: %+v", r)
	}
	if _, err := m.Client(t.Context(), partner); err == nil {
		t.Error("there is a client for half a registration")
	}
}

// retried goes on after the fault is gone. Where the partner has carried out what it has not answered, and knows the
// token before no more, it takes a new token A.
func (m *meeting) retried(t *testing.T, lockedOut, rotating bool) {
	t.Helper()
	err := m.Retry(t.Context(), partner)
	if !lockedOut {
		if err != nil {
			t.Errorf("retry: %v", err)
		}
		m.works(t)
		return
	}
	state := handshake.Unregistered
	if rotating {
		state = handshake.Registered
	}
	m.failedAt(t, err, state, 1, "an earlier try may have been successful for them, and their answer was lost: ask them")
	if rotating {
		if err := m.Unregister(t.Context(), partner, true); err != nil {
			t.Errorf("end it here alone: %v", err)
		}
	}
	if err := m.weRegister(t); err != nil {
		t.Errorf("register with a new token A: %v", err)
	}
	m.works(t)
}

// Whatever a partner does while we rotate, tokens that worked go on working in both directions, and the next try is
// successful. One alone is lost: that of a partner that forgets the token before at once, and whose answer with the new
// one does not arrive.
func TestWhateverGoesWrongWhileWeRotate_C12_C19(t *testing.T) {
	for _, place := range places(http.MethodPut) {
		for _, forgets := range []bool{false, true} {
			for _, f := range foreignFaults() {
				if forgets && (place.step != 6 || !f.done) {
					continue
				}
				t.Run(fmt.Sprintf("%s/forgets the token before %t/%s", place.name, forgets, f.name), func(t *testing.T) {
					t.Parallel()
					m := meet(t, ocpi.RoleCPO, ocpitest.PartnerConfig{ForgetOldToken: forgets}, "")
					if err := m.weRegister(t); err != nil {
						t.Fatal(err)
					}
					m.works(t)
					fault := m.theirs.Mean(ocpitest.Fault{On: place.on, After: place.after, Do: f.do(m)})
					err := m.inTime(t, func() error { return m.Rotate(t.Context(), partner) })
					fault.Remove()
					lockedOut := forgets && f.done && place.step == 6
					if f.words == "" {
						m.works(t)
						return
					}
					m.failedAt(t, err, handshake.Registered, place.step, f.words)
					m.theyCall(t)
					if err := m.weCall(t); (err != nil) != lockedOut {
						t.Errorf("we call: %v", err)
					}
					m.retried(t, lockedOut, true)
				})
			}
		}
	}
}

// Whatever a partner's interfaces do while we call them back, it is told 3001, its token A is good as before, and its next
// try is successful.
func TestWhateverGoesWrongWhileTheyRegister_C14_C17(t *testing.T) {
	for step, on := range map[int]ocpitest.Match{2: ocpitest.Calls("GET", ocpitest.CallVersions), 4: ocpitest.Calls("GET", ocpitest.CallDetails)} {
		for _, f := range foreignFaults() {
			t.Run(fmt.Sprintf("step %d/%s", step, f.name), func(t *testing.T) {
				t.Parallel()
				m := meet(t, ocpi.RoleCPO, ocpitest.PartnerConfig{}, "")
				m.invite(t)
				fault := m.theirs.Mean(ocpitest.Fault{On: on, Do: f.do(m)})
				err := m.inTime(t, func() error { return m.theyRegister(t) })
				fault.Remove()
				if f.words == "" {
					m.works(t)
					return
				}
				wantStatus(t, err, http.StatusOK, ocpi.StatusCannotUseClientAPI, f.words)
				m.wantState(t, partner, handshake.Invited, fmt.Sprintf("failed at step %d: ", step))
				m.wantState(t, partner, handshake.Invited, f.words)
				if r := m.relation(t, partner); len(r.Outbound) > 0 || len(r.Inbound) != 1 || len(r.Remote.Roles) > 0 {
					t.Errorf("half a registration: %+v", r)
				}
				if err := m.theyRegister(t); err != nil {
					t.Errorf("the second try: %v", err)
				}
				m.works(t)

				// and the same while they rotate
				fault = m.theirs.Mean(ocpitest.Fault{On: on, Do: f.do(m)})
				err = m.inTime(t, func() error { return m.theirs.Rotate(t.Context()) })
				fault.Remove()
				wantStatus(t, err, http.StatusOK, ocpi.StatusCannotUseClientAPI, f.words)
				m.wantState(t, partner, handshake.Registered, f.words)
				m.works(t)
				if err := m.theirs.Rotate(t.Context()); err != nil {
					t.Errorf("the second rotation: %v", err)
				}
				m.works(t)
			})
		}
	}
}

// wantStatus checks what a partner is told.
func wantStatus(t *testing.T, err error, httpStatus int, code ocpi.StatusCode, message string) {
	t.Helper()
	var e *ocpi.Error
	if !errors.As(err, &e) || e.HTTP != httpStatus || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("they are told %v, want HTTP %d with %d and %q", err, httpStatus, code, message)
	}
}

// A partner that does not offer what is needed, or says of itself what is not so, is not registered with.
func TestAPartnerThatLiesToUs_V04_V08_V09_C16_C20(t *testing.T) {
	other := ocpi.NewParty("DE", "OTH")
	for _, test := range []struct {
		name  string
		do    ocpitest.Action
		terms handshake.Terms
		step  int
		words string
	}{
		{"versions nobody knows", ocpitest.OfferVersions("1.9", "3.0"), handshake.Terms{}, 2, "no version in common: we speak [2.1.1], they offer [1.9 3.0]"},
		{"no credentials endpoint", ocpitest.WithoutEndpoints(ocpi.ModuleCredentials), handshake.Terms{}, 4, "these endpoints are missing from version 2.1.1: [credentials]"},
		{"nothing but credentials", onlyCredentials(), handshake.Terms{}, 4, "there is nothing to exchange"},
		{"no endpoint at all", ocpitest.ChangeEndpoints(func([]v211.Endpoint) []v211.Endpoint { return []v211.Endpoint{} }), handshake.Terms{}, 3, "no endpoint in its version details"},
		{"a module is missing that was agreed on", ocpitest.WithoutEndpoints(ocpi.ModuleSessions), handshake.Terms{Modules: []ocpi.ModuleID{ocpi.ModuleSessions}}, 4, "missing from version 2.1.1: [sessions]"},
		{"an endpoint that cannot be called", ocpitest.ChangeEndpoints(func(all []v211.Endpoint) []v211.Endpoint {
			all[len(all)-1].URL = "ftp://example.com/"
			return all
		}), handshake.Terms{}, 4, "address not allowed: it must be an https URL"},
		{"our own party", ocpitest.LieAboutParty(emspParty), handshake.Terms{}, 7, "credentials: BE/TST is a party of this platform"},
		{"another party than agreed on", ocpitest.LieAboutParty(other), handshake.Terms{Party: cpoParty}, 7, "credentials: the party is DE/OTH, and NL/GPE was agreed on"},
		{"a party of another partner", ocpitest.LieAboutParty(other), handshake.Terms{}, 7, "DE/OTH as CPO is taken by another partner: it is partner other"},
		{"a versions URL that cannot be called", ocpitest.CredentialsURL("ftp://10.0.0.1/versions"), handshake.Terms{}, 7, "your versions URL cannot be used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := meet(t, ocpi.RoleEMSP, ocpitest.PartnerConfig{Party: cpoParty}, "")
			err := m.store.AddRelation(t.Context(), handshake.Relation{Name: "other", State: handshake.Registered, Remote: handshake.Remote{
				Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: other}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			m.terms = test.terms
			fault := m.theirs.Mean(ocpitest.Fault{Do: test.do})
			err = m.inTime(t, func() error { return m.weRegister(t) })
			fault.Remove()
			m.failedAt(t, err, handshake.Unregistered, test.step, test.words)
			m.nothingKept(t)
			if sent := m.theirs.Requests(ocpitest.Calls("POST")); (len(sent) > 0) != (test.step > 6) {
				t.Errorf("%d times credentials were sent", len(sent))
			}
			if m.theirs.Registered() {
				t.Error("they think that we are registered")
			}
			if err := m.weRegister(t); err != nil {
				t.Errorf("register again: %v", err)
			}
			m.works(t)
		})
	}
}

func onlyCredentials() ocpitest.Action {
	return ocpitest.ChangeEndpoints(func(all []v211.Endpoint) []v211.Endpoint {
		return slices.DeleteFunc(all, func(e v211.Endpoint) bool { return e.Identifier != ocpi.ModuleCredentials })
	})
}

// A partner that has become another while we rotate is refused. Its new token is used all the same: it may have forgotten
// the one before.
func TestAPartnerThatBecomesAnotherWhileWeRotate_C19_C20(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		for name, do := range map[string]ocpitest.Action{
			"cannot change; end the registration": ocpitest.LieAboutParty(ocpi.NewParty("DE", "LIE")),
			"your versions URL cannot be used":    ocpitest.CredentialsURL("ftp://10.0.0.1/versions"),
		} {
			t.Run(fmt.Sprintf("forgets the token before %t/%s", forgets, name), func(t *testing.T) {
				t.Parallel()
				m := meet(t, ocpi.RoleEMSP, ocpitest.PartnerConfig{ForgetOldToken: forgets}, "")
				if err := m.weRegister(t); err != nil {
					t.Fatal(err)
				}
				m.works(t)
				fault := m.theirs.Mean(ocpitest.Fault{Do: do})
				err := m.Rotate(t.Context(), partner)
				fault.Remove()
				m.failedAt(t, err, handshake.Registered, 7, name)
				m.works(t)
				m.retried(t, false, true)
				if r := m.relation(t, partner); len(r.Inbound) != 1 || len(r.Outbound) != 1 || r.Attempt != nil {
					t.Errorf("%d inbound and %d outbound tokens are left, %s", len(r.Inbound), len(r.Outbound), r.Words())
				}
			})
		}
	}
}

// A partner that claims in its credentials what is not so is refused, and its token A stays good.
func TestAPartnerThatClaimsWhatIsNotSo_C17_C20_TF02(t *testing.T) {
	other := ocpi.NewParty("DE", "OTH")
	be := func(party ocpi.Party) func(*v230.Credentials) {
		return func(c *v230.Credentials) {
			for i := range c.Roles {
				c.Roles[i].CountryCode, c.Roles[i].PartyID = ocpi.CiString(party.CountryCode), ocpi.CiString(party.PartyID)
			}
		}
	}
	for _, test := range []struct {
		name  string
		claim func(*v230.Credentials)
		terms handshake.Terms
		code  ocpi.StatusCode
		words string
	}{
		{"our own party", be(cpoParty), handshake.Terms{}, 2001, "NL/GPE is a party of this platform"},
		{"another party than agreed on", be(other), handshake.Terms{Party: emspParty}, 2001, "the party is DE/OTH, and BE/TST was agreed on"},
		{"a party of another partner", be(other), handshake.Terms{}, 2001, "taken by another partner"},
		{"no party", be(ocpi.Party{CountryCode: "D", PartyID: "/.."}), handshake.Terms{}, 2001, ""},
		{"a URL that cannot be called", func(c *v230.Credentials) { c.URL = "file:///etc/passwd" }, handshake.Terms{}, 3001, "address not allowed"},
		{"a URL where nobody is", func(c *v230.Credentials) { c.URL = "http://127.0.0.1:1/versions" }, handshake.Terms{}, 3001, "connection refused"},
		{"a token with a space", func(c *v230.Credentials) { c.Token = "a token" }, handshake.Terms{}, 2001, "space"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := meet(t, ocpi.RoleCPO, ocpitest.PartnerConfig{Party: emspParty}, "")
			err := m.store.AddRelation(t.Context(), handshake.Relation{Name: "other", State: handshake.Registered, Remote: handshake.Remote{
				Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: other}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			m.terms = test.terms
			m.invite(t)
			m.theirs.Claim(test.claim)
			err = m.inTime(t, func() error { return m.theyRegister(t) })
			var e *ocpi.Error
			if !errors.As(err, &e) || e.Code != test.code {
				t.Errorf("they are told %v, want %d", err, test.code)
			}
			if test.words != "" {
				m.wantState(t, partner, handshake.Invited, test.words)
			}
			if strings.Contains(fmt.Sprint(err), "partner other") {
				t.Errorf("they are told who else is a partner: %v", err)
			}
			m.theirs.Claim(nil)
			if err := m.theyRegister(t); err != nil {
				t.Errorf("the second try: %v", err)
			}
			m.works(t)

			// and the same while they rotate
			m.theirs.Claim(test.claim)
			err = m.inTime(t, func() error { return m.theirs.Rotate(t.Context()) })
			if !errors.As(err, &e) || e.Code != test.code {
				t.Errorf("they are told %v, want %d", err, test.code)
			}
			m.theirs.Claim(nil)
			m.theyCall(t)
			if err := m.theirs.Rotate(t.Context()); err != nil {
				t.Errorf("the second rotation: %v", err)
			}
			m.works(t)
		})
	}
}

// An answer of ours that gets lost does not lock a partner out: it sends the same again.
func TestOurAnswerGetsLost_C18_C19(t *testing.T) {
	for _, flavour := range []ocpitest.Flavour{ocpitest.FlavourStandard, ocpitest.FlavourOCPIPython} {
		t.Run("flavour "+string(flavour), func(t *testing.T) {
			t.Parallel()
			m := meet(t, ocpi.RoleCPO, ocpitest.PartnerConfig{Flavour: flavour}, "ocpi-python")
			m.invite(t)
			m.losing(http.MethodPost, "credentials")
			if err := m.theyRegister(t); err == nil || m.theirs.Registered() {
				t.Fatal("the answer was not lost")
			}
			if err := m.theyRegister(t); err != nil {
				t.Fatalf("the second POST: %v", err)
			}
			m.works(t)
			m.losing(http.MethodPut, "credentials")
			if err := m.theirs.Rotate(t.Context()); err == nil {
				t.Fatal("the answer was not lost")
			}
			m.theyCall(t)
			if err := m.theirs.Rotate(t.Context()); err != nil {
				t.Fatalf("the second PUT: %v", err)
			}
			m.works(t)
			m.losing(http.MethodDelete, "credentials")
			if err := m.theirs.Unregister(t.Context()); err == nil {
				t.Fatal("the answer was not lost")
			}
			m.wantState(t, partner, handshake.Removed, "removed")
		})
	}
}
