package event

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func TestAClientChoosesWhatItHears(t *testing.T) {
	db := open(t)
	for i, e := range []store.Event{
		{Type: "location.changed", Partner: "a", Module: ocpi.ModuleLocations},
		{Type: "location.created", Partner: "b", Module: ocpi.ModuleLocations},
		{Type: "cdr.created", Partner: "b", Module: ocpi.ModuleCDRs},
		{Type: "partner.changed", Partner: "c"},
		{Type: "cdr.created", Module: ocpi.ModuleCDRs},
	} {
		e.Subject, e.Data = "x/"+strconv.Itoa(i), []byte(`{}`)
		emit(t, db, e)
	}
	emit(t, db, store.Event{Type: "command.finished", Partner: "b", Module: ocpi.ModuleCDRs, Subject: "x/end", Data: []byte(`{}`)})
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	for query, want := range map[string][]string{
		"type=location.*,command.*":              {"0", "1", "end"},
		"type=cdr.created&type=command.finished": {"2", "4", "end"},
		"type=*":                                 {"0", "1", "2", "3", "4", "end"},
		"partner=b":                              {"1", "2", "end"},
		"partner=a,c&partner=b":                  {"0", "1", "2", "3", "end"},
		"module=cdrs":                            {"2", "4", "end"},
		"module=cdrs&partner=b&type=cdr.*, command.fin*":            {"2", "end"},
		"module=cdrs,locations&partner=b&type=location.*,command.*": {"1", "end"},
	} {
		t.Run(query, func(t *testing.T) {
			full := url + "/?after=0&" + strings.ReplaceAll(query, " ", "%20")
			if diff := cmp.Diff(want, listen(t, full, "").subjects(len(want))); diff != "" {
				t.Errorf("heard (-want +got): %s", diff)
			}
		})
	}
}

func TestBadInputIsToldWithItsParameter(t *testing.T) {
	e := New(Config{Store: open(t)})
	for name, test := range map[string]struct {
		query, header string
		want          []string
	}{
		"a number that is none":             {"after=x", "", []string{"query.after"}},
		"a negative number":                 {"after=-1", "", []string{"query.after"}},
		"a number too large":                {"after=9223372036854775808", "", []string{"query.after"}},
		"two numbers":                       {"after=1&after=2", "", []string{"query.after"}},
		"a last event that is none":         {"", "abc", []string{"header.Last-Event-ID"}},
		"a type there is not":               {"type=location.chnaged", "", []string{"query.type[0]"}},
		"a star in the middle":              {"type=cdr.*,*.created", "", []string{"query.type[1]"}},
		"an empty type":                     {"type=", "", []string{"query.type[0]"}},
		"a module there is not":             {"module=locations,parking", "", []string{"query.module[1]"}},
		"a partner with control characters": {"partner=a%0Ab", "", []string{"query.partner[0]"}},
		"a parameter there is not":          {"types=cdr.*", "", []string{"query.types"}},
		"a query that cannot be read":       {"a=%zz", "", []string{"query"}},
		"too many types":                    {"type=" + strings.Repeat("*,", 100) + "*", "", []string{"query.type"}},
		"two mistakes":                      {"module=x&after=y", "", []string{"query.after", "query.module[0]"}},
	} {
		for _, handler := range []http.Handler{e.Stream(), e.Socket()} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+test.query, nil)
			if test.header != "" {
				r.Header.Set("Last-Event-ID", test.header)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnprocessableEntity || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s: %v", name, w.Code, w.Body, err)
			}
			var got []string
			for _, d := range p.Problems {
				got = append(got, d.Parameter)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: parameters (-want +got): %s", name, diff)
			}
		}
	}
}

func TestFilterTypesAreThoseListed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Types() {
		if seen[k.Type] || k.Meaning == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Type] = true
	}
	for kind, want := range map[string]bool{"cdr.created": true, "cdr.*": true, "*": true, "cdr": false, "cdrs.*": false} {
		if knownType(kind) != want {
			t.Errorf("%s is known: %t", kind, !want)
		}
	}
}

// It has the members of all problems of the API.
func TestAProblemOfTheStreamLooksLikeThoseOfTheRestOfTheAPI(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-ID", "r-1")
	New(Config{Store: open(t)}).Stream().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?module=x", nil))
	want := `{"title":"Unprocessable Entity","status":422,"detail":"the parameters are not valid","request_id":"r-1",` +
		`"problems":[{"pointer":"","parameter":"query.module[0]","code":"enum","message":"is no module that events are about"}]}`
	if got := w.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzReadQuery(f *testing.F) {
	for _, seed := range [][2]string{{"type=cdr.*&after=5", "7"}, {"module=cdrs,tokens&partner=a", "lost-9"}, {"after=%zz", "-1"}, {"a/b~c=1", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, query, last string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Last-Event-ID", last)
		want, from, err := readQuery(r)
		if err != nil {
			bad, ok := errors.AsType[*Invalid](err)
			if !ok || len(bad.Findings) == 0 {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			writeProblem(w, http.StatusUnprocessableEntity, bad.Error(), bad.Findings)
			if w.Code != http.StatusUnprocessableEntity || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			return
		}
		if from.after < 0 || from.now && from.after != 0 || len(want.Types) > mostInFilter {
			t.Errorf("%+v %+v", want, from)
		}
	})
}
