package ocpitest

import (
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// list serves a page. There is no largest limit, X-Limit is what was asked for, and the Link to the next page cannot be
// followed: it has names of Python's in its path, always the scheme https and the role cpo, and None for a date that
// was not given.
func (c *pythonCall) list() Answer {
	q, errors := pythonQueryOf(c.r.URL.Query())
	if len(errors) > 0 {
		return *unprocessable(errors...)
	}
	a := c.ask(http.MethodGet, c.path, q.values(), nil)
	data, refusal := dataOf(a)
	if refusal != nil {
		return *refusal
	}
	var items []jsontext.Value
	if err := json.Unmarshal(data, &items); err != nil {
		return *pythonFailure(ocpi.StatusServerError)
	}
	if q.limit <= 0 {
		items = nil
	}
	for i, item := range items {
		items[i] = pythonForm(item, pythonType(c.route.object))
	}
	answer := success(pythonList(items...))
	total := a.Header.Get("X-Total-Count")
	answer.Header = http.Header{"X-Total-Count": {total}, "X-Limit": {q.limitText}, "Link": {""}}
	if n, err := strconv.Atoi(total); err == nil && q.offset+max(q.limit, 0) < n {
		answer.Header.Set("Link", c.next(q))
	}
	return answer
}

func (c *pythonCall) next(q pythonQuery) string {
	module := c.path[strings.LastIndexByte(c.path, '/')+1:]
	values := "date_from=" + url.QueryEscape(q.from.python) + "&date_to=" + url.QueryEscape(q.to.python) +
		"&offset=" + strconv.Itoa(q.offset+max(q.limit, 0)) + "&limit=" + q.limitText
	return "<https://" + c.r.Host + pythonPrefix + "/cpo/VersionNumber.v_2_1_1/ModuleID." + module + "/?" + values + `>; rel="next"`
}

// A pythonQuery is the query of a list.
type pythonQuery struct {
	limit, offset int
	limitText     string
	from, to      pythonDate
}

// A pythonDate is a date as they write it, None if there is none, and as our server reads it.
type pythonDate struct{ python, ours string }

const defaultPythonLimit = "50"

func pythonQueryOf(values url.Values) (q pythonQuery, errors []pythonError) {
	number := func(name, byDefault string) (int, string) {
		text := last(values, name, byDefault)
		n, err := strconv.Atoi(text)
		if err != nil && !wholeNumber.MatchString(text) {
			errors = append(errors, pythonError{[]any{"query", name}, "value is not a valid integer", "type_error.integer"})
		}
		return n, text // a number that is too large for us is the largest we have
	}
	date := func(name string) pythonDate {
		d, ok := parsePythonDate(last(values, name, ""))
		if !ok {
			errors = append(errors, pythonError{[]any{"query", name}, "invalid datetime format", "value_error.datetime"})
		}
		return d
	}
	q.from, q.to = date("date_from"), date("date_to")
	q.offset, _ = number("offset", "0")
	q.limit, q.limitText = number("limit", defaultPythonLimit)
	q.offset, q.limit = min(max(q.offset, 0), math.MaxInt32), min(q.limit, math.MaxInt32)
	return q, errors
}

var wholeNumber = regexp.MustCompile(`^[+-]?\d+$`)

// last is the last of several values.
func last(values url.Values, name, byDefault string) string {
	if all := values[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return byDefault
}

// values are the query for the Partner's server, which wants to be told from when sessions are.
func (q pythonQuery) values() url.Values {
	values := url.Values{"limit": {strconv.Itoa(max(q.limit, 1))}, "offset": {strconv.Itoa(q.offset)}, "date_from": {"1970-01-01T00:00:00Z"}}
	if q.from.ours != "" {
		values.Set("date_from", q.from.ours)
	}
	if q.to.ours != "" {
		values.Set("date_to", q.to.ours)
	}
	return values
}

var pythonDateForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?$`)

// parsePythonDate reads a timestamp, or seconds since 1970.
func parsePythonDate(text string) (pythonDate, bool) {
	if text == "" {
		return pythonDate{python: "None"}, true
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		d := ocpi.NewDateTime(time.Unix(seconds, 0))
		return pythonDate{strings.Replace(strings.TrimSuffix(d.String(), "Z"), "T", " ", 1) + "+00:00", d.String()}, true
	}
	m := pythonDateForm.FindStringSubmatch(text)
	if m == nil {
		return pythonDate{}, false
	}
	if len(m[2]) == len("12:00") {
		m[2] += ":00"
	}
	d, err := ocpi.ParseDateTime(m[1] + "T" + m[2] + m[3])
	if err != nil {
		return pythonDate{}, false
	}
	zone := strings.Replace(m[3], "Z", "+00:00", 1)
	return pythonDate{m[1] + " " + m[2] + zone, d.String()}, true
}
