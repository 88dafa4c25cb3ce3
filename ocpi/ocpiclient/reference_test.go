package ocpiclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A reference answers as the Python packages py-ocpi and extrawest_ocpi do: single objects in a list, errors of a
// framework, Links with names of its enums in them, https whatever it is served by, and a redirect to the other slash.
type reference struct {
	tokens []string
	put    map[string]string
}

func (p *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	detail := func(code int, text string) { w.WriteHeader(code); fmt.Fprintf(w, `{"detail":%q}`, text) }
	path, list := r.URL.Path, false
	for _, module := range []string{"locations", "tariffs", "tokens", "sessions", "cdrs", "credentials"} {
		list = list || strings.HasSuffix(path, "/"+module) || strings.HasSuffix(path, "/"+module+"/")
	}
	switch {
	case r.Header.Get("Authorization") != "Token "+token:
		detail(403, "Your authorization token is invalid.")
	case strings.Contains(path, "VersionNumber"):
		detail(404, "Not Found")
	case list != strings.HasSuffix(path, "/") && strings.Contains(path, "/2.1.1/") && path != "/ocpi/2.1.1/details":
		other := strings.TrimSuffix(path, "/")
		if list {
			other = path + "/"
		}
		w.Header().Set("Location", "http://"+r.Host+other)
		w.WriteHeader(307)
	case path == "/ocpi/2.1.1/details":
		ok(w, fmt.Sprintf(`{"version":"2.1.1","endpoints":[{"identifier":"credentials","url":"http://%[1]s/ocpi/cpo/2.1.1/credentials/"},`+
			`{"identifier":"locations","url":"http://%[1]s/ocpi/cpo/2.1.1/locations/"},{"identifier":"tokens","url":"http://%[1]s/ocpi/cpo/2.1.1/tokens"},`+
			`{"identifier":"credentials","url":"http://%[1]s/ocpi/emsp/2.1.1/credentials/"},{"identifier":"locations","url":"http://%[1]s/ocpi/emsp/2.1.1/locations/"},`+
			`{"identifier":"cdrs","url":"http://%[1]s/ocpi/emsp/2.1.1/cdrs"},`+
			`{"identifier":"tokens","url":"http://%[1]s/ocpi/emsp/2.1.1/tokens/"},{"identifier":"commands","url":"http://%[1]s/ocpi/cpo/2.1.1/commands/"}]}`, r.Host))
	case path == "/ocpi/emsp/2.1.1/tokens/":
		p.list(w, r)
	case strings.HasSuffix(path, "/authorize") && r.URL.Query().Get("token_type") == "":
		detail(422, "token_type")
	case strings.HasSuffix(path, "/authorize"):
		ok(w, `[{"allowed":"ALLOWED","location":null,"info":null}]`)
	case strings.Contains(path, "/commands/"):
		ok(w, `[{"result":"ACCEPTED"}]`)
	case path == "/ocpi/emsp/2.1.1/cdrs/" && r.Method == http.MethodPost:
		w.Header().Set("Location", "https://"+r.Host+"/ocpi/emsp/VersionNumber.v_2_1_1/ModuleID.cdrs/cdr1")
		p.keep(w, r)
	case r.Method == http.MethodPut, r.Method == http.MethodPatch:
		p.keep(w, r)
	case path == "/ocpi/cpo/2.1.1/tokens/BE/TST/"+"CARD":
		ok(w, "["+p.tokens[0]+"]")
	default:
		detail(404, "Object not found.")
	}
}

func (p *reference) keep(w http.ResponseWriter, r *http.Request) {
	body := bodyOf(r)
	p.put[r.Method+" "+r.URL.Path] = body
	ok(w, "["+body+"]")
}

func (p *reference) list(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		limit = 2
	}
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	end := min(offset+limit, len(p.tokens))
	link := ""
	if end < len(p.tokens) {
		link = fmt.Sprintf(`<https://%s/ocpi/cpo/VersionNumber.v_2_1_1/ModuleID.tokens/?date_from=None&date_to=None&offset=%d&limit=%d>; rel="next"`, r.Host, end, limit)
	}
	w.Header().Set("Link", link)
	w.Header().Set("X-Total-Count", strconv.Itoa(len(p.tokens)))
	w.Header().Set("X-Limit", strconv.Itoa(limit))
	ok(w, "["+strings.Join(p.tokens[min(offset, end):end], ",")+"]")
}

// The reference as a partner in both roles, with its profile.
func TestTheReference(t *testing.T) {
	p := &reference{put: map[string]string{}}
	for i := range 5 {
		p.tokens = append(p.tokens, fmt.Sprintf(`{"uid":"CARD%d","type":"RFID","auth_id":"NL-GPE-%d","visual_number":null,"issuer":"GPE","valid":true,"whitelist":"ALWAYS","language":null,"last_updated":"2026-03-04T12:00:00Z"}`, i, i))
	}
	config := ocpiclient.Config{
		Partner: &ocpi.Partner{ID: "them", Quirks: "ocpi-python", Roles: both(theirs)}, Endpoints: []ocpi.Endpoint{{}}, OwnRole: ocpi.RoleCPO,
	}
	finder := newAwkward(t, config, p.ServeHTTP)
	details, err := finder.client.Details(t.Context(), finder.URL+"/ocpi/2.1.1/details")
	if err != nil {
		t.Fatal(err)
	}
	config.Endpoints = details.Endpoints
	partner := awkwardAt(t, config, finder.Server)
	ctx, sample, cpo, emsp := t.Context(), ocpitest.Network(ours), partner.client.CPO(), partner.client.EMSP()

	t.Run("its list comes whole", func(t *testing.T) {
		got, err := ids(emsp.Tokens.List(ctx, ocpi.Query{}), func(t v230.Token) ocpi.CiString { return t.UID })
		if diff := cmp.Diff([]string{"CARD0", "CARD1", "CARD2", "CARD3", "CARD4"}, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
	t.Run("single objects come in a list", func(t *testing.T) {
		if token, err := cpo.Tokens.Get(ctx, ocpi.Key{ID: "CARD"}); err != nil || token.UID != "CARD0" {
			t.Errorf("got %+v, %v", token, err)
		}
		info, err := emsp.Tokens.Authorize(ctx, ocpiclient.AuthorizeRequest{TokenUID: "CARD0"})
		if err != nil || info.Allowed != v230.AllowedTypeAllowed {
			t.Errorf("got %+v, %v", info, err)
		}
		response, err := cpo.Commands.StopSession(ctx, sample.StopSession("https://tst.example.com/1"))
		if err != nil || response.Result != v230.CommandResponseTypeAccepted {
			t.Errorf("got %+v, %v", response, err)
		}
	})
	t.Run("what is sent is what it takes", func(t *testing.T) {
		before, after := sample.Location(1), sample.Location(1)
		if _, err := emsp.Locations.Put(ctx, before); err != nil {
			t.Fatal(err)
		}
		after.Name = new("New")
		if err := emsp.Locations.Patch(ctx, before, after); err != nil {
			t.Fatal(err)
		}
		url, err := emsp.CDRs.Post(ctx, sample.CDR(1))
		if err != nil || !strings.HasSuffix(url, "/ocpi/emsp/2.1.1/cdrs/CDR1") {
			t.Errorf("the CDR is at %q, %v", url, err)
		}
		if !strings.Contains(p.put["POST /ocpi/emsp/2.1.1/cdrs/"], `"end_date_time"`) {
			t.Errorf("the CDR has no end_date_time: %s", p.put["POST /ocpi/emsp/2.1.1/cdrs/"])
		}
		if want := `{"last_updated":"2026-03-03T20:36:00Z","name":"New"}`; p.put["PATCH /ocpi/emsp/2.1.1/locations/BE/TST/LOC1"] != want {
			t.Errorf("the PATCH was %v", p.put)
		}
	})
	t.Run("what it does not have is not found", func(t *testing.T) {
		_, err := cpo.Locations.Get(ctx, "NONE")
		if !errors.Is(err, ocpi.ErrNotFound) || !strings.HasSuffix(err.Error(), " answered HTTP 404: Object not found.") {
			t.Errorf("got %v", err)
		}
	})
	counted := strings.Fields(partner.exchanges.quirks())
	slices.Sort(counted)
	want := []string{
		"created-as-200", "empty-link-header", "expect-end-date-time", "foreign-error-body", "link-unusable", "link-wrong-host",
		"redirect-missing-slash", "wrapped-object",
	}
	for _, name := range want {
		if !slices.Contains(counted, name) {
			t.Errorf("%s was not counted, but %v", name, slices.Compact(counted))
		}
	}
}
