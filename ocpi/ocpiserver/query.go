package ocpiserver

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// query reads the parameters of a list (requirements TF-18 to TF-34).
func (c *call) query() (ocpi.Query, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return ocpi.Query{}, ocpi.InvalidParameters("the query cannot be read: %v", err)
	}
	q := ocpi.Query{Limit: c.server.config.PageLimit, Cursor: values.Get(cursorParameter)}
	if q.DateFrom, err = dateParameter(values, "date_from"); err != nil {
		return q, err
	}
	if q.DateTo, err = dateParameter(values, "date_to"); err != nil {
		return q, err
	}
	if q.Offset, err = countParameter(values, "offset", 0, 0); err != nil {
		return q, err
	}
	limit, err := countParameter(values, "limit", q.Limit, 1)
	q.Limit = min(q.Limit, limit)
	return q, err
}

// cursorParameter carries the place in the list. It is ours alone; offset beside it is for people and for clients
// that look at it.
const cursorParameter = "cursor"

// countParameter reads a whole number. Numbers too large for an int are as good as the largest one: an offset beyond
// the end, or a limit above ours.
func countParameter(values url.Values, name string, fallback, least int) (int, error) {
	text := strings.TrimSpace(values.Get(name))
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if numError, ok := err.(*strconv.NumError); ok && numError.Err == strconv.ErrRange && text[0] != '-' { //nolint:errorlint // Atoi returns it bare
		return math.MaxInt, nil
	}
	if err != nil || n < least {
		return 0, ocpi.InvalidParameters("%s must be a whole number from %d, not %q", name, least, text)
	}
	return n, nil
}

func dateParameter(values url.Values, name string) (time.Time, error) {
	text := strings.TrimSpace(values.Get(name))
	if text == "" {
		return time.Time{}, nil
	}
	d, err := ocpi.ParseDateTime(text)
	if err != nil {
		// A + that was not escaped arrives as a space: 2026-01-31T12:00:00 01:00.
		if i := strings.LastIndexByte(text, ' '); i > 0 {
			d, err = ocpi.ParseDateTime(text[:i] + "+" + text[i+1:])
		}
	}
	if err != nil {
		return time.Time{}, ocpi.InvalidParameters("%s: %q is not a timestamp such as 2026-01-31T12:00:00Z", name, text)
	}
	return d.Time(), nil
}

// pageHeaders sets the headers of a page (requirements TF-21 to TF-26). The next page is named by offset and limit,
// as clients expect, and by a cursor where the backend has one, so that the page is found by key and stays complete
// while objects change.
func (c *call) pageHeaders(q ocpi.Query, items, total int, next string) {
	h := c.w.Header()
	h.Set("X-Total-Count", strconv.Itoa(total))
	h.Set("X-Limit", strconv.Itoa(q.Limit))
	after := q.Offset + items
	if next == "" && (after >= total || items == 0) {
		return
	}
	h.Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", c.url(), nextQuery(q, after, next)))
}

// nextQuery repeats the filters, so that the next page is one of the same list (requirement TF-22).
func nextQuery(q ocpi.Query, offset int, cursor string) string {
	values := url.Values{}
	if !q.DateFrom.IsZero() {
		values.Set("date_from", ocpi.NewDateTime(q.DateFrom).String())
	}
	if !q.DateTo.IsZero() {
		values.Set("date_to", ocpi.NewDateTime(q.DateTo).String())
	}
	values.Set("offset", strconv.Itoa(offset))
	values.Set("limit", strconv.Itoa(q.Limit))
	if cursor != "" {
		values.Set(cursorParameter, cursor)
	}
	return values.Encode()
}

// url is this request's own URL as partners see it, without the query.
func (c *call) url() string { return c.server.base + c.r.URL.EscapedPath() }

// tokenType reads the type of a token, which the text of 2.1.1 calls type and its table token_type (requirement
// TOK-06).
func tokenType(r *http.Request) string {
	values := r.URL.Query()
	if t := values.Get("type"); t != "" {
		return t
	}
	return values.Get("token_type")
}
