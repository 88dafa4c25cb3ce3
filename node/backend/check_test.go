package backend_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// auditor has checked five CDRs of two partners, one in each hour, of which every second one differs.
type auditor struct{}

var checkedAt = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func (auditor) Checks(_ context.Context, want store.CheckFilter, after int64, limit int) (out []store.CDRCheck, err error) {
	for i := range 5 {
		c := store.CDRCheck{
			Key:     store.Key{Module: ocpi.ModuleCDRs, Source: []string{"p", "q"}[i/3], Party: ocpi.NewParty("NL", "GPE"), ID: fmt.Sprint("C", i)},
			Created: int64(i + 10), Verdict: []string{"agrees", "differs"}[i%2], Ended: checkedAt.Add(time.Duration(i) * time.Hour),
			Energy: "1", Currency: "EUR", Stated: "2.50", Computed: "2.00", Report: []byte(`{}`),
		}
		if c.Created > after && (want.Source == "" || want.Source == c.Source) && (len(want.Verdicts) == 0 || slices.Contains(want.Verdicts, c.Verdict)) &&
			!c.Ended.Before(want.From) && (want.To.IsZero() || c.Ended.Before(want.To)) && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (auditor) Price(_ context.Context, cdr store.Key) (jsontext.Value, error) {
	if cdr.ID != "C1" {
		return nil, store.ErrNotFound
	}
	return jsontext.Value(`{"verdict":"agrees"}`), nil
}

func (auditor) Months(_ context.Context, want store.CheckFilter) ([]backend.Month, error) {
	return []backend.Month{{Partner: want.Source, Month: "2026-06", CDRs: 3}}, nil
}

type checksPage struct {
	Items []backend.Check `json:"items"`
	Next  string          `json:"next"`
}

func TestChecksAreListedPageByPage(t *testing.T) {
	p, _ := everything(t)
	for query, want := range map[string][]string{
		"limit=2":                                   {"C0", "C1", "C2", "C3", "C4"},
		"limit=2&partner=q":                         {"C3", "C4"},
		"limit=1&verdict=differs":                   {"C1", "C3"},
		"since=2026-06-15T13:00:00Z":                {"C1", "C2", "C3", "C4"},
		"limit=1&until=2026-06-15T15:00:00%2B01:00": {"C0", "C1"},
		"partner=nobody":                            nil,
	} {
		var ids []string
		for path := "/api/v1/checks?" + query; path != ""; {
			got := p.want(http.StatusOK, "GET", path, "")
			page := decoded[checksPage](t, got.body)
			for _, c := range page.Items {
				ids = append(ids, c.ID)
				if c.Party != "NL/GPE" || c.Difference != "0.5" {
					t.Errorf("%+v", c)
				}
			}
			next, _, _ := strings.Cut(strings.TrimPrefix(got.header.Get("Link"), "<"), ">")
			if (next == "") != (page.Next == "") {
				t.Errorf("%s: Link %q, next %q", path, got.header.Get("Link"), page.Next)
			}
			path = next
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	if got := p.want(http.StatusOK, "GET", "/api/v1/checks?partner=nobody", "").body; strings.TrimSpace(got) != `{"items":[]}` {
		t.Error(got)
	}
	for query, want := range map[string]string{
		"cursor=x": "query.cursor", "cursor=" + url.QueryEscape("e30"): "query.cursor", "verdict=right": "query.verdict", "since=noon": "query.since",
		"limit=0": "query.limit",
	} {
		if got := p.want(http.StatusUnprocessableEntity, "GET", "/api/v1/checks?"+query, ""); !strings.Contains(got.body, want) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
}

func TestThePriceOfAReceivedCDRIsShown(t *testing.T) {
	p, _ := everything(t)
	if got := p.want(http.StatusOK, "GET", "/api/v1/received/cdrs/p/NL/GPE/C1/price", ""); got.body != `{"verdict":"agrees"}` {
		t.Error(got.body)
	}
	p.want(http.StatusNotFound, "GET", "/api/v1/received/cdrs/p/NL/GPE/C2/price", "").pointers(t)
	months := decoded[struct {
		Items []backend.Month `json:"items"`
	}](t, p.want(http.StatusOK, "GET", "/api/v1/checks/months?partner=p", "").body)
	if len(months.Items) != 1 || months.Items[0].Partner != "p" || months.Items[0].CDRs != 3 {
		t.Errorf("%+v", months)
	}
}

func TestPricingRulesOfAPartnerAreChecked(t *testing.T) {
	p, _ := everything(t)
	policy := decoded[backend.Policy](t, p.want(http.StatusOK, "PATCH", "/api/v1/partners/alpha/policy", `{"price":{"tolerance":"0.05","rules":{"flat":"each"}}}`).body)
	if policy.Price.Tolerance != "0.05" || policy.Price.Rules["flat"] != "each" {
		t.Errorf("%+v", policy.Price)
	}
	for body, want := range map[string]string{
		`{"price":{"tolerance":"-1"}}`: "/price/tolerance", `{"price":{"tolerance":"a cent"}}`: "/price/tolerance",
		`{"price":{"rules":{"flat":"twice"}}}`: "/price/rules/flat", `{"price":{"rules":{"round":"up"}}}`: "/price/rules/round",
	} {
		if got := p.want(http.StatusUnprocessableEntity, "PATCH", "/api/v1/partners/alpha/policy", body).pointers(t); !cmp.Equal(got, []string{want}) {
			t.Errorf("%s: %v", body, got)
		}
	}
}
