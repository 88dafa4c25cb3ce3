package ocpiclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A lister serves a list of tariffs in pages, and can be told to do it badly.
type lister struct {
	n, size int
	// link writes the Link header for the next offset; nil for the right one. It is not called on the last page.
	link func(r *http.Request, next int) []string
	// last is the Link header of the last page.
	last []string
	// refuse answers requests that are not taken.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	// noTotal and noLimit leave out those headers; total is said instead of n.
	noTotal, noLimit bool
	total            func(offset int) int

	asked []string
}

func (l *lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked = append(l.asked, r.URL.RequestURI())
	if l.refuse != nil && l.refuse(w, r) {
		return
	}
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	size := l.size
	if asked, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil {
		size = min(size, asked)
	}
	end := min(offset+size, l.n)
	switch {
	case end >= l.n && l.last != nil:
		w.Header()["Link"] = l.last
	case end < l.n && l.link != nil:
		w.Header()["Link"] = l.link(r, end)
	case end < l.n:
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?offset=%d&limit=%d>; rel="next"`, r.Host, r.URL.Path, end, size))
	}
	if !l.noTotal {
		total := l.n
		if l.total != nil {
			total = l.total(offset)
		}
		w.Header().Set("X-Total-Count", strconv.Itoa(total))
	}
	if !l.noLimit {
		w.Header().Set("X-Limit", strconv.Itoa(l.size))
	}
	ok(w, tariffs(offset, max(0, end-offset)))
}

// serve starts a partner with the list.
func serve(t *testing.T, l *lister, config ocpiclient.Config) awkward {
	t.Helper()
	return newAwkward(t, config, l.ServeHTTP)
}

// ids are the ids of a list, and the error that ended it.
func ids[T any](list func(func(T, error) bool), id func(T) ocpi.CiString) (got []string, err error) {
	for object, problem := range list {
		if problem != nil {
			err = problem
			continue
		}
		got = append(got, string(id(object)))
	}
	return got, err
}

func tariffID(t v230.Tariff) ocpi.CiString { return t.ID }

func upTo(n int) []string {
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("T", i))
	}
	return want
}

// TF-28: Links are followed as they are given, however they are written.
func TestLinksAreFollowed(t *testing.T) {
	url := func(r *http.Request, next int) string {
		return fmt.Sprintf("http://%s%s?offset=%d&limit=2", r.Host, r.URL.Path, next)
	}
	link := func(format string) func(*http.Request, int) []string {
		return func(r *http.Request, next int) []string { return []string{fmt.Sprintf(format, url(r, next))} }
	}
	for name, c := range map[string]struct {
		link   func(*http.Request, int) []string
		quirks string
	}{
		"as it should be":   {nil, ""},
		"without a blank":   {link(`<%s>;rel="next"`), ""},
		"other letters":     {link(`<%s>; REL="Next"`), ""},
		"more parameters":   {link(`<%s>; title="a; b, <c>"; rel="next"; type=json`), ""},
		"several relations": {link(`<%s>; rel="item next"`), ""},
		"several links":     {link(`<http://example.com/?a,b>; rel="prev", <%s>; rel="next", <http://example.com/>; rel="last"`), ""},
		"several headers": {func(r *http.Request, next int) []string {
			return []string{`<http://example.com/>; rel="prev"`, `<` + url(r, next) + `>; rel="next"`}
		}, ""},
		"no quotes":           {link(`<%s>; rel=next`), "link-curly-quotes"},
		"curly quotes":        {link(`<%s>; rel=“next”`), "link-curly-quotes"},
		"curly quotes of old": {link("<%s>; rel=\x93next\x94"), "link-curly-quotes"},
		"single quotes":       {link(`<%s>; rel='next'`), "link-curly-quotes"},
		"no relation":         {link(`<%s>`), "link-curly-quotes"},
		"relative to the host": {func(r *http.Request, next int) []string {
			return []string{fmt.Sprintf(`<%s?offset=%d&limit=2>; rel="next"`, r.URL.Path, next)}
		}, ""},
		"a query alone": {func(_ *http.Request, next int) []string {
			return []string{fmt.Sprintf(`<?offset=%d&limit=2>; rel="next"`, next)}
		}, ""},
		"blanks in the dates": {link(`<%s&date_from=2026-01-01 00:00:00>; rel="next"`), ""},
		"another scheme": {func(r *http.Request, next int) []string {
			return []string{`<https` + strings.TrimPrefix(url(r, next), "http") + `>; rel="next"`}
		}, "link-wrong-host"},
		"another host": {func(r *http.Request, next int) []string {
			return []string{`<http://10.0.0.7:81` + strings.TrimPrefix(url(r, next), "http://"+r.Host) + `>; rel="next"`}
		}, "link-wrong-host"},
		"a user": {func(r *http.Request, next int) []string {
			return []string{`<http://a:b@` + strings.TrimPrefix(url(r, next), "http://") + `>; rel="next"`}
		}, "link-wrong-host"},
		"without brackets":    {link(`%s; rel="next"`), "link-unusable"},
		"without an end":      {link(`<%s; rel="next"`), "link-unusable"},
		"no URL":              {func(*http.Request, int) []string { return []string{`<http://[::1>; rel="next"`} }, "link-unusable"},
		"nothing in brackets": {func(*http.Request, int) []string { return []string{`<>; rel="next"`} }, "link-unusable"},
		"nonsense":            {func(*http.Request, int) []string { return []string{`next page please`} }, "link-unusable"},
		"enum names in it, 404": {func(_ *http.Request, next int) []string {
			return []string{fmt.Sprintf(`</ocpi/VersionNumber.v_2_1_1/tariffs?offset=%d>; rel="next"`, next)}
		}, "link-unusable"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lister{n: 7, size: 2, link: c.link, refuse: func(w http.ResponseWriter, r *http.Request) bool {
				wrong := r.URL.Path != "/ocpi/cpo/2.1.1/tariffs"
				if wrong {
					fails(w, 404, 2000, "nothing there")
				}
				return wrong
			}}
			partner := serve(t, l, ocpiclient.Config{})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if diff := cmp.Diff(upTo(7), got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			counted := strings.Fields(partner.exchanges.quirks())
			slices.Sort(counted)
			if got := strings.Join(slices.Compact(counted), " "); got != c.quirks {
				t.Errorf("%q was counted, want %q", got, c.quirks)
			}
		})
	}
}

// With the profile standard, what is not as it should be is an error, after the objects that came before.
func TestStrictLinks(t *testing.T) {
	for name, c := range map[string]struct {
		link string
		want error
	}{
		"another host": {`<http://10.0.0.7/tariffs?offset=2>; rel="next"`, ocpiclient.ErrOtherHost},
		"curly quotes": {`</ocpi/cpo/2.1.1/tariffs?offset=2>; rel=“next”`, nil},
		"nonsense":     {`next`, nil},
		"404":          {`</elsewhere>; rel="next"`, ocpi.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lister{n: 7, size: 2, link: func(*http.Request, int) []string { return []string{c.link} }}
			l.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/elsewhere" {
					w.WriteHeader(404)
				}
				return r.URL.Path == "/elsewhere"
			}
			partner := serve(t, l, ocpiclient.Config{Partner: &ocpi.Partner{Quirks: "standard", Roles: both(theirs)}})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if len(got) != 2 || err == nil || c.want != nil && !errors.Is(err, c.want) || partner.exchanges.quirks() != "" {
				t.Errorf("%d objects, %v, quirks %s; want an error", len(got), err, partner.exchanges.quirks())
			}
		})
	}
}

// The end of a list.
func TestTheLastPage(t *testing.T) {
	for name, c := range map[string]struct {
		last   []string
		quirks string
	}{
		"no Link":             {nil, ""},
		"an empty Link":       {[]string{""}, "empty-link-header"},
		"a Link of blanks":    {[]string{"  "}, "empty-link-header"},
		"a Link to the first": {[]string{`<http://example.com/>; rel="first", <http://example.com/>; rel="prev"`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lister{n: 5, size: 2, last: c.last}
			partner := serve(t, l, ocpiclient.Config{})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if len(got) != 5 || err != nil || len(l.asked) != 3 || partner.exchanges.quirks() != c.quirks {
				t.Errorf("%d objects in %d pages, %v, quirks %q", len(got), len(l.asked), err, partner.exchanges.quirks())
			}
		})
	}
}

// Where Links are of no use, objects are counted (TF-28): a short page is not the end while a Link or the total says more.
func TestPagesByOffset(t *testing.T) {
	broken := func(*http.Request, int) []string { return []string{"broken"} }
	linkTo := func(path string) func(*http.Request, int) []string {
		return func(_ *http.Request, next int) []string {
			return []string{fmt.Sprintf(`<%s?offset=%d>; rel="next"`, path, next)}
		}
	}
	for name, c := range map[string]struct {
		lister lister
		q      ocpi.Query
		want   []string
	}{
		"by the total": {
			lister{n: 5, size: 2, link: broken}, ocpi.Query{},
			[]string{"", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"with the limit that was asked for": {
			lister{n: 5, size: 3, link: broken, noLimit: true}, ocpi.Query{Limit: 2},
			[]string{"limit=2", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"with the limit that was asked for, and not the most that there could be": {
			lister{n: 5, size: 50, link: broken}, ocpi.Query{Limit: 2},
			[]string{"limit=2", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"without any header, until the Link ends": {
			lister{n: 5, size: 2, link: broken, noLimit: true, noTotal: true}, ocpi.Query{},
			[]string{"", "offset=2", "offset=4"},
		},
		"with a total that is the page's": {
			lister{n: 5, size: 2, link: broken, total: func(int) int { return 2 }}, ocpi.Query{},
			[]string{"", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"with a total that is wrong, until the Link ends": {
			lister{n: 5, size: 2, link: linkTo("/wrong"), total: func(int) int { return 2 }}, ocpi.Query{},
			[]string{"", "WRONG offset=2", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"with a total that promises too much, until nothing comes": {
			lister{n: 5, size: 2, link: broken, total: func(int) int { return 99 }}, ocpi.Query{},
			[]string{"", "offset=2&limit=2", "offset=4&limit=2", "offset=5&limit=2"},
		},
		"with the filters": {
			lister{n: 3, size: 2, link: broken}, ocpi.Query{DateFrom: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
			[]string{"date_from=2026-01-01T00%3A00%3A00Z", "date_from=2026-01-01T00%3A00%3A00Z&offset=2&limit=2"},
		},
		"after a Link that is refused": {
			lister{n: 5, size: 2, link: linkTo("/wrong")}, ocpi.Query{},
			[]string{"", "WRONG offset=2", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"where no Link is given and the total says more": {
			lister{n: 5, size: 2, link: func(*http.Request, int) []string { return nil }}, ocpi.Query{},
			[]string{"", "offset=2&limit=2", "offset=4&limit=2"},
		},
		"from the offset on": {
			lister{n: 5, size: 2, link: broken}, ocpi.Query{Offset: 1},
			[]string{"offset=1", "offset=3&limit=2"},
		},
	} {
		for _, code := range []int{400, 404, 405, 422, 2001} {
			t.Run(fmt.Sprint(name, ", ", code), func(t *testing.T) {
				l := c.lister
				var asked []string
				l.refuse = func(w http.ResponseWriter, r *http.Request) bool {
					query := r.URL.RawQuery
					if r.URL.Path == "/wrong" {
						query = "WRONG " + query
					}
					asked = append(asked, query)
					switch {
					case r.URL.Path != "/wrong":
						return false
					case code > 1000:
						fails(w, 200, ocpi.StatusCode(code), "what?")
					default:
						w.WriteHeader(code)
					}
					return true
				}
				partner := serve(t, &l, ocpiclient.Config{})
				got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), c.q), tariffID)
				if diff := cmp.Diff(upTo(l.n)[c.q.Offset:], got); diff != "" || err != nil {
					t.Errorf("%v\n%s", err, diff)
				}
				for i, query := range asked {
					asked[i] = ordered(query)
				}
				var want []string
				for _, query := range c.want {
					want = append(want, ordered(query))
				}
				if diff := cmp.Diff(want, asked); diff != "" {
					t.Errorf("pages that were asked for (-want +got):\n%s", diff)
				}
				if !strings.Contains(partner.exchanges.quirks(), "link-unusable") {
					t.Errorf("%q was counted", partner.exchanges.quirks())
				}
			})
		}
	}
}

// A Link that has lost the dates of the request leads into another list, where the same offset is another place: what was asked
// for is asked for by its offset (requirement TF-22). A Link that names no offset says all of it in another way.
func TestALinkThatHasLostTheFilters(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		q      ocpi.Query
		link   string
		quirks string
	}{
		"no date_from":                 {ocpi.Query{DateFrom: from}, `<?offset=%d&limit=2>; rel="next"`, "link-unusable"},
		"no date_to":                   {ocpi.Query{DateFrom: from, DateTo: from.Add(time.Hour)}, `<?offset=%d&limit=2&date_from=2026-01-01T00:00:00Z>; rel="next"`, "link-unusable"},
		"the filters in another form":  {ocpi.Query{DateFrom: from}, `<?offset=%d&limit=2&date_from=2026-01-01>; rel="next"`, ""},
		"a cursor that knows of them":  {ocpi.Query{DateFrom: from}, `<?cursor=%d>; rel="next"`, ""},
		"nothing that could be missed": {ocpi.Query{}, `<?offset=%d&limit=2>; rel="next"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			filtered := lister{n: 5, size: 2, link: func(_ *http.Request, next int) []string { return []string{fmt.Sprintf(c.link, next)} }}
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				query := r.URL.Query()
				switch {
				case query.Has("cursor"):
					query.Set("offset", query.Get("cursor"))
					r.URL.RawQuery = query.Encode()
				case !c.q.DateFrom.IsZero() && !query.Has("date_from"), !c.q.DateTo.IsZero() && !query.Has("date_to"):
					ok(w, tariffs(100, 2)) // from the list of everything
					return
				}
				filtered.ServeHTTP(w, r)
			})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), c.q), tariffID)
			if diff := cmp.Diff(upTo(5), got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			if got := partner.exchanges.quirks(); got != c.quirks {
				t.Errorf("%q was counted, want %q", got, c.quirks)
			}
		})
	}
}

func ordered(query string) string {
	params := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ' ' })
	slices.Sort(params)
	return strings.Join(params, " ")
}

// A list whose total is wrong ends where nothing more comes, and says how much is missing.
func TestATotalThatPromisesTooMuch(t *testing.T) {
	again := func(offset string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("offset") != offset {
				return false
			}
			answer(w, r)
			return true
		}
	}
	same := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Total-Count", "9")
		ok(w, tariffs(0, 2))
	}
	for name, c := range map[string]struct {
		lister lister
		asked  int
	}{
		"an empty page":                   {lister{n: 2, size: 5}, 2},
		"the same page":                   {lister{n: 2, size: 5, refuse: again("2", same)}, 2},
		"the offset ignored":              {lister{n: 2, size: 5, refuse: func(_ http.ResponseWriter, r *http.Request) bool { r.URL.RawQuery = ""; return false }}, 2},
		"no such page":                    {lister{n: 2, size: 5, refuse: again("2", func(w http.ResponseWriter, _ *http.Request) { fails(w, 404, 2003, "no") })}, 2},
		"wrong parameters":                {lister{n: 2, size: 5, refuse: again("2", func(w http.ResponseWriter, _ *http.Request) { fails(w, 200, 2001, "no") })}, 2},
		"an empty page, after Links":      {lister{n: 5, size: 2}, 4},
		"an empty page, after empty Link": {lister{n: 5, size: 2, last: []string{""}}, 4},
		"an empty page, after other Link": {lister{n: 5, size: 2, last: []string{`</>; rel="first"`}}, 4},
		"an empty list":                   {lister{n: 0, size: 2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.lister
			l.total = func(int) int { return 9 }
			partner := serve(t, &l, ocpiclient.Config{})
			objects, missing := 0, 0
			for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
				if err != nil || page.Position != objects {
					t.Fatalf("a page after %d objects says %d: %v", objects, page.Position, err)
				}
				objects += len(page.Items)
				missing = page.Missing
			}
			if objects != l.n || missing != 9-l.n || len(l.asked) != c.asked {
				t.Errorf("%d objects and %d missing in %d pages: %q", objects, missing, len(l.asked), l.asked)
			}
			if strings.Contains(partner.exchanges.quirks(), "link-unusable") {
				t.Error("its Links were not the reason")
			}
		})
	}
}

// TF-28: partners lose Links. While the total says that there is more, it is asked for by its offset.
func TestALinkThatIsMissingUnderWay(t *testing.T) {
	for name, last := range map[string][]string{"none": nil, "an empty one": {""}, "another one": {`</>; rel="first"`}} {
		t.Run(name, func(t *testing.T) {
			l := &lister{n: 6, size: 2}
			l.link = func(r *http.Request, next int) []string {
				if next == 4 {
					return last
				}
				return []string{fmt.Sprintf(`<?offset=%d&limit=2>; rel="next"`, next)}
			}
			partner := serve(t, l, ocpiclient.Config{})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if diff := cmp.Diff(upTo(6), got); diff != "" || err != nil || len(l.asked) != 3 {
				t.Errorf("%v, %q\n%s", err, l.asked, diff)
			}
			if !strings.Contains(partner.exchanges.quirks(), "link-unusable") {
				t.Errorf("%q was counted", partner.exchanges.quirks())
			}
		})
	}
}

// TF-29: objects may come into a list where it was read before, as where a window of dates grows. They are not missing.
func TestAListThatGrowsWhereItWasReadIsWhole(t *testing.T) {
	list := []string{"T0", "T1", "T2", "T3"}
	pages := 0
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if pages++; pages == 2 {
			list = append([]string{"NEW"}, list...)
		}
		from := 0
		if cursor := r.URL.Query().Get("after"); cursor != "" {
			from = slices.Index(list, cursor) + 1
		}
		offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
		if err == nil {
			from = offset
		}
		end := min(from+2, len(list))
		w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
		if end < len(list) {
			w.Header().Set("Link", fmt.Sprintf(`<?after=%s>; rel="next"`, list[end-1]))
		}
		var page []string
		for _, id := range list[from:end] {
			page = append(page, tariff(id))
		}
		ok(w, "["+strings.Join(page, ",")+"]")
	})
	objects, missing := 0, 0
	for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		objects, missing = objects+len(page.Items), page.Missing
	}
	if objects != 4 || missing != 0 || strings.Contains(partner.exchanges.quirks(), "link-unusable") {
		t.Errorf("%d objects, %d missing, %s", objects, missing, partner.exchanges.quirks())
	}
}

// A partner that fails when it is asked for the rest of a list has a rest.
func TestARestThatCannotBeHadIsAnError(t *testing.T) {
	l := &lister{n: 4, size: 2, link: func(*http.Request, int) []string { return nil }, refuse: func(w http.ResponseWriter, r *http.Request) bool {
		broken := r.URL.Query().Get("offset") == "2"
		if broken {
			w.WriteHeader(http.StatusNotImplemented)
		}
		return broken
	}}
	partner := serve(t, l, ocpiclient.Config{})
	if got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID); len(got) != 2 || err == nil {
		t.Errorf("%q, %v", got, err)
	}
}

// What a page says besides its objects: when it was made, by the partner's clock, how large it is, and whether there was a
// list at all.
func TestWhatAPageSays(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	date := at.Add(time.Hour)
	for body, want := range map[string]struct {
		time   time.Time
		noList bool
	}{
		`{"data":[],"status_code":1000,"timestamp":"2026-03-02T12:00:00Z"}`:   {at, false},
		`{"data":[],"status_code":1000,"timestamp":"yesterday"}`:              {date, false},
		`{"data":[],"status_code":1000}`:                                      {date, false},
		`{"data":null,"status_code":1000,"timestamp":"2026-03-02T12:00:00Z"}`: {at, true},
		`{"status_code":1000,"timestamp":"2026-03-02T12:00:00Z"}`:             {at, true},
		"": {date, true},
	} {
		partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date.Format(http.TimeFormat))
			if body == "" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			fmt.Fprint(w, body)
		})
		for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
			if err != nil || !page.Time.Equal(want.time) || page.NoList != want.noList || page.Size != len(body) {
				t.Errorf("%s: %+v %v", body, page, err)
			}
		}
	}
}

// The offset of the next page is told where its URL names one, for those who have to go on at another place.
func TestAPageSaysAtWhichOffsetTheNextBegins(t *testing.T) {
	for link, want := range map[string]int{
		`</ocpi/cpo/2.1.1/tariffs?limit=2&offset=2>; rel="next"`: 2,
		`</ocpi/cpo/2.1.1/tariffs?offset=7&cursor=x>; rel=next`:  7,
		`</ocpi/cpo/2.1.1/tariffs?cursor=x&limit=2>; rel="next"`: 0,
		`</ocpi/cpo/2.1.1/tariffs?offset=x>; rel="next"`:         0,
		`</ocpi/cpo/2.1.1/tariffs?offset=-5>; rel="next"`:        0,
		`nonsense`: 2,
		"":         0,
	} {
		partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			if link != "" {
				w.Header().Set("Link", link)
			}
			ok(w, tariffs(0, 2))
		})
		for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{Limit: 2}) {
			if err != nil || page.NextOffset != want || (page.Next != "") != (link != "") {
				t.Errorf("%s: %d at %q: %v", link, page.NextOffset, page.Next, err)
			}
			break
		}
	}
}

// No page chain goes on for ever.
func TestEndlessPages(t *testing.T) {
	n := 0
	for name, c := range map[string]struct {
		config ocpiclient.Config
		link   func(r *http.Request) string
		data   func(r *http.Request) string
		// most is how many requests are put up with.
		most int
		want string
	}{
		"a page that leads to itself": {
			ocpiclient.Config{}, func(r *http.Request) string { return r.URL.RequestURI() }, func(*http.Request) string { return tariffs(0, 2) },
			1, "this page was there before",
		},
		"a circle of pages": {
			ocpiclient.Config{}, func(r *http.Request) string { return "?p=" + strconv.Itoa((number(r)+1)%3) },
			func(r *http.Request) string { return tariffs(number(r)*2, 2) }, 4, "this page was there before",
		},
		"the same objects under ever new URLs": {
			ocpiclient.Config{}, func(*http.Request) string { n++; return "?p=" + strconv.Itoa(n) },
			func(*http.Request) string { return tariffs(0, 2) }, 10, "pages in a row bring nothing new",
		},
		"nothing under ever new URLs": {
			ocpiclient.Config{}, func(*http.Request) string { n++; return "?p=" + strconv.Itoa(n) },
			func(*http.Request) string { return "[]" }, 600, "pages in a row bring nothing new",
		},
		"the same rubbish under ever new URLs": {
			ocpiclient.Config{}, func(*http.Request) string { n++; return "?p=" + strconv.Itoa(n) },
			func(*http.Request) string { return `[{"id":7}]` }, 10, "pages in a row bring nothing new",
		},
		"new objects for ever": {
			ocpiclient.Config{MaxPages: 20}, func(*http.Request) string { n++; return "?p=" + strconv.Itoa(n) },
			func(*http.Request) string { return tariffs(n*2, 2) }, 20, "20 pages were asked for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			partner := newAwkward(t, c.config, func(w http.ResponseWriter, r *http.Request) {
				requests++
				w.Header().Set("Link", "<"+c.link(r)+`>; rel="next"`)
				ok(w, c.data(r))
			})
			var err error
			for _, err = range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
			}
			if !errors.Is(err, ocpiclient.ErrEndless) || !strings.Contains(err.Error(), "the page chain does not end") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if requests > c.most {
				t.Errorf("%d pages were asked for, at most %d are fine", requests, c.most)
			}
		})
	}
}

func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("p"))
	return n
}

// A page without objects is not the end while there is a Link.
func TestEmptyPagesOnTheWay(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if n := number(r); n < 50 {
			w.Header().Set("Link", fmt.Sprintf(`<?p=%d>; rel="next"`, n+1))
			ok(w, "[]")
			return
		}
		ok(w, tariffs(0, 2))
	})
	if got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID); len(got) != 2 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TF-30: what is removed during a crawl moves the others up; none of them is missed. TF-29: what is added does no harm.
func TestTheTotalChangesDuringACrawl(t *testing.T) {
	for name, c := range map[string]struct {
		// remove is how many of the first objects are gone when the second page is asked for.
		remove int
		opaque bool
		want   []string
	}{
		"none goes":                 {0, false, []string{"", "offset=3", "offset=6"}},
		"one goes":                  {1, false, []string{"", "offset=3", "offset=2", "offset=5"}},
		"two go":                    {2, false, []string{"", "offset=3", "offset=1", "offset=4"}},
		"all of the first page go":  {3, false, []string{"", "offset=3", "offset=0", "offset=3"}},
		"one comes":                 {-1, false, []string{"", "offset=3", "offset=6", "offset=9"}},
		"one goes, no offset to go": {1, true, []string{"", "cursor=3", "cursor=6"}},
		"one goes, while counting":  {1, false, []string{"", "offset=3", "offset=2", "offset=5"}},
	} {
		t.Run(name, func(t *testing.T) {
			list := upTo(9)
			var asked []string
			param := "offset"
			if c.opaque {
				param = "cursor"
			}
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.RawQuery)
				if len(asked) == 2 {
					list = list[max(0, c.remove):]
					if c.remove < 0 {
						list = append(list, "T9")
					}
				}
				offset, _ := strconv.Atoi(r.URL.Query().Get(param))
				w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
				end := min(offset+3, len(list))
				if end < len(list) {
					w.Header().Set("Link", fmt.Sprintf(`<?%s=%d>; rel="next"`, param, end))
				}
				if strings.Contains(name, "counting") {
					w.Header().Set("Link", "broken")
				}
				var page []string
				for _, id := range list[offset:end] {
					page = append(page, tariff(id))
				}
				ok(w, "["+strings.Join(page, ",")+"]")
			})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range list {
				if !c.opaque && !slices.Contains(got, id) {
					t.Errorf("%s is missing in %v", id, got)
				}
			}
			if diff := cmp.Diff(c.want, asked[:len(c.want)]); diff != "" {
				t.Errorf("pages that were asked for (-want +got):\n%s", diff)
			}
			if len(partner.exchanges.taken()) != len(asked) {
				t.Errorf("%d exchanges for %d requests", len(partner.exchanges.taken()), len(asked))
			}
		})
	}
}

// TF-30: pages are asked for again also where they were asked for before, however many there are, and an earlier page that
// cannot be had is not passed over.
func TestAListThatShrinksByWholePages(t *testing.T) {
	for name, c := range map[string]struct {
		n, after, remove int
		fail             string
		missed           bool
	}{
		"one page":                             {12, 2, 2, "", false},
		"two pages":                            {12, 3, 4, "", false},
		"many pages":                           {60, 20, 30, "", false},
		"the earlier page cannot be had":       {12, 2, 1, "3", true},
		"the earlier page is refused for ever": {12, 2, 2, "2", true},
	} {
		t.Run(name, func(t *testing.T) {
			list := upTo(c.n)
			pages := 0
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if pages++; pages == c.after+1 {
					list = list[c.remove:]
				}
				if pages > c.after && r.URL.Query().Get("offset") == c.fail && c.fail != "" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				end := min(offset+2, len(list))
				w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
				if end < len(list) {
					w.Header().Set("Link", fmt.Sprintf(`<?offset=%d&limit=2>; rel="next"`, end))
				}
				var page []string
				for _, id := range list[min(offset, end):end] {
					page = append(page, tariff(id))
				}
				ok(w, "["+strings.Join(page, ",")+"]")
			})
			got, err := ids(partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}), tariffID)
			if (err != nil) != c.missed {
				t.Fatal(err)
			}
			for _, id := range list {
				if !c.missed && !slices.Contains(got, id) {
					t.Errorf("%s is missing in %v", id, got)
				}
			}
		})
	}
}

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

// Requirements TF-46, TF-47: an object of a list that says it is somebody else's is not taken for the partner's.
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
