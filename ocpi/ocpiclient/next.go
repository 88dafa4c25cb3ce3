package ocpiclient

import (
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
	p.total = page.Total
	if page.Limit > 0 {
		p.limit = page.Limit
	}
	first := p.requests == 1 && !p.linked
	p.linked, p.probing = false, false
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
	case link.state == linkLast, link.state == linkEmpty:
		return "", nil
	case link.state == linkAbsent && (!first || p.position >= p.total || objects == 0 || !c.profile.Has(quirk.LinkUnusable)):
		return "", nil
	case !c.profile.Has(quirk.LinkUnusable):
		return "", errors.New("the Link header cannot be read")
	}
	c.count(a, quirk.LinkUnusable)
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
