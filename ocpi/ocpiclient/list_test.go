package ocpiclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// TF-17: objects that cannot be used do not cost the others.
func TestGoodObjectsAreSaved(t *testing.T) {
	bad := `{"id":"BAD","currency":"EUR","elements":7,"last_updated":"never"}`
	page := `[` + strings.Join([]string{tariff("A"), bad, tariff("B"), `"nonsense"`, `null`, `{"id":4711}`, tariff("C")}, ",") + `]`
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			w.Header().Set("Link", `<?p=1>; rel="next"`)
			ok(w, page)
			return
		}
		ok(w, `[`+bad+`,`+tariff("D")+`]`)
	})
	var got []string
	for tariff, err := range partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}) {
		var problem *ocpiclient.ObjectError
		switch {
		case errors.As(err, &problem):
			got = append(got, fmt.Sprint("bad ", problem.Index, " ", problem.ID))
			if len(problem.Findings) == 0 || problem.Object != "Tariff" {
				t.Errorf("%+v", problem)
			}
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(tariff.ID))
		}
	}
	want := []string{"A", "bad 1 BAD", "B", "bad 3 ", "bad 4 ", "bad 5 4711", "C", "bad 0 BAD", "D"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var problems []string
	for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Problems {
			problems = append(problems, p.Error())
		}
	}
	if want := "Tariff BAD (element 1 of the page) cannot be used: /elements"; len(problems) != 5 || !strings.HasPrefix(problems[0], want) {
		t.Errorf("got %q, want %q", problems, want)
	}
}

// Requirements TF-46, TF-47, DT-27: an object of a list that says it is somebody else's is not taken for the partner's.
func TestAnObjectOfAnotherPartyIsNoneOfTheList(t *testing.T) {
	claiming := func(id, owner string) string { return `{` + owner + `,` + strings.TrimPrefix(tariff(id), `{`) }
	page := `[` + strings.Join([]string{
		tariff("A"), claiming("B", `"country_code":"FR","party_id":"EVL"`), claiming("C", `"party_id":"EVL"`),
		claiming("D", `"country_code":"nl","party_id":"gpe"`),
	}, ",") + `]`
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) { ok(w, page) })
	var got []string
	for tariff, err := range partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}) {
		if problem, is := errors.AsType[*ocpiclient.ObjectError](err); is {
			got = append(got, "bad "+problem.ID)
		} else if err != nil {
			t.Fatal(err)
		} else {
			got = append(got, string(tariff.ID))
		}
	}
	if diff := cmp.Diff([]string{"A", "bad B", "bad C", "D"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A page that cannot be read ends the list, after what came before.
func TestABrokenPageEndsTheList(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"cut off":        func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":[`+tariff("C")+`,{"id":`) },
		"no list":        func(w http.ResponseWriter) { ok(w, `"none"`) },
		"an OCPI error":  func(w http.ResponseWriter) { fails(w, 200, 2002, "no") },
		"unauthorized":   func(w http.ResponseWriter) { fails(w, 401, 2000, "no") },
		"no envelope":    func(w http.ResponseWriter) { fmt.Fprint(w, tariffs(0, 1)) },
		"something else": func(w http.ResponseWriter) { fmt.Fprint(w, `<html>`) },
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery == "" {
					w.Header().Set("Link", `<?p=1>; rel="next"`)
					ok(w, tariffs(0, 2))
					return
				}
				answer(w)
			})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			var failed *ocpiclient.Error
			if len(got) != 2 || !errors.As(err, &failed) {
				t.Errorf("%d objects and %v", len(got), err)
			}
		})
	}
}

// What partners send for an empty list, or a list of one.
func TestListsThatAreNone(t *testing.T) {
	for body, want := range map[string]int{
		`{"data":[],"status_code":1000}`:                    0,
		`{"data":null,"status_code":1000}`:                  0,
		`{"status_code":1000}`:                              0,
		`{"data":` + tariff("A") + `,"status_code":1000}`:   1,
		`{"data":[` + tariff("A") + `],"status_code":1000}`: 1,
	} {
		partner := answers(t, ocpiclient.Config{}, body)
		if got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID); len(got) != want || err != nil {
			t.Errorf("%s: %v, %v", body, got, err)
		}
		strict := answers(t, ocpiclient.Config{Partner: &ocpi.Partner{Quirks: "standard"}}, body)
		_, err := ids(strict.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
		if (err == nil) != strings.HasPrefix(body, `{"data":[`) {
			t.Errorf("strictly, %s: %v", body, err)
		}
	}
}

// TF-31, SES-02: the window in whole seconds that holds the one asked for; sessions are always asked for since when.
func TestQueries(t *testing.T) {
	var asked []string
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Encode())
		ok(w, "[]")
	})
	q := ocpi.Query{
		DateFrom: time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.FixedZone("", 3600)), DateTo: time.Date(2026, 1, 2, 0, 0, 0, 1, time.UTC), Offset: 3, Limit: 4,
	}
	ctx, cpo := t.Context(), partner.client.CPO()
	all(t, cpo.Tariffs.List(ctx, q))
	all(t, cpo.Tariffs.List(ctx, ocpi.Query{DateTo: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}))
	all(t, cpo.Sessions.List(ctx, ocpi.Query{}))
	all(t, cpo.CDRs.List(ctx, ocpi.Query{}))
	want := []string{
		"date_from=2025-12-31T23%3A00%3A00Z&date_to=2026-01-02T00%3A00%3A01Z&limit=4&offset=3",
		"date_to=2026-01-02T00%3A00%3A00Z",
		"date_from=1970-01-01T00%3A00%3A00Z",
		"",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

// All pages of a list are one piece of work.
func TestAListHasOneCorrelationID(t *testing.T) {
	partner := serve(t, &lister{n: 6, size: 2}, ocpiclient.Config{})
	all(t, partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}))
	correlations, requests := map[string]bool{}, map[string]bool{}
	for _, x := range partner.exchanges.taken() {
		correlations[x.CorrelationID], requests[x.RequestID] = true, true
	}
	if len(correlations) != 1 || correlations[""] || len(requests) != 3 {
		t.Errorf("%d correlation ids and %d request ids, want 1 and 3", len(correlations), len(requests))
	}
}

// Nobody but the endpoint's host gets the token, whatever a Link, a cursor or a Location says.
func TestTheTokenStaysWithThePartner(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", `<`+other.URL+`/tariffs>; rel="next"`)
		w.Header().Set("Location", other.URL+"/cdrs/1")
		ok(w, tariffs(0, 2))
	})
	for _, quirks := range []string{"", "standard"} {
		client := newClient(t, ocpiclient.Config{Endpoints: endpoints(partner.URL), Partner: &ocpi.Partner{Quirks: quirks}})
		for range client.CPO().Tariffs.List(t.Context(), ocpi.Query{}) {
		}
	}
	for _, err := range partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{Cursor: other.URL}) {
		if !errors.Is(err, ocpiclient.ErrOtherHost) {
			t.Errorf("a cursor to another host: %v, want ErrOtherHost", err)
		}
	}
	location, err := partner.client.EMSP().CDRs.Post(t.Context(), ocpitest.Network(ours).CDR(1))
	if err != nil || location != other.URL+"/cdrs/1" {
		t.Errorf("the CDR is at %q, %v; want the URL as it was given", location, err)
	}
	if x := partner.exchanges.taken(); len(x[len(x)-1].Findings) != 1 {
		t.Errorf("the Location elsewhere is not reported: %v", x[len(x)-1].Findings)
	}
	if _, err := partner.client.EMSP().CDRs.Get(t.Context(), location); !errors.Is(err, ocpiclient.ErrOtherHost) {
		t.Errorf("a CDR on another host: %v, want ErrOtherHost", err)
	}
	if err := partner.client.EMSP().CommandResult(t.Context(), other.URL, result()); !errors.Is(err, ocpiclient.ErrOtherHost) {
		t.Errorf("a response_url on another host: %v, want ErrOtherHost", err)
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("the other host was called %d times", n)
	}
}

// CDR-05: a Location may be relative, or missing.
func TestCDRLocations(t *testing.T) {
	for location, want := range map[string]string{
		"/ocpi/emsp/2.1.1/cdrs/1": "BASE/ocpi/emsp/2.1.1/cdrs/1",
		"cdrs/1":                  "BASE/ocpi/emsp/2.1.1/cdrs/1",
		"":                        "",
		"http://[::1":             "",
	} {
		partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(201)
			ok(w, "null")
		})
		got, err := partner.client.EMSP().CDRs.Post(t.Context(), ocpitest.Network(ours).CDR(1))
		if want = strings.Replace(want, "BASE", partner.URL, 1); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", location, got, err, want)
		}
	}
}

// A caller who gives up during a list gets that as its error.
func TestAListIsCancelled(t *testing.T) {
	partner := serve(t, &lister{n: 100, size: 2}, ocpiclient.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var err error
	for _, err = range partner.client.CPO().Tariffs.List(ctx, ocpi.Query{}) {
		if n++; n == 4 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || n != 5 {
		t.Errorf("after %d: %v", n, err)
	}
}
