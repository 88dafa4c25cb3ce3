package backend_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type listed struct {
	Items []struct {
		ID      string `json:"id"`
		Partner string `json:"partner"`
		Object  struct {
			ID string `json:"id"`
		} `json:"object"`
	} `json:"items"`
	Next  string `json:"next"`
	Total *int   `json:"total"`
}

// all reads a list to its end.
func (p *place) all(path string, query string) (ids []string, pages int) {
	p.t.Helper()
	for cursor := ""; ; pages++ {
		if pages > 100 {
			p.t.Fatal("the list does not end")
		}
		got := p.want(http.StatusOK, "GET", path+"?"+query+"&cursor="+url.QueryEscape(cursor), "")
		l := decoded[listed](p.t, got.body)
		for _, item := range l.Items {
			ids = append(ids, item.ID+item.Partner+strings.TrimSuffix("/"+item.Object.ID, "/"))
		}
		if cursor = l.Next; cursor == "" {
			return ids, pages + 1
		}
		if !strings.Contains(got.header.Get("Link"), `rel="next"`) {
			p.t.Error("no Link to the next page")
		}
	}
}

func fill(t testing.TB, p *place, n int) {
	t.Helper()
	for i := range n {
		l := sample.Location(1)
		l.ID = ocpi.CiString(fmt.Sprintf("L%03d", i))
		l.Name = new(fmt.Sprintf("Place %d", i))
		l.City = []string{"Utrecht", "Zwolle"}[i%2]
		l.Coordinates.Latitude, l.Coordinates.Longitude = fmt.Sprintf("52.%05d", i*100), fmt.Sprintf("5.%05d", i*100)
		l.LastUpdated = ocpi.NewDateTime(began.Add(time.Duration(i) * time.Minute))
		l.EVSEs = l.EVSEs[:1]
		l.EVSEs[0].LastUpdated, l.EVSEs[0].Connectors = ocpi.NewDateTime(began.Add(-time.Hour)), l.EVSEs[0].Connectors[:1]
		l.EVSEs[0].Connectors[0].LastUpdated = l.EVSEs[0].LastUpdated
		if _, err := p.objects.Locations.Put(t.Context(), object.Item[v230.Location]{Party: own, Object: l}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListsComeInPagesAndByWhatIsWanted(t *testing.T) {
	p := open(t, nil)
	fill(t, p, 25)
	names := func(from, to, step int) (ids []string) {
		for i := from; i < to; i += step {
			ids = append(ids, fmt.Sprintf("L%03d", i))
		}
		return ids
	}
	for name, c := range map[string]struct {
		query string
		want  []string
		pages int
	}{
		"everything":                    {"limit=1000", names(0, 25, 1), 1},
		"page by page":                  {"limit=10", names(0, 25, 1), 3},
		"pages that end with the list":  {"limit=5", names(0, 25, 1), 5},
		"since a time":                  {"limit=10&since=" + began.Add(20*time.Minute).Format(time.RFC3339), names(20, 25, 1), 1},
		"until a time":                  {"limit=10&until=" + began.Add(3*time.Minute).Format(time.RFC3339), names(0, 3, 1), 1},
		"a party":                       {"limit=10&party=NL/GPE", names(0, 25, 1), 3},
		"another party":                 {"limit=10&party=DE/XYZ", nil, 1},
		"a text, in any case":           {"limit=5&q=uTRECHT", names(0, 25, 2), 3},
		"a text in the name":            {"limit=5&q=place%2024", names(24, 25, 1), 1},
		"a text nobody has":             {"limit=5&q=nowhere", nil, 1},
		"a box":                         {"limit=4&box=5.00150,52.0,5.00650,53", names(2, 7, 1), 2},
		"a box across the 180th degree": {"limit=4&box=170,-10,-170,10", nil, 1},
		"a text in a box":               {"limit=4&q=zwolle&box=5.0,52.0,5.00350,53", names(1, 4, 2), 1},
	} {
		t.Run(name, func(t *testing.T) {
			ids, pages := p.all("/api/v1/locations", c.query)
			if diff := cmp.Diff(c.want, ids); diff != "" || pages != c.pages {
				t.Errorf("%d pages, want %d: %s", pages, c.pages, diff)
			}
		})
	}
	for query, want := range map[string]string{
		"limit=0": "query.limit", "limit=x": "query.limit", "limit=1001": "query.limit", "cursor=!": "query.cursor", "party=X": "query.party",
		"since=yesterday": "query.since", "box=1,2,3": "query.box", "box=1,2,3,x": "query.box", "box=1,9,3,2": "query.box", "colour=red": "query.colour",
	} {
		if got := p.want(http.StatusUnprocessableEntity, "GET", "/api/v1/locations?"+query, "").pointers(t); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", query, got)
		}
	}
}

func TestALinkLeadsToTheNextPage(t *testing.T) {
	p := open(t, nil)
	fill(t, p, 6)
	got := p.want(http.StatusOK, "GET", "/api/v1/locations?limit=2&q=place", "")
	link := regexp.MustCompile(`^<(.+)>; rel="next"$`).FindStringSubmatch(got.header.Get("Link"))
	if link == nil {
		t.Fatal(got.header.Get("Link"))
	}
	next := decoded[listed](t, p.want(http.StatusOK, "GET", link[1], "").body)
	if len(next.Items) != 2 || next.Items[0].ID != "L002" {
		t.Errorf("%+v", next)
	}
}

func TestAListStaysCompleteWhileObjectsChange(t *testing.T) {
	p := open(t, nil)
	fill(t, p, 6)
	first := decoded[listed](t, p.want(http.StatusOK, "GET", "/api/v1/locations?limit=3&q=place", "").body)
	p.want(http.StatusOK, "PATCH", "/api/v1/locations/NL/GPE/L001", `{"name":"Place changed"}`)
	p.want(http.StatusNoContent, "DELETE", "/api/v1/locations/NL/GPE/L002?purge=true", "")
	rest := decoded[listed](t, p.want(http.StatusOK, "GET", "/api/v1/locations?limit=3&q=place&cursor="+first.Next, "").body)
	if len(rest.Items) != 3 || rest.Items[0].ID != "L003" || rest.Next != "" {
		t.Errorf("%+v", rest)
	}
}

func TestPartnersObjectsAreReadAcrossPartners(t *testing.T) {
	p := open(t, nil)
	theirs := ocpi.NewParty("DE", "PTN")
	for i := range 5 {
		l := sample.Location(1)
		l.ID, l.Name = ocpi.CiString(fmt.Sprint("A", i)), new(fmt.Sprint("Halle ", i))
		p.received("alpha", ocpi.ModuleLocations, theirs, string(l.ID), text(t, l))
		l.ID = ocpi.CiString(fmt.Sprint("B", i))
		p.received("beta", ocpi.ModuleLocations, theirs, string(l.ID), text(t, l))
	}
	p.received("alpha", ocpi.ModuleTariffs, theirs, "T1", text(t, sample.Tariff(1)))
	alpha, beta := []string{"alpha/A0", "alpha/A1", "alpha/A2", "alpha/A3", "alpha/A4"}, []string{"beta/B0", "beta/B1", "beta/B2", "beta/B3", "beta/B4"}
	for query, want := range map[string][]string{
		"limit=100": slices.Concat(alpha, beta), "limit=3": slices.Concat(alpha, beta), "limit=5": slices.Concat(alpha, beta), "limit=1": slices.Concat(alpha, beta),
		"partner=beta&limit=2": beta, "q=halle%202&limit=1": {"alpha/A2", "beta/B2"}, "partner=nobody": nil, "party=DE/PTN&limit=4": slices.Concat(alpha, beta),
		"box=0,0,0.1,0.1": nil,
	} {
		if ids, _ := p.all("/api/v1/received/locations", query); !slices.Equal(ids, want) {
			t.Errorf("%s: %v", query, ids)
		}
	}
	got := p.want(http.StatusOK, "GET", "/api/v1/received/locations/beta/DE/PTN/B3", "")
	if l := decoded[v230.Location](t, got.body); l.ID != "B3" || got.header.Get("ETag") == "" {
		t.Error(got.body)
	}
	p.want(http.StatusNotModified, "GET", "/api/v1/received/locations/beta/DE/PTN/B3", "", "If-None-Match", got.header.Get("ETag"))
	p.want(http.StatusNotFound, "GET", "/api/v1/received/locations/alpha/DE/PTN/B3", "").pointers(t)
	p.want(http.StatusOK, "GET", "/api/v1/received/tariffs/alpha/DE/PTN/T1", "")
}

func TestALongSearchGoesOnPageByPage(t *testing.T) {
	if testing.Short() {
		t.Skip("stores thousands of objects")
	}
	p := open(t, nil)
	small := []byte(`{"id":"x","name":"nothing"}`)
	for i := range 6000 {
		body := jsontext.Value(small)
		if i == 5900 {
			body = jsontext.Value(`{"id":"found","name":"needle"}`)
		}
		if i%500 == 0 {
			t.Log(i)
		}
		p.received("alpha", ocpi.ModuleLocations, own, fmt.Sprint(i), string(body))
	}
	ids, pages := p.all("/api/v1/received/locations", "q=needle&limit=10")
	if !slices.Equal(ids, []string{"alpha/found"}) || pages != 2 {
		t.Errorf("%v on %d pages", ids, pages)
	}
}
