package exchange

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A masker makes records of exchanges. One goroutine at a time uses it.
type masker struct {
	unmasked bool
	// known is what has been taken out of the exchange so far, the longest first, because one may be a part of another: what
	// a request names, answers and errors quote.
	known []replacement
	// secrets are those that came with the exchange, then those that were found in it, too.
	secrets secrets
	// learned are the secrets that were found.
	learned []string
	doc     document
}

type replacement struct{ text, kept string }

func newMasker(unmasked bool) *masker {
	m := &masker{unmasked: unmasked}
	m.doc = document{masker: m, dec: jsontext.NewDecoder(new(bytes.Buffer))}
	return m
}

const (
	// maxKnown bounds how much is looked for, and minKnown how short it may be: the text 1 is everywhere.
	maxKnown, minKnown = 32, 4

	maxFindings = 10
	maxLosses   = 10
	maxURL      = 2 << 10
	maxText     = 1 << 10
	maxMethod   = 32
)

// record makes the record of an exchange. The secrets that came with it go before anything is read, and those that were
// found in it from all of the record: they may have been repeated before the place that gave them away.
func (m *masker) record(e *ocpi.Exchange) Record {
	m.learned = m.learned[:0]
	m.secrets.set(e.Secrets)
	clean := m.secrets.exchange(*e)
	r := m.masked(&clean)
	if len(m.learned) > 0 {
		m.secrets.set(m.learned)
		m.secrets.record(&r)
	}
	return r
}

// masked makes the record of an exchange that has lost its secrets but for those in its bodies.
func (m *masker) masked(e *ocpi.Exchange) Record {
	m.known = m.known[:0]
	most := lengthsOf(e)
	r := Record{
		At: e.At, Direction: e.Direction, Partner: e.Partner, Method: short(e.Method, maxMethod), Module: e.Module,
		RequestID: short(e.RequestID, most.id), CorrelationID: short(e.CorrelationID, most.id), HTTP: e.HTTP, Status: e.Status, Duration: e.Duration,
		RequestSize: e.RequestSize, ResponseSize: e.ResponseSize, Quirks: e.Quirks,
	}
	r.URL = short(m.url(e), most.url)
	r.Object = short(m.object(e), min(most.url, maxText))
	r.Request = m.body(e.RequestBody, e.RequestSize, e.Module)
	if e.Module == ocpi.ModuleCDRs && r.Object == "" && e.Method == "POST" {
		r.Object = short(m.doc.id, maxText)
	}
	r.Response = m.body(e.ResponseBody, e.ResponseSize, e.Module)
	r.Findings = m.findings(e.Findings)
	r.Losses = m.losses(&e.Losses)
	r.Error = short(m.text(e.Error), maxText)
	return r
}

func (m *masker) body(raw []byte, size int64, module ocpi.ModuleID) string {
	m.doc.id = ""
	if len(raw) == 0 {
		return ""
	}
	whole := int64(len(raw)) >= size
	m.doc.raw, m.doc.module = m.secrets.body(raw, !whole), module
	return m.doc.mask(size, whole)
}

// findings are the first findings in words. One about a secret may quote it.
func (m *masker) findings(findings []ocpi.Finding) []string {
	var lines []string
	for i, f := range findings {
		if i == maxFindings {
			return append(lines, fmt.Sprintf("and %d more", len(findings)-i))
		}
		if c := classOf([]byte(f.Pointer[strings.LastIndexByte(f.Pointer, '/')+1:])); c != plain && c != evse && strings.Contains(f.Message, `"`) {
			f.Message = string(f.Code)
		}
		line := strings.ReplaceAll(m.text(f.String()), "\n", " ") // a record has one on each line
		lines = append(lines, short(line, maxText))
	}
	return lines
}

// losses are the first losses in words. One may quote what is lost, which is left out where it is masked elsewhere.
func (m *masker) losses(losses *ocpi.Losses) []string {
	var lines []string
	for _, l := range losses.First[:min(len(losses.First), maxLosses)] {
		if c := classOf([]byte(l.Pointer[strings.LastIndexByte(l.Pointer, '/')+1:])); c != plain && c != evse {
			l.Reason = "lost"
		}
		text := l.String()
		if l.Withheld {
			text += " (withheld)"
		}
		line := strings.ReplaceAll(m.text(text), "\n", " ") // a record has one on each line
		lines = append(lines, short(line, maxText))
	}
	if more := losses.Total() - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// learn returns what is kept of a secret, and remembers it to know it again.
func (m *masker) learn(text string, c class) (kept string) {
	kept = mask(text)
	if c == secret && text != "" {
		kept = stars
		if len(m.learned) < maxKnown && !slices.Contains(m.learned, text) {
			m.learned = append(m.learned, text)
		}
	}
	r := replacement{text, kept}
	if len(text) < minKnown || len(m.known) == maxKnown || slices.Contains(m.known, r) {
		return kept
	}
	at := slices.IndexFunc(m.known, func(k replacement) bool { return len(k.text) < len(text) })
	if at < 0 {
		at = len(m.known)
	}
	m.known = slices.Insert(m.known, at, r)
	return kept
}

// knows reports whether something that was taken out occurs in a text.
func (m *masker) knows(raw []byte) bool {
	return slices.ContainsFunc(m.known, func(r replacement) bool { return bytes.Contains(raw, []byte(r.text)) })
}

// text takes out what is known.
func (m *masker) text(text string) string {
	for _, r := range m.known {
		text = strings.ReplaceAll(text, r.text, r.kept)
	}
	return text
}

// short cuts a text that is too long to be kept. What is kept is UTF-8.
func short(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return valid(text)
}

func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\ufffd")
}
