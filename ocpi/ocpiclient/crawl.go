package ocpiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
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

	// position is the number of objects before the next page, limit how many a page can have, total how many there are
	// by the last page; -1 where it is not known.
	position, limit, total int
	// linked tells that the next page was named by a Link, offsets that Links are not followed any more.
	linked, offsets bool
	// probing tells that the first page has no Link although its total says that there is more.
	probing bool

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
		if u, err := url.Parse(next); err != nil || !sameHost(u, p.host) {
			yield(Page[T]{}, p.fail(next, ErrOtherHost, "the cursor is no page of this list"))
			return
		}
	}
	for next != "" {
		probe := p.probing
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
		if probe && p.repeated+p.empty > 0 { // there is nothing more, whatever the total says
			return
		}
		if !yield(page, nil) {
			return
		}
		next = page.Next
	}
}

// unusableLink reports whether the page that a Link led to is refused as no page at all, as by partners whose Links have
// mistakes in them.
func (p *crawl[T]) unusableLink(err error) bool {
	var e *Error
	if !p.linked || p.offsets || !p.client.profile.Has(quirk.LinkUnusable) || !errors.As(err, &e) {
		return false
	}
	switch e.HTTP {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnprocessableEntity:
		return true
	default:
		return e.Status == ocpi.StatusInvalidParameters
	}
}

// giveUpLinks counts objects from now on, and returns where it goes on.
func (p *crawl[T]) giveUpLinks() string {
	p.offsets, p.linked = true, false
	p.quirks = append(p.quirks, quirk.LinkUnusable)
	return p.atOffset(p.position)
}

// atOffset is the URL of the list from an object on.
func (p *crawl[T]) atOffset(offset int) string {
	u, err := url.Parse(p.start)
	if err != nil {
		return ""
	}
	query := u.Query()
	query.Set("offset", strconv.Itoa(offset))
	if p.limit > 0 {
		query.Set("limit", strconv.Itoa(p.limit))
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// page gets one page.
func (p *crawl[T]) page(ctx context.Context, target string) (Page[T], error) {
	a, err := p.get(ctx, target)
	if err != nil {
		return Page[T]{}, err
	}
	if earlier := p.shifted(a, target); earlier != "" {
		if b, err := p.get(ctx, earlier); err == nil {
			p.client.tell(ctx, a.exchange)
			delete(p.visited, target) // other objects are there now
			p.position = max(0, p.position-(p.total-count(a, totalHeader)))
			a = b
		}
	}
	page, err := p.read(ctx, a)
	if err != nil {
		return Page[T]{}, err
	}
	page.Next, err = p.next(ctx, a, &page)
	if err != nil {
		return Page[T]{}, err
	}
	p.client.tell(ctx, a.exchange)
	return page, nil
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
	return p.client.do(ctx, request{method: http.MethodGet, url: target, module: p.kind.module, quirks: quirks})
}

// fail is the error of a chain of pages.
func (p *crawl[T]) fail(target string, cause error, text string) *Error {
	return &Error{Kind: Permanent, Method: http.MethodGet, URL: shown(target), Message: cause.Error() + ": " + text, Err: cause}
}

// shifted returns the URL to ask again where objects before this page have gone since the page before: those after them
// have moved up, and some of them would be missed (requirement TF-30). It is empty where nothing has gone, or where the
// page is not named by an offset.
func (p *crawl[T]) shifted(a *reply, target string) string {
	total := count(a, totalHeader)
	if total < 0 || p.total <= total {
		return ""
	}
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	query := u.Query()
	offset, err := strconv.Atoi(query.Get("offset"))
	if err != nil || offset <= 0 {
		return ""
	}
	query.Set("offset", strconv.Itoa(max(0, offset-(p.total-total))))
	u.RawQuery = query.Encode()
	if earlier := u.String(); !p.visited[earlier] {
		return earlier
	}
	return ""
}

// read reads the objects of a page. One that cannot be used does not keep the others from being delivered.
func (p *crawl[T]) read(ctx context.Context, a *reply) (Page[T], error) {
	c := p.client
	all, ok := elements(c, a)
	if !ok {
		return Page[T]{}, c.fail(ctx, a, Permanent, nil, "no list: its data is none")
	}
	page := Page[T]{Items: make([]T, 0, len(all)), Total: count(a, totalHeader), Limit: max(0, count(a, limitHeader))}
	env, profile := c.env(ctx, c.only(p.role)), c.profile.At(a.exchange.At)
	fresh := false
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
	return page, p.progress(ctx, a, len(all), fresh)
}

func (p *crawl[T]) object(a *reply, element jsontext.Value, i int, env convert.Env, profile quirk.Profile) (T, *ObjectError) {
	object, report, err := p.kind.codec.Read(element, env, profile)
	a.note(report, "/"+strconv.Itoa(i))
	if err != nil {
		return object, &ObjectError{Object: p.kind.codec.Object, Index: i, ID: idOf(element), Findings: report.Findings, Err: err}
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
	return clean(id, nil)
}

// progress ends a chain of pages that brings nothing new for too long.
func (p *crawl[T]) progress(ctx context.Context, a *reply, objects int, fresh bool) error {
	switch {
	case fresh:
		p.repeated, p.empty = 0, 0
	case objects > 0:
		p.repeated++
	default:
		p.empty++
	}
	if p.repeated <= maxRepeated && p.empty <= maxEmpty {
		return nil
	}
	return p.client.fail(ctx, a, Permanent, ErrEndless, fmt.Sprintf("%s: %d pages in a row bring nothing new", ErrEndless, p.repeated+p.empty))
}

// next returns the URL of the page after this one; empty where it is the last.
func (p *crawl[T]) next(ctx context.Context, a *reply, page *Page[T]) (string, error) {
	c, objects := p.client, len(page.Items)+len(page.Problems)
	p.position += objects
	p.total = page.Total
	if page.Limit > 0 {
		p.limit = page.Limit
	}
	first := p.requests == 1 && !p.linked
	p.linked, p.probing = false, false
	link := readLink(a.header.Values("Link"))
	if p.offsets {
		return p.counted(link, objects), nil
	}
	switch target := p.target(a, link); {
	case target != nil:
		return p.follow(ctx, a, target, link.odd)
	case link.state == linkLast, link.state == linkAbsent && (!first || p.position >= p.total || objects == 0):
		return "", nil
	case link.state == linkEmpty:
		if c.profile.Has(quirk.EmptyLinkHeader) {
			a.apply(quirk.EmptyLinkHeader)
		}
		return "", nil
	case !c.profile.Has(quirk.LinkUnusable):
		if link.state == linkAbsent {
			return "", nil
		}
		return "", c.fail(ctx, a, Permanent, nil, "a Link header that cannot be read")
	}
	a.apply(quirk.LinkUnusable)
	p.offsets, p.probing = true, link.state == linkAbsent
	return p.counted(link, objects), nil
}

// target is what a Link leads to, seen from where it was found; nil where there is none that can be used.
func (p *crawl[T]) target(a *reply, link pageLink) *url.URL {
	if link.state != linkNext || link.odd && !p.client.profile.Has(quirk.LinkCurlyQuotes) {
		return nil
	}
	target, err := a.from.Parse(link.next)
	if err != nil {
		return nil
	}
	target.Fragment = ""
	return target
}

// follow returns the URL that a Link leads to. On another host it is called on the endpoint's own, where the partner is
// known for this, and not at all otherwise.
func (p *crawl[T]) follow(ctx context.Context, a *reply, target *url.URL, odd bool) (string, error) {
	if odd {
		a.apply(quirk.LinkCurlyQuotes)
	}
	if target.User != nil || !sameHost(target, p.host) && !sameHost(target, a.from) {
		if !p.client.profile.Has(quirk.LinkWrongHost) {
			return "", p.client.fail(ctx, a, Permanent, ErrOtherHost, fmt.Sprintf("a Link to %s://%s: %s", target.Scheme, target.Host, ErrOtherHost))
		}
		a.apply(quirk.LinkWrongHost)
		target.Scheme, target.Host, target.User, target.Opaque = p.host.Scheme, p.host.Host, nil, ""
	}
	p.linked = true
	return target.String(), nil
}

// counted returns the next page by its offset, while anything says that there is one: a Link that cannot be followed, the
// total, or without that a page that is full. A short page alone is not the end (requirement TF-28), an empty one is.
func (p *crawl[T]) counted(link pageLink, objects int) string {
	full := p.limit > 0 && objects >= p.limit
	switch {
	case objects == 0:
		return ""
	case link.state == linkNext, link.state == linkBroken, p.position < p.total, p.total < 0 && full:
		return p.atOffset(p.position)
	default:
		return ""
	}
}
