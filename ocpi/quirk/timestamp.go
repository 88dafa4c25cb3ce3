package quirk

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// offsetTimestamps is only counted: ocpi.DateTime reads them.
func offsetTimestamps() *repair {
	return &repair{fits: func(f ocpi.Finding) bool { return f.Code == ocpi.FindingTimestamp && !f.Unusable }}
}

func shortTimestamps() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Code == ocpi.FindingTimestamp && f.Unusable },
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			text, ok := at.value.text()
			return ok && setTime(at.value, shortTimestamp, text)
		},
	}
}

func unixTimestamps() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool {
			return f.Want == ocpi.WantTimestamp && f.Unusable && (f.Code == ocpi.FindingType || f.Code == ocpi.FindingTimestamp)
		},
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			text, ok := at.value.text()
			if at.value.kind() == '0' {
				text, ok = string(at.value.raw), true
			}
			return ok && setTime(at.value, unixTimestamp, text)
		},
	}
}

func setTime(n *node, read func(string) (ocpi.DateTime, bool), text string) bool {
	t, ok := read(text)
	if ok {
		n.setText(t.String())
	}
	return ok
}

// shortTimestamp reads a timestamp without seconds, or a date, in UTC where no zone is given.
func shortTimestamp(text string) (ocpi.DateTime, bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return ocpi.NewDateTime(t), true
		}
	}
	return ocpi.DateTime{}, false
}

// What can be seconds since 1970 in this field: from 2000 to 2100. A thousand times that are milliseconds.
const (
	year2000 = 946_684_800
	year2100 = 4_102_444_800
)

// unixTimestamp reads seconds or milliseconds since 1970. Fractions of a second are cut.
func unixTimestamp(text string) (ocpi.DateTime, bool) {
	whole, _, _ := strings.Cut(strings.TrimSpace(text), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return ocpi.DateTime{}, false
	}
	if n >= year2000*1000 {
		n /= 1000
	}
	if n < year2000 || n > year2100 {
		return ocpi.DateTime{}, false
	}
	return ocpi.NewDateTime(time.Unix(n, 0)), true
}

// missingLastUpdated fills what every object must have. The time says when the object changed, as far as the document
// tells: partners that leave it out would else seem to change everything whenever it is read.
func missingLastUpdated() *repair {
	return &repair{
		last: true,
		fits: func(f ocpi.Finding) bool {
			return absent(f) && f.Want == ocpi.WantTimestamp && strings.HasSuffix(f.Pointer, "/"+lastUpdated)
		},
		apply: func(d *document, at place, _ ocpi.Finding) bool {
			t, ok := d.changed(at.parents)
			if !ok {
				return false
			}
			if at.value != nil {
				at.value.setText(t.String())
				return true
			}
			return d.add(at.parent(), lastUpdated, quote(t.String()))
		},
	}
}

const lastUpdated = "last_updated"

// changed is when the last of a chain of objects, each of which is inside the one before, has changed: the newest time
// of its parts, or the last_updated of what contains it, or the time of receipt. A session that is running has just
// changed, whatever its parts say.
func (d *document) changed(chain []*node) (ocpi.DateTime, bool) {
	object := chain[len(chain)-1]
	received, known := ocpi.NewDateTime(d.received).Truncate(), !d.received.IsZero()
	if d.running(object) {
		return received, known
	}
	if t, ok := newest(object.write(nil), d.received); ok {
		return t, true
	}
	for _, n := range slices.Backward(chain) {
		if value := d.member(n, lastUpdated); value != nil {
			if t, ok := readTime(value.raw); ok {
				return t, true
			}
		}
	}
	return received, known
}

// running reports whether an object has begun and not ended.
func (d *document) running(n *node) bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			value := d.member(n, name)
			return value != nil && value.kind() != 'n'
		})
	}
	return has("start_datetime", "start_date_time") && !has("end_datetime", "end_date_time", "stop_date_time")
}

// newest returns the newest time at which something in an object happened: a change, or the end of a session. What lies
// after the receipt is a plan and did not happen.
func newest(object jsontext.Value, received time.Time) (found ocpi.DateTime, ok bool) {
	happened := []string{lastUpdated, "end_datetime", "end_date_time", "stop_date_time"}
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return found, ok
		}
		// Names and values of an object take turns: after a name, the number of both is odd.
		kind, length := dec.StackIndex(dec.StackDepth())
		if kind != '{' || length%2 == 0 || token.Kind() != '"' || !slices.Contains(happened, token.String()) {
			continue
		}
		if k := dec.PeekKind(); k != '"' && k != '0' {
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			return found, ok
		}
		t, readable := readTime(value)
		if !readable || !received.IsZero() && t.Time().After(received) {
			continue
		}
		if !ok || t.Compare(found) > 0 {
			found, ok = t, true
		}
	}
}

// readTime reads a timestamp in any form that partners write.
func readTime(value jsontext.Value) (ocpi.DateTime, bool) {
	n := node{raw: value}
	text, ok := n.text()
	if !ok {
		text = string(value)
	}
	if t, err := ocpi.ParseDateTime(text); err == nil {
		return t, true
	}
	if t, ok := shortTimestamp(text); ok {
		return t, true
	}
	return unixTimestamp(text)
}
