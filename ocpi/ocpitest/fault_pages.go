package ocpitest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// The actions here are about the pages of lists. Other answers go out as they are.

// EndlessPages gives every page a Link to one more, which has another offset and the same objects.
func EndlessPages() Action {
	return endless(func(items []jsontext.Value, _ int) []jsontext.Value { return items })
}

// EndlessNewPages is EndlessPages with objects that are new on every page: the page's offset is put to their ids.
func EndlessNewPages() Action {
	return endless(func(items []jsontext.Value, offset int) []jsontext.Value {
		for i, item := range items {
			items[i] = renamed(item, fmt.Sprintf("-%d", offset))
		}
		return items
	})
}

// endless answers with the first page, changed, wherever the request starts.
func endless(change func(items []jsontext.Value, offset int) []jsontext.Value) Action {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			offset, _ := strconv.Atoi(query.Get("offset")) // 0 where there is none, or none that can be read
			query.Del("cursor")
			a := answerOf(next, withQuery(r, query, "offset", "0"))
			envelope, ok := page(a)
			if ok {
				query.Set("offset", strconv.Itoa(offset+max(len(envelope.Data), 1)))
				a.Header.Set("Link", nextLink(r, query))
				envelope.Data = change(envelope.Data, offset)
				a.Body = encode(envelope)
			}
			a.send(w)
		})
	}
}

// renamed puts a text to the id of an object, or to what is its id.
func renamed(item jsontext.Value, suffix string) jsontext.Value {
	var members map[string]jsontext.Value
	if json.Unmarshal(item, &members) != nil {
		return item
	}
	for _, name := range []string{"id", "uid"} {
		var id string
		if json.Unmarshal(members[name], &id) == nil {
			members[name] = encode(id + suffix)
			return encode(members)
		}
	}
	return item
}

// LoopingLink gives every page a Link to itself.
func LoopingLink() Action {
	return changePage(func(r *http.Request, a *Answer) { a.Header.Set("Link", nextLink(r, r.URL.Query())) })
}

// TinyPages puts at most this many objects into a page, however many the client asks for.
func TinyPages(objects int) Action {
	limit := strconv.Itoa(max(objects, 1))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, withQuery(r, r.URL.Query(), "limit", limit))
		})
	}
}

// LinkHost puts another host, with a port if it has one, into the Link to the next page.
func LinkHost(host string) Action {
	return LinkText(func(link string) string {
		return linkURL.ReplaceAllStringFunc(link, func(written string) string {
			u, err := url.Parse(written[1 : len(written)-1])
			if err != nil {
				return written
			}
			u.Host = host
			return "<" + u.String() + ">"
		})
	})
}

var linkURL = regexp.MustCompile(`<[^>]*>`)

// LinkText changes the text of the header Link, where there is one:
//
//	ocpitest.LinkText(func(link string) string { return strings.ReplaceAll(link, `"`, "”") })
func LinkText(change func(link string) string) Action {
	return changePage(func(_ *http.Request, a *Answer) {
		if link := a.Header.Get("Link"); link != "" {
			a.Header.Set("Link", change(link))
		}
	})
}

func changePage(change func(r *http.Request, a *Answer)) Action {
	return Change(func(r *http.Request, a *Answer) {
		if _, ok := page(a); ok {
			change(r, a)
		}
	})
}

// page reads an answer that is the page of a list.
func page(a *Answer) (ocpi.Envelope[[]jsontext.Value], bool) {
	var envelope ocpi.Envelope[[]jsontext.Value]
	if a.HTTP != http.StatusOK || a.Header.Get("X-Total-Count") == "" || json.Unmarshal(a.Body, &envelope) != nil {
		return envelope, false
	}
	return envelope, true
}

// withQuery is the same request with another query.
func withQuery(r *http.Request, query url.Values, name, value string) *http.Request {
	query.Set(name, value)
	changed := r.Clone(r.Context())
	changed.URL.RawQuery = query.Encode()
	return changed
}

func nextLink(r *http.Request, query url.Values) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}
	return fmt.Sprintf("<%s>; rel=\"next\"", u.String())
}
