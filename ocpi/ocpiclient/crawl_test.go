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
)

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
