package ocpiclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
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
