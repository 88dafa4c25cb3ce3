package ocpiserver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// call sends a request and reads the envelope.
func call(t *testing.T, server *ocpitest.Server, method, path, body string, header ...string) (*http.Response, ocpi.Envelope[jsontext.Value]) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+server.Token)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			request.Header.Del(header[i])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var envelope ocpi.Envelope[jsontext.Value]
	if err := json.Unmarshal(raw, &envelope); err != nil && len(raw) > 0 {
		t.Fatalf("%s %s: %q is no envelope: %v", method, path, raw, err)
	}
	return response, envelope
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestABodyAboveTheLimitGets413(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{MaxBody: 1000, Logger: quiet()})
	path := "/emsp/2.1.1/tariffs/BE/TST/T"
	big := `{"id":"` + strings.Repeat("x", 2000) + `"}`
	response, envelope := call(t, server, "PUT", path, big)
	if response.StatusCode != http.StatusRequestEntityTooLarge || !envelope.StatusCode.ClientError() || !response.Close {
		t.Errorf("got HTTP %d, status %d, close %v", response.StatusCode, envelope.StatusCode, response.Close)
	}
	// Without a length in advance the body is read up to the limit and no further.
	request, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+path, io.MultiReader(strings.NewReader(big), strings.NewReader(" ")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+server.Token)
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
		t.Errorf("chunked: got HTTP %d, close %v", response.StatusCode, response.Close)
	}
}

func TestASlowBodyGets408AndTheConnectionCloses(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{BodyTimeout: 50 * time.Millisecond, Logger: quiet()})
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/ocpi"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /ocpi/emsp/2.1.1/tariffs/BE/TST/T HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\nContent-Length: 100\r\n\r\n{", server.Token)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the connection stays open: %v", err)
	}
	if !bytes.HasPrefix(raw, []byte("HTTP/1.1 408 ")) || !bytes.Contains(raw, []byte(`"status_code":2000`)) {
		t.Errorf("got %s", raw)
	}
}

// A client that sends its body slowly, but in time, keeps its connection for the next request.
func TestTheBodyDeadlineDoesNotOutliveTheBody(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{BodyTimeout: 100 * time.Millisecond, Logger: quiet()})
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/ocpi"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for range 2 {
		fmt.Fprintf(conn, "POST /ocpi/emsp/2.1.1/commands/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\nContent-Length: 21\r\n\r\n{\"result\":\"ACCEPTED\"}", server.Token)
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("got HTTP %d", response.StatusCode)
		}
		time.Sleep(150 * time.Millisecond) // longer than the deadline for the body
	}
}

// failing is a backend in which everything goes wrong.
type failing struct{ how func() error }

func (f failing) List(context.Context, *ocpi.Partner, ocpi.Query) (ocpi.Page[v230.Tariff], error) {
	return ocpi.Page[v230.Tariff]{}, f.how()
}

func TestFailuresOfOursAre3000AndTellNothing(t *testing.T) {
	secret := "password=hunter2"
	for name, how := range map[string]func() error{
		"an error": func() error { return errors.New(secret) },
		"a panic":  func() error { panic(secret) },
		"a wrapped error of ours": func() error {
			return &ocpi.Error{Code: ocpi.StatusServerError, Message: "server error", Err: errors.New(secret)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			server, err := ocpitest.NewServer(ocpiserver.Config{
				CPO:    &ocpiserver.CPO{Tariffs: failing{how}},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			response, envelope := call(t, server, "GET", "/cpo/2.1.1/tariffs", "", "X-Request-ID", "request-17")
			if response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusServerError {
				t.Errorf("got HTTP %d and status %d", response.StatusCode, envelope.StatusCode)
			}
			if strings.Contains(envelope.StatusMessage, "hunter2") || strings.Contains(envelope.StatusMessage, "goroutine") {
				t.Errorf("the partner is told %q", envelope.StatusMessage)
			}
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "request-17") {
				t.Errorf("the log lacks the cause or the request id: %s", log.String())
			}
		})
	}
}

type brokenPartners struct{}

func (brokenPartners) PartnerByToken(context.Context, string) (*ocpi.Partner, error) {
	return nil, errors.New("the database is gone")
}

func TestAFailureBeforeThePartnerIsKnownIs503(t *testing.T) {
	server, err := ocpitest.NewServer(ocpiserver.Config{Partners: brokenPartners{}, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	response, envelope := call(t, server, "GET", "/versions", "", "Authorization", "Token x")
	if response.StatusCode != http.StatusServiceUnavailable || envelope.StatusCode != ocpi.StatusServerError {
		t.Errorf("got HTTP %d and status %d", response.StatusCode, envelope.StatusCode)
	}
}

// Requirements DT-15 and DT-17.
func TestMessageIDsAreAnsweredAndMadeWhereMissing(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{})
	response, _ := call(t, server, "GET", "/nothing", "", "X-Request-ID", "r-1", "X-Correlation-ID", "c-1")
	if response.Header.Get("X-Request-ID") != "r-1" || response.Header.Get("X-Correlation-ID") != "c-1" {
		t.Errorf("got %v", response.Header)
	}
	response, _ = call(t, server, "GET", "/versions", "")
	if len(response.Header.Get("X-Request-ID")) < 16 || len(response.Header.Get("X-Correlation-ID")) < 16 {
		t.Errorf("got %v", response.Header)
	}
}

func TestOpenDataIsLocationsAndTariffsToRead(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{OpenData: true})
	for path, want := range map[string]int{
		"/cpo/2.1.1/locations": 200, "/cpo/2.1.1/locations/LOC1": 200, "/cpo/2.1.1/tariffs": 200,
		"/cpo/2.1.1/cdrs": 401, "/cpo/2.1.1/sessions": 401, "/emsp/2.1.1/tokens": 401, "/versions": 401, "/cpo/2.1.1/credentials": 401,
	} {
		if response, _ := call(t, server, "GET", path, "", "Authorization", ""); response.StatusCode != want {
			t.Errorf("%s: got HTTP %d, want %d", path, response.StatusCode, want)
		}
	}
	if response, _ := call(t, server, "PUT", "/emsp/2.1.1/locations/BE/TST/X", "{}", "Authorization", ""); response.StatusCode != 401 {
		t.Errorf("a PUT without a token got HTTP %d", response.StatusCode)
	}
	if response, _ := call(t, server, "GET", "/cpo/2.1.1/locations", "", "Authorization", "Token wrong"); response.StatusCode != 401 {
		t.Errorf("a wrong token got HTTP %d", response.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{CORSOrigins: []string{"https://app.example.com"}})
	response, _ := call(t, server, "OPTIONS", "/cpo/2.1.1/locations", "", "Authorization", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "GET")
	if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		!strings.Contains(response.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("the preflight got HTTP %d, %v", response.StatusCode, response.Header)
	}
	response, _ = call(t, server, "GET", "/cpo/2.1.1/locations", "", "Origin", "https://app.example.com")
	if response.Header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(response.Header.Get("Access-Control-Expose-Headers"), "X-Total-Count") {
		t.Errorf("the call got %v", response.Header)
	}
	response, _ = call(t, server, "GET", "/cpo/2.1.1/locations", "", "Origin", "https://evil.example.com")
	if response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign origin is allowed: %v", response.Header)
	}
}

// What a partner may call follows from its role, and what it is told of too.
func TestAPartnerSeesTheSideForItsRole(t *testing.T) {
	target, server := newTarget(t, ocpiserver.Config{})
	for role, want := range map[ocpi.Role]string{ocpi.RoleEMSP: "/cpo/", ocpi.RoleCPO: "/emsp/"} {
		token := "only-" + string(role)
		server.Partners.Add(token, ocpi.Partner{ID: token, Roles: []ocpi.PartyRole{{Role: role, Party: ocpi.NewParty("FR", "ONE")}}})
		_, envelope := call(t, server, "GET", "/2.1.1/details", "", "Authorization", "Token "+token)
		var details v211.VersionDetails
		if err := json.Unmarshal(envelope.Data, &details); err != nil {
			t.Fatal(err)
		}
		for _, e := range details.Endpoints {
			if !strings.HasPrefix(e.URL, target.URL+want) {
				t.Errorf("a partner with the role %s is told of %s", role, e.URL)
			}
		}
		for path, side := range map[string]string{"/cpo/2.1.1/locations": "/cpo/", "/emsp/2.1.1/tokens": "/emsp/"} {
			response, _ := call(t, server, "GET", path, "", "Authorization", "Token "+token)
			if ok := response.StatusCode == http.StatusOK; ok != (side == want) {
				t.Errorf("a partner with the role %s got HTTP %d at %s", role, response.StatusCode, path)
			}
		}
	}
}

func TestTrailingSlashInVersionDetails(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{TrailingSlash: true})
	_, envelope := call(t, server, "GET", "/cpo/2.1.1/details", "")
	var details v211.VersionDetails
	if err := json.Unmarshal(envelope.Data, &details); err != nil {
		t.Fatal(err)
	}
	for _, e := range details.Endpoints {
		if !strings.HasSuffix(e.URL, "/") {
			t.Errorf("the endpoint is %s", e.URL)
		}
		if e.Identifier == ocpi.ModuleLocations {
			response, _ := call(t, server, "GET", strings.TrimPrefix(e.URL, server.URL), "")
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s: got HTTP %d", e.URL, response.StatusCode)
			}
		}
	}
}

func TestObserveIsToldOfEachRequest(t *testing.T) {
	var mu sync.Mutex
	var seen []ocpi.Exchange
	var token []string
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet(), Capture: 8, Observe: func(_ context.Context, e ocpi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		if e.Partner != "" && cmp.Equal(e.Secrets, token) {
			e.Secrets = nil
		}
		if e.At.IsZero() || e.RequestID == "" || e.CorrelationID == "" || e.Direction != ocpi.Inbound || e.ResponseSize == 0 || string(e.ResponseBody) != `{"status` {
			t.Errorf("incomplete: %+v", e)
		}
		e.ResponseSize, e.ResponseBody, e.RequestBody = 0, nil, bytes.Clone(e.RequestBody)
		e.At, e.Duration, e.RequestID, e.CorrelationID, e.Direction = time.Time{}, 0, "", "", ""
		seen = append(seen, e)
	}})
	token = []string{server.Token}
	call(t, server, "PATCH", "/emsp/2.1.1/tariffs/BE/TST/none", `{"currency":"EURO"}`)
	call(t, server, "PATCH", "/emsp/2.1.1/tariffs/BE/TST/none", `{"id":"other","currency":"EURO"}`)
	call(t, server, "GET", "/versions", "", "Authorization", "")
	want := []ocpi.Exchange{
		{
			Partner: "tester", Method: "PATCH", URL: "/ocpi/emsp/2.1.1/tariffs/BE/TST/none",
			Route: "/emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}", Module: ocpi.ModuleTariffs, Version: ocpi.V211,
			RequestSize: 19, RequestBody: []byte(`{"curren`), HTTP: 404, Status: ocpi.StatusClientError,
			Findings: []ocpi.Finding{
				{Pointer: "/currency", Code: ocpi.FindingLength, Message: "4 characters, 3 are allowed"},
				{Pointer: "/currency", Code: ocpi.FindingFormat, Message: `"EURO" is not a code of 3 letters`},
			},
			Quirks: []string{"missing-last-updated"},
		},
		{
			Partner: "tester", Method: "PATCH", URL: "/ocpi/emsp/2.1.1/tariffs/BE/TST/none",
			Route: "/emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}", Module: ocpi.ModuleTariffs, Version: ocpi.V211,
			RequestSize: 32, RequestBody: []byte(`{"id":"o`), HTTP: 200, Status: ocpi.StatusInvalidParameters,
			Findings: []ocpi.Finding{
				{Pointer: "/currency", Code: ocpi.FindingLength, Message: "4 characters, 3 are allowed"},
				{Pointer: "/currency", Code: ocpi.FindingFormat, Message: `"EURO" is not a code of 3 letters`},
				{Pointer: "/id", Code: ocpi.FindingMismatch, Message: `the body says "other", the URL says "none"`, Unusable: true},
			},
			Quirks: []string{"missing-last-updated"},
		},
		{Method: "GET", URL: "/ocpi/versions", Route: "/versions", HTTP: 401, Status: ocpi.StatusClientError},
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// Whoever keeps exchanges is told what nothing of them may show: what was presented, known or not, and what credentials
// bring and answer.
func TestTheObserverIsToldTheSecrets(t *testing.T) {
	var mu sync.Mutex
	var secrets []string
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet(), Credentials: registrar{}, Observe: func(_ context.Context, e ocpi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		secrets = e.Secrets
	}})
	credentials := `{"token":"abcdefgh","url":"https://tst.example.com/versions","party_id":"TST","country_code":"BE","business_details":{"name":"Test"}}`
	for _, c := range []struct {
		name, method, path, body, header string
		want                             []string
	}{
		{"a token", "GET", "/versions", "", "Token " + server.Token, []string{server.Token}},
		{"where there is nothing", "GET", "/nowhere", "", "Token " + server.Token, []string{server.Token}},
		{"one that is not known", "GET", "/versions", "", "Token not-known", []string{"not-known"}},
		{"another kind", "GET", "/versions", "", "Bearer of-another-kind", []string{"of-another-kind"}},
		{"no kind", "GET", "/versions", "", "of-no-kind", []string{"of-no-kind"}},
		{"none", "GET", "/versions", "", "", nil},
		{"one that is far too long", "GET", "/versions", "", "Bearer " + strings.Repeat("x", 5000), nil},
		{"credentials", "PUT", "/cpo/2.1.1/credentials", credentials, "Token " + server.Token, []string{server.Token, "abcdefgh", server.Token}}, // which is what the test's registrar answers
	} {
		t.Run(c.name, func(t *testing.T) {
			call(t, server, c.method, c.path, c.body, "Authorization", c.header)
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(c.want, secrets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	ok := ocpiserver.Config{BaseURL: "https://x.example.com/ocpi", Partners: new(ocpitest.Partners), CPO: new(ocpitest.CPO).Backend()}
	for name, broken := range map[string]func(*ocpiserver.Config){
		"BaseURL":   func(c *ocpiserver.Config) { c.BaseURL = "ocpi" },
		"Partners":  func(c *ocpiserver.Config) { c.Partners = nil },
		"CPO":       func(c *ocpiserver.Config) { c.CPO = nil },
		"2.0":       func(c *ocpiserver.Config) { c.Versions = []ocpi.Version{"2.0"} },
		"Get":       func(c *ocpiserver.Config) { c.CPO.Locations = listOnly[v230.Location]{} },
		"Delete":    func(c *ocpiserver.Config) { c.EMSP = &ocpiserver.EMSP{Tariffs: new(ocpitest.Receiver[v230.Tariff])} },
		"Authorize": func(c *ocpiserver.Config) { c.EMSP = &ocpiserver.EMSP{Tokens: listOnly[v230.Token]{}} },
	} {
		config := ok
		config.CPO = new(ocpitest.CPO).Backend()
		broken(&config)
		if _, err := ocpiserver.New(config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ocpiserver.New(ok); err != nil {
		t.Error(err)
	}
}

type listOnly[T any] struct{}

func (listOnly[T]) List(context.Context, *ocpi.Partner, ocpi.Query) (ocpi.Page[T], error) {
	return ocpi.Page[T]{}, nil
}

// A module that is not implemented is neither mounted nor advertised.
func TestOnlyWhatIsImplementedIsOffered(t *testing.T) {
	server, err := ocpitest.NewServer(ocpiserver.Config{CPO: &ocpiserver.CPO{Tariffs: new(ocpitest.Sender[v230.Tariff])}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for path, want := range map[string]int{"/cpo/2.1.1/tariffs": 200, "/cpo/2.1.1/locations": 404, "/emsp/versions": 404, "/emsp/2.1.1/tokens": 404} {
		if response, _ := call(t, server, "GET", path, ""); response.StatusCode != want {
			t.Errorf("%s: got HTTP %d, want %d", path, response.StatusCode, want)
		}
	}
	_, envelope := call(t, server, "GET", "/2.1.1/details", "")
	if text := string(envelope.Data); strings.Contains(text, "locations") || !strings.Contains(text, "tariffs") {
		t.Errorf("details are %s", text)
	}
}

// The prefix is whatever the base URL's path is, also none.
func TestThePrefixIsThePathOfTheBaseURL(t *testing.T) {
	for _, base := range []string{"http://x.example.com", "http://x.example.com/", "http://x.example.com/a/b%20c/", "http://x.example.com/a,b;c!(d)'e"} {
		partners := new(ocpitest.Partners)
		partners.Add("t", ocpi.Partner{ID: "p"})
		server, err := ocpiserver.New(ocpiserver.Config{BaseURL: base, Partners: partners, CPO: new(ocpitest.CPO).Backend()})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), "GET", strings.TrimSuffix(base, "/")+"/versions", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Token t")
		recorder := newRecorder()
		server.ServeHTTP(recorder, request)
		if recorder.status != http.StatusOK || !strings.Contains(recorder.body.String(), strings.TrimSuffix(base, "/")+"/2.1.1/details") {
			t.Errorf("%s: got HTTP %d %s", base, recorder.status, recorder.body.String())
		}
	}
}

type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// A partner's session is shown with the partner's location and never with ours of the same id.
func TestASessionIsShownWithTheLocationOfItsOwner(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{})
	partner := ocpi.NewParty("BE", "TST")
	sample := ocpitest.Network(partner)
	theirs := sample.Session(1)
	key := ocpi.Key{Party: partner, ID: string(theirs.ID)}
	if _, err := server.EMSP.Sessions.Put(t.Context(), &server.Partner, key, theirs); err != nil {
		t.Fatal(err)
	}
	if _, err := server.EMSP.Locations.Put(t.Context(), &server.Partner, ocpi.Key{Party: partner, ID: string(theirs.LocationID)}, sample.Location(1)); err != nil {
		t.Fatal(err)
	}
	_, envelope := call(t, server, "GET", "/emsp/2.1.1/sessions/BE/TST/"+string(theirs.ID), "")
	var session v211.Session
	if err := json.Unmarshal(envelope.Data, &session); err != nil {
		t.Fatal(err)
	}
	if got := session.Location.EVSEs[0].EVSEID; got == nil || !strings.HasPrefix(*got, "BE*TST*") {
		t.Errorf("the session took place at %+v", session.Location)
	}
}

// Requirement CDR-06: two parties of one partner may have CDRs of the same id, and each finds its own again.
func TestCDRsOfTwoPartiesOfOnePartner(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{})
	one, two := ocpi.NewParty("FR", "ONE"), ocpi.NewParty("FR", "TWO")
	server.Partners.Add("both", ocpi.Partner{ID: "both", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: one}, {Role: ocpi.RoleCPO, Party: two}}})
	for i, party := range []ocpi.Party{one, two} {
		cdr, _ := convert.CDRTo211(ocpitest.Network(party).CDR(1), convert.Env{Owner: party})
		cdr.Remark = new(party.PartyID)
		raw, err := json.Marshal(&cdr)
		if err != nil {
			t.Fatal(err)
		}
		response, _ := call(t, server, "POST", "/emsp/2.1.1/cdrs/"+party.String(), string(raw), "Authorization", "Token both")
		if response.StatusCode != http.StatusCreated {
			t.Fatalf("CDR %d: HTTP %d", i, response.StatusCode)
		}
		_, envelope := call(t, server, "GET", strings.TrimPrefix(response.Header.Get("Location"), server.URL), "", "Authorization", "Token both")
		if !strings.Contains(string(envelope.Data), `"remark":"`+party.PartyID+`"`) {
			t.Errorf("%s gives %s", response.Header.Get("Location"), envelope.Data)
		}
	}
}

// A token of a type that 2.1.1 calls OTHER is found when a 2.1.1 partner asks about it as OTHER.
func TestOTHERStandsForTheTypesThatCameLater(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{})
	token := ocpitest.Network(own).Token(1)
	token.UID, token.Type = "app-1", v230.TokenTypeAppUser
	server.EMSP.Tokens.Put(token)
	response, envelope := call(t, server, "POST", "/emsp/2.1.1/tokens/app-1/authorize?type=OTHER", "")
	if response.StatusCode != http.StatusOK || !strings.Contains(string(envelope.Data), "ALLOWED") {
		t.Errorf("got HTTP %d: %s", response.StatusCode, envelope.Data)
	}
	if response, _ := call(t, server, "POST", "/emsp/2.1.1/tokens/app-1/authorize", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("asked about as RFID it got HTTP %d", response.StatusCode)
	}
}
