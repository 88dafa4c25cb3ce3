package ocpiclient

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// next returns the URL of the page after this one; empty where it is the last.
func (p *crawl[T]) next(a *reply, page *Page[T]) (string, error) {
	c, objects := p.client, len(page.Items)+len(page.Problems)
	p.position += objects
	p.listed += objects
	p.counts(page.Total)
	if page.Limit > 0 {
		p.limit = min(page.Limit, cmp.Or(p.asked, page.Limit))
	}
	p.linked = false
	link := readLink(a.header.Values("Link"))
	if link.state == linkEmpty {
		c.count(a, quirk.EmptyLinkHeader)
	}
	if p.offsets {
		return p.counted(link, objects), nil
	}
	switch target := p.target(a, link); {
	case target != nil:
		return p.follow(a, target, link.odd)
	case link.state == linkAbsent, link.state == linkLast, link.state == linkEmpty:
		return p.probe(), nil
	case !c.profile.Has(quirk.LinkUnusable):
		return "", errors.New("the Link header cannot be read")
	}
	c.count(a, quirk.LinkUnusable)
	p.offsets = true
	return p.counted(link, objects), nil
}

// probe returns the URL of what comes after a page without a Link to go on, where the total says that there is more:
// partners lose Links (requirement TF-28). It is empty where the list is at its end.
func (p *crawl[T]) probe() string {
	if p.listed >= p.total || p.cursor != "" || !p.client.profile.Has(quirk.LinkUnusable) {
		return ""
	}
	target := p.atOffset(p.position)
	if p.visited[target] {
		return ""
	}
	p.offsets, p.probing = true, true
	return target
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
	if p.losesFilters(target) && p.client.profile.Has(quirk.LinkUnusable) {
		return nil
	}
	target.Fragment = ""
	return target
}

// losesFilters reports whether a Link by offset does not repeat the dates that were asked for (requirement TF-22): it leads into
// another list, and what is between the places of the same number would be missed.
func (p *crawl[T]) losesFilters(target *url.URL) bool {
	query := target.Query()
	if p.cursor != "" || !query.Has("offset") {
		return false
	}
	start, err := url.Parse(p.start)
	if err != nil {
		return false
	}
	asked := start.Query()
	return asked.Has("date_from") && !query.Has("date_from") || asked.Has("date_to") && !query.Has("date_to")
}

// follow returns the URL that a Link leads to. On another host it is called on the endpoint's own, where the partner is
// known for this, and not at all otherwise.
func (p *crawl[T]) follow(a *reply, target *url.URL, odd bool) (string, error) {
	if odd {
		p.client.count(a, quirk.LinkCurlyQuotes)
	}
	if target.User != nil || !sameHost(target, p.host) && !sameHost(target, a.from) {
		if !p.client.profile.Has(quirk.LinkWrongHost) {
			return "", fmt.Errorf("%w: its Link leads to %s://%s", ErrOtherHost, target.Scheme, target.Host)
		}
		p.client.count(a, quirk.LinkWrongHost)
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

// unusableLink reports whether the page that a Link led to is refused as no page at all, as by partners whose Links have
// mistakes in them.
func (p *crawl[T]) unusableLink(err error) bool {
	return p.linked && !p.offsets && p.client.profile.Has(quirk.LinkUnusable) && noPage(err)
}

// noPage reports whether a partner says that what was asked for is no page of its list.
func noPage(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
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

// offsetOf is the offset that a URL names; 0 where it names none.
func offsetOf(target string) int {
	u, err := url.Parse(target)
	if err != nil {
		return 0
	}
	offset, err := strconv.Atoi(u.Query().Get("offset"))
	if err != nil {
		return 0
	}
	return max(0, offset)
}

// earlier is the URL of a page that begins so many objects before; empty where the page is not named by an offset, or is
// the first.
func earlier(target string, objects int) string {
	offset := offsetOf(target)
	u, err := url.Parse(target)
	if err != nil || offset == 0 {
		return ""
	}
	query := u.Query()
	query.Set("offset", strconv.Itoa(max(0, offset-objects)))
	u.RawQuery = query.Encode()
	return u.String()
}
