package ocpiclient

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A Page is part of a partner's list.
type Page[T any] struct {
	// Items are the objects that can be used, in the partner's order.
	Items []T
	// Problems are the objects that cannot, each with its place in the page (requirement TF-17).
	Problems []*ObjectError
	// Position is the number of objects before the page in the list. An Offset of this continues the list there.
	Position int
	// Total is the number of objects in the whole list, as the partner counts them at this page; -1 where it does not
	// say.
	Total int
	// Limit is the largest number of objects the partner puts into a page; 0 where it does not say.
	Limit int
	// Next is the URL of the next page; empty on the last one. As the Cursor of a Query it continues the list there.
	Next string
	// NextOffset is the offset that Next names; 0 where it names none, as where the partner's pages have cursors.
	NextOffset int
	// Missing is, on the last page, how many objects fewer have come than the smallest Total of all pages. A list that ends
	// like this may have lost its end; there are also partners who count objects that they do not list.
	Missing int
	// NoList tells that the answer held no list at all, not even an empty one.
	NoList bool
	// Time is when the partner made the page, by its clock: the timestamp of the envelope or else the Date of HTTP. It is
	// zero where there is neither.
	Time time.Time
	// Size is the length of the answer in bytes.
	Size int
}

// A Sender is where a partner offers its objects of one module.
type Sender[T any] struct {
	client *Client
	kind   kind[T]
	// role is the partner's.
	role ocpi.Role
	// needsDateFrom is set for the module whose list must be asked for since when (requirement SES-02).
	needsDateFrom bool
}

// List goes over the objects of the partner, page after page, oldest first as it should be (requirements TF-18 to
// TF-30). An object that cannot be used is an *ObjectError in its place, and the list goes on; any other error ends it.
//
// The query's Limit is what the partner is asked for; it may make pages smaller. Zero leaves it to the partner. Dates
// are sent in whole seconds, so that the window is never smaller than asked for. An object may come twice where the
// list changes meanwhile.
func (s Sender[T]) List(ctx context.Context, q ocpi.Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range s.Pages(ctx, q) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if !page.each(yield) {
				return
			}
		}
	}
}

// each hands out what is in the page in the order it came.
func (p *Page[T]) each(yield func(T, error) bool) bool {
	items, problems := p.Items, p.Problems
	for i := 0; len(items)+len(problems) > 0; i++ {
		var goOn bool
		if len(problems) > 0 && (problems[0].Index == i || len(items) == 0) {
			var none T
			goOn, problems = yield(none, problems[0]), problems[1:]
		} else {
			goOn, items = yield(items[0], nil), items[1:]
		}
		if !goOn {
			return false
		}
	}
	return true
}

// Pages goes over the pages of the list. An error ends it.
func (s Sender[T]) Pages(ctx context.Context, q ocpi.Query) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		ctx := correlated(ctx)
		crawl, err := s.crawl(q)
		if err != nil {
			yield(Page[T]{}, err)
			return
		}
		crawl.run(ctx, yield)
	}
}

func (s Sender[T]) crawl(q ocpi.Query) (*crawl[T], error) {
	if s.client.speaks && s.kind.codec.Read == nil {
		return nil, fmt.Errorf("ocpiclient: %w: version %s has no %s", ErrNotOffered, s.client.config.Version, s.kind.module)
	}
	endpoint, err := s.client.endpoint(s.kind.module, ocpi.Sender, s.role)
	if err != nil {
		return nil, err
	}
	start, quirks, err := s.client.below(endpoint, s.params(q))
	if err != nil {
		return nil, err
	}
	host, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	return &crawl[T]{
		Sender: s, host: host, start: start, cursor: q.Cursor, quirks: quirks, position: q.Offset, listed: q.Offset,
		asked: q.Limit, limit: q.Limit, total: -1, least: -1, visited: map[string]bool{}, seen: newSeen(),
	}, nil
}

// params are the parameters of a list that are set.
func (s Sender[T]) params(q ocpi.Query) url.Values {
	values := url.Values{}
	switch {
	case !q.DateFrom.IsZero():
		values.Set("date_from", ocpi.NewDateTime(q.DateFrom).Truncate().String())
	case s.needsDateFrom:
		values.Set("date_from", ocpi.NewDateTime(time.Unix(0, 0)).String())
	}
	if !q.DateTo.IsZero() {
		values.Set("date_to", ocpi.NewDateTime(q.DateTo.Add(time.Second-1)).Truncate().String())
	}
	if q.Offset > 0 {
		values.Set("offset", strconv.Itoa(q.Offset))
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values
}

// count reads a header with a number; -1 for none.
func count(a *reply, header string) int {
	n, err := strconv.Atoi(a.header.Get(header))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// noList reports whether there is nothing in a reply where a list should be.
func noList(a *reply) bool { return a.data == nil || a.data.Kind() == 'n' }

// timeOf is when the partner answered, by its clock.
func timeOf(a *reply) time.Time {
	if at, err := ocpi.ParseDateTime(text(a.timestamp)); err == nil {
		return at.Time()
	}
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// elements are the objects of a page as the partner wrote them.
func elements(c *Client, a *reply) ([]jsontext.Value, bool) {
	switch a.data.Kind() {
	case '[', '{':
		values, quirks, err := list(a.data)
		if err != nil || len(quirks) > 0 && !c.profile.Has(quirk.ObjectForList) {
			return nil, false
		}
		c.count(a, quirks...)
		return values, true
	default: // null, or no data at all
		if !noList(a) || !c.profile.Has(quirk.NullLists) {
			return nil, false
		}
		c.count(a, quirk.NullLists)
		return nil, true
	}
}
