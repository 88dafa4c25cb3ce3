package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// secrets are what nothing of an exchange may repeat, in the forms in which partners do: as it is, in Base64, in hex, and
// each of them escaped as in URLs and in JSON, also several times. Case does not matter.
type secrets struct {
	list  []string
	forms []form
	// pairs are the first two bytes of the forms, a bit for each, so that one look at a text is enough for all of them.
	pairs [1 << 16 / 64]uint64

	// view is the text in which forms are looked for, and at where each of its bytes was in the text that was given; empty
	// while they are where they were.
	view  []byte
	at    []int
	found []span
}

// A form is one in which a secret may be written. In Base64 the byte before or after may hold some of its bits.
type form struct {
	text          string
	before, after bool
}

const (
	// minPart is how much of a secret is recognised where a text was cut in the middle of it.
	minPart = 8
	// escapes is how often a text may be escaped: JSON in JSON in a URL.
	escapes = 3
)

// set says which secrets there are. Those shorter than minKnown would be found everywhere.
func (s *secrets) set(list []string) {
	if slices.Equal(s.list, list) {
		return // as with most exchanges of a partner
	}
	s.list, s.forms = append(s.list[:0], list...), s.forms[:0]
	clear(s.pairs[:])
	for _, secret := range list {
		if len(secret) >= minKnown {
			s.add(secret)
		}
	}
	slices.SortStableFunc(s.forms, func(a, b form) int { return len(b.text) - len(a.text) })
	for _, f := range s.forms {
		pair := pairOf(f.text[0], f.text[1])
		s.pairs[pair/64] |= 1 << (pair % 64)
	}
}

func pairOf(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

func (s *secrets) add(secret string) {
	forms := []form{{text: secret}, {text: hex.EncodeToString([]byte(secret))}}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			forms = append(forms, inBase64(encoding, secret, before))
		}
	}
	for _, f := range forms {
		if f.text = strings.ToLower(f.text); !slices.Contains(s.forms, f) {
			s.forms = append(s.forms, f)
		}
	}
}

// inBase64 is what a secret is in the Base64 of a text that has so many bytes before it, modulo three, whatever comes
// after it.
func inBase64(encoding *base64.Encoding, secret string, before int) form {
	const bits = 6
	written := encoding.EncodeToString(append(make([]byte, before), secret...))
	first, end := (before*8+bits-1)/bits, (before+len(secret))*8/bits
	return form{text: written[first:end], before: before > 0, after: end < len(written)}
}

// exchange takes the secrets out of an exchange, all but its bodies.
func (s *secrets) exchange(e ocpi.Exchange) ocpi.Exchange {
	if len(s.forms) == 0 {
		return e
	}
	for _, text := range []*string{&e.Method, &e.URL, &e.RequestID, &e.CorrelationID, &e.Error} {
		*text = s.text(*text)
	}
	findings := slices.Clone(e.Findings[:min(len(e.Findings), maxFindings+1)]) // they are others' too
	for i := range findings {
		findings[i].Pointer, findings[i].Message = s.text(findings[i].Pointer), s.text(findings[i].Message)
	}
	e.Findings = append(findings, e.Findings[len(findings):]...)
	e.Losses.First = slices.Clone(e.Losses.First[:min(len(e.Losses.First), maxLosses)])
	for i := range e.Losses.First {
		l := &e.Losses.First[i]
		l.Pointer, l.Reason = s.text(l.Pointer), s.text(l.Reason)
	}
	return e
}

// record takes them out of what was made of an exchange.
func (s *secrets) record(r *Record) {
	for _, text := range []*string{&r.Method, &r.URL, &r.Object, &r.RequestID, &r.CorrelationID, &r.Request, &r.Response, &r.Error} {
		*text = s.text(*text)
	}
	for i := range r.Findings {
		r.Findings[i] = s.text(r.Findings[i])
	}
	for i := range r.Losses {
		r.Losses[i] = s.text(r.Losses[i])
	}
}

func (s *secrets) text(text string) string {
	if len(s.forms) == 0 || text == "" {
		return text
	}
	return string(s.body([]byte(text), false))
}

// body returns a text without the secrets, which is the text itself where there are none in it. A text that was cut may
// end anywhere in one.
func (s *secrets) body(raw []byte, cut bool) []byte {
	if len(s.forms) == 0 || len(raw) == 0 {
		return raw
	}
	s.found = s.found[:0]
	s.look(raw)
	for range escapes {
		s.search(cut)
		if !s.unescape() {
			break
		}
	}
	if len(s.found) == 0 {
		return raw
	}
	slices.SortFunc(s.found, func(a, b span) int { return a.start - b.start })
	var kept []byte
	at := 0
	for _, f := range s.found {
		if f.start >= at {
			kept = append(append(kept, raw[at:f.start]...), stars...)
		}
		at = max(at, f.end)
	}
	return append(kept, raw[at:]...)
}

// look begins the view of a text, in small letters.
func (s *secrets) look(raw []byte) {
	s.view, s.at = append(s.view[:0], raw...), s.at[:0]
	for i, c := range s.view {
		s.view[i] = small(c)
	}
}

// place is where a byte of the view was in the text.
func (s *secrets) place(i int) int {
	if len(s.at) == 0 {
		return i
	}
	return s.at[i]
}

func small(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// search notes where forms are in the view.
func (s *secrets) search(cut bool) {
	view := s.view
	for i := 0; i+1 < len(view); i++ {
		pair := pairOf(view[i], view[i+1])
		if s.pairs[pair/64]&(1<<(pair%64)) == 0 {
			continue
		}
		if start, end := s.match(i, cut); end > start {
			s.found = append(s.found, span{s.place(start), s.place(end)})
			i = end - 1
		}
	}
}

// match is what the longest form has of the view at a place.
func (s *secrets) match(at int, cut bool) (start, end int) {
	for _, f := range s.forms {
		n := same(s.view[at:], f.text)
		if n < len(f.text) {
			if n > end-at && cutAfter(s.view[at+n:], n, cut) {
				start, end = at, at+n
			}
			continue
		}
		if start, end = at, at+n; f.before && start > 0 && ofBase64(s.view[start-1]) {
			start--
		}
		if f.after && end < len(s.view) && ofBase64(s.view[end]) {
			end++
		}
		return start, end
	}
	return start, end
}

func same(text []byte, form string) int {
	n := min(len(text), len(form))
	for i := range n {
		if text[i] != form[i] {
			return i
		}
	}
	return n
}

// cutAfter reports whether a text was cut after n bytes of a form.
func cutAfter(rest []byte, n int, cut bool) bool {
	if len(rest) == 0 {
		return cut || n >= minPart
	}
	rest = bytes.TrimLeft(rest, " ")
	return n >= minPart && (bytes.HasPrefix(rest, []byte("…")) || bytes.HasPrefix(rest, []byte("...")))
}

func ofBase64(c byte) bool {
	return small(c) >= 'a' && small(c) <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("+/-_", c) >= 0
}

// unescape takes one level of escapes out of the view, and reports whether there were any.
func (s *secrets) unescape() bool {
	first := bytes.IndexAny(s.view, `%\`)
	if first < 0 {
		return false
	}
	if len(s.at) == 0 {
		for i := range len(s.view) + 1 {
			s.at = append(s.at, i)
		}
	}
	n := first
	for i := first; i < len(s.view); n++ {
		c, length := unescapedByte(s.view[i:])
		s.view[n], s.at[n] = small(c), s.at[i]
		i += length
	}
	changed := n < len(s.view)
	s.at[n] = s.at[len(s.view)]
	s.view, s.at = s.view[:n], s.at[:n+1]
	return changed
}

// unescapedByte is what a text begins with, and how many bytes of it that takes. Secrets are ASCII: what is not is any
// byte that is not.
func unescapedByte(text []byte) (c byte, length int) {
	const percent, u = 3, 6
	switch {
	case text[0] == '%' && len(text) >= percent:
		if n, err := strconv.ParseUint(string(text[1:percent]), 16, 8); err == nil {
			return byte(n), percent
		}
	case text[0] == '\\' && len(text) >= u && text[1] == 'u':
		if n, err := strconv.ParseUint(string(text[2:u]), 16, 16); err == nil {
			return byte(min(n, 0xff)), u
		}
	case text[0] == '\\' && len(text) >= 2:
		if strings.IndexByte("bfnrt", text[1]) >= 0 {
			return '\n', 2
		}
		return text[1], 2
	}
	return text[0], 1
}
