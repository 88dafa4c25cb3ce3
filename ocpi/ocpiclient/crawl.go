package ocpiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A crawl goes over the pages of one list.
//
// It follows the Links as they are given (requirement TF-28). Only where a Link turns out to be of no use does it count
// objects instead, and ask for the following pages by offset until nothing says that there are more.
type crawl[T any] struct {
	Sender[T]
	// host is the endpoint: no other host gets the token.
	host *url.URL
	// start is the URL of the list; cursor is where to begin instead, if not empty.
	start, cursor string
	// quirks shaped the next request.
	quirks []quirk.Name

	// asked is how many objects a page should have; 0 for as many as the partner likes.
	asked int
	// position is the number of objects before the next page, limit how many a page can have, total how many there are
	// by the last page, and least by the page that counted least; -1 where it is not known.
	position, limit, total, least int
	// listed is how many objects have come, those that were asked for again once. It is more than position where objects
	// have gone meanwhile, and the list cannot be asked for an earlier place.
	listed int
	// again is the place up to which pages are asked for again, because objects have moved up.
	again int
	// linked tells that the next page was named by a Link, offsets that Links are not followed any more.
	linked, offsets bool
	// probing tells that the next page is asked for because the total says that there is more, and nothing else does.
	probing bool
	// stuck is why there is no way to the page after the last one.
	stuck error

	requests int
	visited  map[string]bool
	seen     *seen
	// repeated and empty are how many pages in a row brought nothing new, and nothing at all.
	repeated, empty int
}

// Pages in a row without anything new that are put up with. Pages with nothing in them are what partners have who hide
// objects after they have cut the pages.
const (
	maxRepeated = 5
	maxEmpty    = 500
)

func (p *crawl[T]) run(ctx context.Context, yield func(Page[T], error) bool) {
	next := p.start
	if p.cursor != "" {
		next, p.linked = p.cursor, true
		if u, err := url.Parse(next); err != nil || !sameHost(p.host, u) && !upgrades(p.host, u) {
			yield(Page[T]{}, p.fail(next, ErrOtherHost, "the cursor is no page of this list"))
			return
		}
	}
	for next != "" {
		page, err := p.page(ctx, next)
		if err != nil && p.unusableLink(err) {
			if counted := p.giveUpLinks(); !p.visited[counted] {
				next = counted
				continue
			}
		}
		if err != nil {
			yield(Page[T]{}, err)
			return
		}
		if !yield(page, nil) {
			return
		}
		if p.stuck != nil {
			yield(Page[T]{}, p.stuck)
			return
		}
		next = page.Next
	}
}

// page gets one page.
func (p *crawl[T]) page(ctx context.Context, target string) (Page[T], error) {
	probing := p.probing
	p.probing = false
	a, err := p.get(ctx, target)
	if probing && noPage(err) {
		return p.end(p.total), nil
	}
	if err == nil {
		a, err = p.movedUp(ctx, a, target)
	}
	if err != nil {
		return Page[T]{}, err
	}
	page, fresh, err := p.read(ctx, a)
	if err != nil {
		return Page[T]{}, err
	}
	if probing && !fresh { // there is nothing more, whatever the total says
		p.client.tell(ctx, a.exchange)
		return p.end(page.Total), nil
	}
	if probing {
		p.client.count(a, quirk.LinkUnusable)
		p.listed = p.position
	}
	objects := len(page.Items) + len(page.Problems)
	if err := p.progress(ctx, a, objects, fresh); err != nil {
		return Page[T]{}, err
	}
	if page.Next, err = p.next(a, &page); err != nil {
		p.stuck = p.client.fail(ctx, a, Permanent, err, "its next page cannot be asked for: "+err.Error())
		return page, nil
	}
	if page.NextOffset = offsetOf(page.Next); page.Next == "" {
		page.Missing = p.missing()
	}
	p.client.tell(ctx, a.exchange)
	return page, nil
}

// end is the page after the last one, with nothing on it but how the list has ended.
func (p *crawl[T]) end(total int) Page[T] {
	p.counts(total)
	return Page[T]{Position: p.position, Total: total, Limit: p.limit, Missing: p.missing()}
}

// counts takes down how many objects there are by a page.
func (p *crawl[T]) counts(total int) {
	p.total = total
	if total >= 0 && (p.least < 0 || total < p.least) {
		p.least = total
	}
}

// missing is how many objects have not come, by the least total: those that have come into the list meanwhile may be where
// it was read before (requirement TF-29). What is before a cursor is not known.
func (p *crawl[T]) missing() int {
	if p.cursor != "" {
		return 0
	}
	return max(0, p.least-p.listed)
}

// movedUp returns the page that has what comes next. Where objects have gone since the page before, those after them have
// moved up, and some of them would be missed: then an earlier page is asked for in place of this one (requirement TF-30), if
// this one is named by an offset.
func (p *crawl[T]) movedUp(ctx context.Context, a *reply, target string) (*reply, error) {
	for {
		total := count(a, totalHeader)
		gone := p.total - total
		if total < 0 || gone <= 0 {
			return a, nil
		}
		was := p.position
		p.total, p.position = total, max(0, p.position-gone)
		if target = earlier(target, gone); target == "" {
			return a, nil
		}
		p.client.tell(ctx, a.exchange)
		p.listed, p.again = max(0, p.listed-gone), max(p.again, was)
		clear(p.visited) // other objects are on those pages now
		var err error
		if a, err = p.get(ctx, target); err != nil {
			return nil, err
		}
	}
}

const (
	totalHeader = "X-Total-Count"
	limitHeader = "X-Limit"
)

// get makes the call for a page, unless the chain of pages should be at its end.
func (p *crawl[T]) get(ctx context.Context, target string) (*reply, error) {
	if p.visited[target] {
		return nil, p.fail(target, ErrEndless, "this page was there before")
	}
	if p.requests == p.client.config.MaxPages {
		return nil, p.fail(target, ErrEndless, fmt.Sprintf("%d pages were asked for", p.requests))
	}
	p.visited[target] = true
	p.requests++
	quirks := p.quirks
	p.quirks = nil
	return p.client.do(ctx, request{method: http.MethodGet, url: target, module: p.kind.module, role: p.role, quirks: quirks})
}

// fail is the error of a chain of pages.
func (p *crawl[T]) fail(target string, cause error, text string) *Error {
	return &Error{
		Kind: Permanent, Method: http.MethodGet, URL: shown(target, p.client.secrets(&request{})),
		Message: cause.Error() + ": " + text, Err: cause, unsent: true,
	}
}

// read reads the objects of a page. One that cannot be used does not keep the others from being delivered.
// fresh tells that there is something on it that was not there before.
func (p *crawl[T]) read(ctx context.Context, a *reply) (page Page[T], fresh bool, err error) {
	c := p.client
	all, ok := elements(c, a)
	if !ok {
		return page, false, c.fail(ctx, a, Permanent, nil, "no list: its data is none")
	}
	page = Page[T]{
		Items: make([]T, 0, len(all)), Position: p.position, Total: count(a, totalHeader), Limit: max(0, count(a, limitHeader)),
		NoList: noList(a), Time: timeOf(a), Size: len(a.body),
	}
	env, profile := c.env(ctx, c.only(p.role)), c.profile.At(a.exchange.At)
	for i, element := range all {
		object, problem := p.object(a, element, i, env, profile)
		if problem != nil {
			page.Problems = append(page.Problems, problem)
			fresh = p.seen.add(string(element)) || fresh
			continue
		}
		page.Items = append(page.Items, object)
		key := p.kind.key(&object)
		fresh = p.seen.add(key.Party.String(), key.TokenType, key.ID, p.kind.updated(&object).String()) || fresh
	}
	return page, fresh, nil
}

func (p *crawl[T]) object(a *reply, element jsontext.Value, i int, env convert.Env, profile quirk.Profile) (T, *ObjectError) {
	object, report, err := p.kind.codec.Read(element, env, profile)
	p.client.note(a, report, "/"+strconv.Itoa(i))
	if err == nil {
		err = wire.Claim(p.kind.codec.Object, report.Document, env.Owner)
	}
	if err != nil {
		return object, &ObjectError{Object: p.kind.codec.Object, Index: i, ID: clean(idOf(element), a.exchange.Secrets), Findings: report.Findings, Err: err}
	}
	return object, nil
}

// idOf is the uid or id of an object that cannot be read.
func idOf(element jsontext.Value) string {
	m := membersOf(element)
	id := text(m["uid"])
	if id == "" {
		id = text(m["id"])
	}
	return id
}

// progress ends a chain of pages that brings nothing new for too long. Pages that we have asked for again need not.
func (p *crawl[T]) progress(ctx context.Context, a *reply, objects int, fresh bool) error {
	switch {
	case fresh:
		p.repeated, p.empty = 0, 0
	case objects > 0 && p.position < p.again:
	case objects > 0:
		p.repeated++
	default:
		p.empty++
	}
	if p.repeated <= maxRepeated && p.empty <= maxEmpty {
		return nil
	}
	text := fmt.Sprintf("%s: %d pages in a row bring nothing new", ErrEndless, p.repeated+p.empty)
	return p.client.fail(ctx, a, Permanent, ErrEndless, text)
}
