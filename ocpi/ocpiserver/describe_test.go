package ocpiserver_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// A description is what these tests read of an OpenAPI document.
type description struct {
	OpenAPI string `json:"openapi"`
	Servers []struct{ URL string }
	Paths   map[string]map[string]any
}

// operations are "GET /cpo/2.1.1/locations" and so on.
func (d description) operations() (all []string) {
	for path, item := range d.Paths {
		for method := range item {
			if method != "parameters" {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

func describe(t *testing.T, url string) description {
	t.Helper()
	response, body := fetch(t, http.MethodGet, url, "")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: HTTP %d %s", url, response.StatusCode, response.Header.Get("Content-Type"))
	}
	var d description
	if err := json.Unmarshal(body, &d, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return d
}

func fetch(t *testing.T, method, url, token string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Token "+token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func describedServer(t *testing.T, config ocpiserver.Config) *ocpitest.Server {
	t.Helper()
	server, err := ocpitest.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// complete makes a server whose credentials can be exchanged: its document has all there is.
func complete(t *testing.T) (*ocpitest.Server, description) {
	t.Helper()
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	server := &ocpitest.Server{URL: p.URL}
	_, server.Token = p.Invite()
	return server, describe(t, p.URL+"/openapi.json")
}

// The 42 operations of the Python reference for 2.1.1.
const referenceOperations = `
GET /versions
GET /2.1.1/details
GET /cpo/2.1.1/credentials
POST /cpo/2.1.1/credentials
PUT /cpo/2.1.1/credentials
DELETE /cpo/2.1.1/credentials
GET /cpo/2.1.1/locations
GET /cpo/2.1.1/locations/{location_id}
GET /cpo/2.1.1/locations/{location_id}/{evse_uid}
GET /cpo/2.1.1/locations/{location_id}/{evse_uid}/{connector_id}
GET /cpo/2.1.1/cdrs
GET /cpo/2.1.1/sessions
GET /cpo/2.1.1/tokens/{country_code}/{party_id}/{token_uid}
PUT /cpo/2.1.1/tokens/{country_code}/{party_id}/{token_uid}
PATCH /cpo/2.1.1/tokens/{country_code}/{party_id}/{token_uid}
GET /cpo/2.1.1/tariffs
POST /cpo/2.1.1/commands/{command}
GET /emsp/2.1.1/credentials
POST /emsp/2.1.1/credentials
PUT /emsp/2.1.1/credentials
DELETE /emsp/2.1.1/credentials
GET /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}
GET /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}
GET /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
PUT /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}
PUT /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}
PUT /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
PATCH /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}
PATCH /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}
PATCH /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
GET /emsp/2.1.1/cdrs/{cdr_id}
POST /emsp/2.1.1/cdrs
GET /emsp/2.1.1/sessions/{country_code}/{party_id}/{session_id}
PUT /emsp/2.1.1/sessions/{country_code}/{party_id}/{session_id}
PATCH /emsp/2.1.1/sessions/{country_code}/{party_id}/{session_id}
GET /emsp/2.1.1/tokens
POST /emsp/2.1.1/tokens/{token_uid}/authorize
GET /emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}
PUT /emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}
PATCH /emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}
DELETE /emsp/2.1.1/tariffs/{country_code}/{party_id}/{tariff_id}
POST /emsp/2.1.1/commands/{uid}
`

func TestTheDocumentHasAllOfTheReference(t *testing.T) {
	server, d := complete(t)
	if d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != server.URL {
		t.Errorf("OpenAPI %s of %v", d.OpenAPI, d.Servers)
	}
	has := d.operations()
	want := strings.Split(strings.TrimSpace(referenceOperations), "\n")
	if len(want) != 42 {
		t.Fatalf("the test knows %d operations", len(want))
	}
	for _, operation := range want {
		if !slices.Contains(has, operation) {
			t.Errorf("it lacks %s", operation)
		}
	}
}

// parameter is a name in a path.
var parameter = regexp.MustCompile(`\{[^}]+\}`)

// What is served is in the document, whatever of it there is.
func TestWhatIsServedIsDescribed(t *testing.T) {
	full := func() (*ocpiserver.CPO, *ocpiserver.EMSP) {
		return new(ocpitest.CPO).Backend(), new(ocpitest.EMSP).Backend()
	}
	cpo, emsp := full()
	for _, tt := range []struct {
		name   string
		config ocpiserver.Config
	}{
		{"both roles", ocpiserver.Config{CPO: cpo, EMSP: emsp}},
		{"a CPO", ocpiserver.Config{CPO: cpo}},
		{"an eMSP", ocpiserver.Config{EMSP: emsp}},
		{"a CPO with one module", ocpiserver.Config{CPO: &ocpiserver.CPO{Tariffs: cpo.Tariffs}, OpenData: true}},
		{"an eMSP with one module", ocpiserver.Config{EMSP: &ocpiserver.EMSP{CDRs: emsp.CDRs}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.BaseURL, tt.config.Partners = "https://ocpi.example.com/ocpi", new(ocpitest.Partners)
			tt.config.Credentials, tt.config.Versions = &ocpitest.Credentials{}, []ocpi.Version{ocpi.V211}
			server, err := ocpiserver.New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			var d description
			if err := json.Unmarshal(server.Document(ocpi.V211), &d, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			served := server.Served()
			slices.Sort(served)
			if has := d.operations(); !slices.Equal(has, served) {
				t.Errorf("described:\n%s\nserved:\n%s", strings.Join(has, "\n"), strings.Join(served, "\n"))
			}
		})
	}
}

// What the document has is served: each of its paths says by the header Allow which methods there are.
func TestDocumentAndServerAgreeOverHTTP(t *testing.T) {
	server := describedServer(t, ocpiserver.Config{})
	d := describe(t, server.URL+"/2.1.1/openapi.json")
	for path, item := range d.Paths {
		var described []string
		for method := range item {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method))
			}
		}
		url := server.URL + strings.NewReplacer("{country_code}", "BE", "{party_id}", "TST").Replace(path)
		response, body := fetch(t, "BREW", parameter.ReplaceAllString(url, "X"), server.Token)
		served := strings.Split(response.Header.Get("Allow"), ", ")
		slices.Sort(described)
		slices.Sort(served)
		if response.StatusCode != http.StatusMethodNotAllowed || !slices.Equal(described, served) {
			t.Errorf("%s: described %v, served %v: HTTP %d %s", path, described, served, response.StatusCode, body)
		}
	}
}

func TestDocumentsNeedNoTokenAndCanBeLeftOut(t *testing.T) {
	server := describedServer(t, ocpiserver.Config{})
	response, body := fetch(t, http.MethodGet, server.URL+"/openapi.json", "")
	again, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/openapi.json", http.NoBody)
	again.Header.Set("If-None-Match", response.Header.Get("ETag"))
	same, err := http.DefaultClient.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	_ = same.Body.Close()
	head, _ := fetch(t, http.MethodHead, server.URL+"/openapi.json", "")
	if response.StatusCode != 200 || same.StatusCode != 304 || head.ContentLength != int64(len(body)) {
		t.Errorf("HTTP %d, again %d, %d bytes instead of %d", response.StatusCode, same.StatusCode, head.ContentLength, len(body))
	}
	if response, body := fetch(t, http.MethodPost, server.URL+"/openapi.json", server.Token); response.StatusCode != 404 || !strings.Contains(string(body), `"status_code"`) {
		t.Errorf("POST: HTTP %d %s", response.StatusCode, body)
	}
	if response, _ := fetch(t, http.MethodGet, server.URL+"/docs/", server.Token); response.StatusCode != 404 {
		t.Errorf("docs that are not there: HTTP %d", response.StatusCode)
	}
	without := describedServer(t, ocpiserver.Config{NoOpenAPI: true})
	for _, path := range []string{"/openapi.json", "/2.1.1/openapi.json"} {
		if response, _ := fetch(t, http.MethodGet, without.URL+path, without.Token); response.StatusCode != 404 {
			t.Errorf("%s: HTTP %d", path, response.StatusCode)
		}
	}
}

func TestDocsAreShownToPeople(t *testing.T) {
	server := describedServer(t, ocpiserver.Config{Docs: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "at "+r.URL.Path)
	})})
	for path, want := range map[string]string{"/docs/": "at /", "/docs/a/b.css": "at /a/b.css"} {
		if response, body := fetch(t, http.MethodGet, server.URL+path, ""); response.StatusCode != 200 || string(body) != want {
			t.Errorf("%s: HTTP %d %q", path, response.StatusCode, body)
		}
	}
	if response, _ := fetch(t, http.MethodGet, server.URL+"/docs", ""); response.StatusCode != 302 || response.Header.Get("Location") != "/ocpi/docs/" {
		t.Errorf("HTTP %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	if response, _ := fetch(t, http.MethodGet, server.URL+"/docsx", server.Token); response.StatusCode != 404 {
		t.Errorf("HTTP %d", response.StatusCode)
	}
}
