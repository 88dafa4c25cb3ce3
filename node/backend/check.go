package backend

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// An Auditor knows what came of checking the CDRs of partners.
type Auditor interface {
	// Checks are what came of checks, in the order in which the CDRs came: at most limit of them after one; 0 for the first.
	Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error)
	// Price prices a CDR anew and shows how, as JSON; store.ErrNotFound where it is not there.
	Price(ctx context.Context, cdr store.Key) (jsontext.Value, error)
	// Months add up what partners have billed.
	Months(ctx context.Context, want store.CheckFilter) ([]Month, error)
}

// A Check is what came of checking a CDR.
type Check struct {
	Partner    string    `json:"partner" doc:"The partner that sent the CDR"`
	Party      string    `json:"party" example:"NL/GPE" doc:"The CPO"`
	ID         string    `json:"id" doc:"The id of the CDR"`
	Verdict    string    `json:"verdict" enum:"agrees,differs,cannot-say" doc:"Whether the tariff gives the costs that the CDR states"`
	Ended      time.Time `json:"ended" doc:"When the charge ended"`
	Checked    time.Time `json:"checked" doc:"When the CDR was checked"`
	Energy     string    `json:"energy" doc:"kWh; below 0 in a credit CDR"`
	Currency   string    `json:"currency" doc:"ISO 4217"`
	Stated     string    `json:"stated" doc:"The cost before taxes that the CDR states"`
	Computed   string    `json:"computed,omitempty" doc:"The cost before taxes that its tariff gives; missing where that is not known"`
	Difference string    `json:"difference,omitempty" doc:"How much more the CDR states; missing where that is not known"`
	Report     JSON      `json:"report" doc:"What was found, and each cost that the CDR states with the one that its tariff gives"`
}

// A Month is what a partner has billed for charges that ended in a month, in one currency.
type Month struct {
	Partner      string `json:"partner" doc:"Our name for the partner"`
	Month        string `json:"month" example:"2026-06" doc:"The month, in UTC"`
	Currency     string `json:"currency" doc:"ISO 4217"`
	CDRs         int    `json:"cdrs" doc:"How many CDRs, credit CDRs too"`
	Energy       string `json:"energy" doc:"kWh, those of credit CDRs taken off"`
	Stated       string `json:"stated" doc:"What the CDRs cost before taxes"`
	StatedJudged string `json:"stated_judged" doc:"The part of that for which tariffs give a cost"`
	Computed     string `json:"computed" doc:"That cost"`
	Difference   string `json:"difference" doc:"How much more is stated than tariffs give"`
	Agree        int    `json:"agree" doc:"How many CDRs agree with their tariffs"`
	Differ       int    `json:"differ" doc:"How many differ"`
	CannotSay    int    `json:"cannot_say" doc:"Of how many nobody can say"`
}

// CheckInput says which checks are meant.
type CheckInput struct {
	Partner string    `query:"partner" doc:"Only CDRs of this partner"`
	Since   time.Time `query:"since" doc:"Only charges that ended at or after this time"`
	Until   time.Time `query:"until" doc:"Only charges that ended before this time"`
}

func (in CheckInput) filter() store.CheckFilter {
	return store.CheckFilter{Source: in.Partner, From: in.Since, To: in.Until}
}

type checksInput struct {
	CheckInput
	Verdict string `query:"verdict" enum:"agrees,differs,cannot-say" doc:"Only CDRs with this verdict"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The largest number of checks in the answer"`
	Cursor  string `query:"cursor" doc:"Where the list goes on: next of the page before. Give the same filters with it"`
}

// addChecks adds the operations on what came of checking partners' CDRs.
func (a *API) addChecks() {
	if a.config.Auditor == nil {
		return
	}
	base := operation{tag: "checks", scope: ScopeRead}
	list := base
	list.result = listOf(schemaOf[Check](a))
	list.doc = "CDRs are checked as they come, in the order in which they are listed. What was found is in `report`, as in the event `cdr.checked`; " +
		"how the price comes about is at `/received/cdrs/{partner}/{country}/{party}/{id}/price`."
	list = list.as("GET", "/checks", "list-checks", "List partners' CDRs, and whether they agree with their tariffs")
	add(a, list, a.listChecks)

	months := base
	months.result = listOf(schemaOf[Month](a))
	months = months.as("GET", "/checks/months", "list-check-months", "Add up what partners have billed, by month")
	add(a, months, func(ctx context.Context, in *CheckInput) (*answer, error) {
		all, err := a.config.Auditor.Months(ctx, in.filter())
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, struct {
			Items []Month `json:"items"`
		}{all})
	})

	price := base
	price.result = anyObject()
	price.doc = "The CDR is priced anew, with the tariff that applied as it was when the charge began, and compared with what it states."
	price = price.as("GET", "/received/cdrs/{partner}/{country}/{party}/{id}/price", "price-received-cdr", "Show how the price of a partner's CDR comes about")
	add(a, price, func(ctx context.Context, in *receivedInput) (*answer, error) {
		key := store.Key{Module: ocpi.ModuleCDRs, Source: in.Partner, Party: in.key().Party, ID: in.ID, AnyCase: true}
		report, err := a.config.Auditor.Price(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, problem(http.StatusNotFound, "partner %s has sent no CDR %s/%s", in.Partner, key.Party, in.ID)
		}
		if err != nil {
			return nil, err
		}
		return &answer{Status: http.StatusOK, ContentType: jsonType, Body: report}, nil
	})
}

func (a *API) listChecks(ctx context.Context, in *checksInput) (*answer, error) {
	want := in.filter()
	if in.Verdict != "" {
		want.Verdicts = []string{in.Verdict}
	}
	after, err := parseAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	checks, err := a.config.Auditor.Checks(ctx, want, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var body struct {
		Items []Check `json:"items"`
		Next  string  `json:"next,omitempty"`
	}
	for i := range checks[:min(in.Limit, len(checks))] {
		body.Items = append(body.Items, CheckOf(&checks[i]))
	}
	if len(checks) > in.Limit {
		body.Next = position{After: checks[in.Limit-1].Created}.String()
	}
	out, err := answered(http.StatusOK, body)
	if err == nil && body.Next != "" {
		out.Link = "<" + Prefix + "/checks?" + in.following(body.Next) + `>; rel="next"`
	}
	return out, err
}

// CheckOf is a check as it is shown.
func CheckOf(c *store.CDRCheck) Check {
	return Check{
		Partner: c.Source, Party: c.Party.String(), ID: c.ID, Verdict: c.Verdict, Ended: c.Ended.UTC(), Checked: c.Checked.UTC(), Energy: c.Energy,
		Currency: c.Currency, Stated: c.Stated, Computed: c.Computed, Difference: c.Difference(), Report: JSON(c.Report),
	}
}

// following is the query of the next page.
func (in *checksInput) following(cursor string) string {
	q := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(in.Limit)}}
	for name, value := range map[string]string{"partner": in.Partner, "verdict": in.Verdict} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, t := range map[string]time.Time{"since": in.Since, "until": in.Until} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return q.Encode()
}

// parseAfter is the CDR after which a list goes on.
func parseAfter(cursor string) (created int64, err error) {
	if cursor == "" {
		return 0, nil
	}
	var at position
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(raw, &at) != nil || at.After <= 0 {
		return 0, badParameter("cursor", "this is no cursor that a list has given")
	}
	return at.After, nil
}
