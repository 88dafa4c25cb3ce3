package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// A logPrinter prints exchanges, each on a line of its own.
type logPrinter struct {
	out    io.Writer
	bodies bool
	json   bool

	// partner is how wide the partners' names are so far; 0 before the first line.
	partner int
}

const narrowest, widest = 7, 20

func (p *logPrinter) print(records []exchange.Record) error {
	w := bufio.NewWriter(p.out)
	if !p.json && len(records) > 0 {
		p.head(w, records)
	}
	for i := range records {
		if !p.json {
			p.line(w, &records[i])
			continue
		}
		if err := jsonLine(w, &records[i]); err != nil {
			return err
		}
	}
	return w.Flush() // which has kept the first error
}

// head makes the column of partners wide enough, and names the columns before the first line.
func (p *logPrinter) head(w io.Writer, records []exchange.Record) {
	first := p.partner == 0
	p.partner = max(p.partner, narrowest)
	for _, r := range records {
		p.partner = max(p.partner, min(utf8.RuneCountInString(r.Partner), widest))
	}
	if first {
		fmt.Fprintf(w, "%-19s %-3s %-*s %-6s %-4s %-4s %6s %s\n", "TIME (UTC)", "DIR", p.partner, "PARTNER", "METHOD", "HTTP", "OCPI", "TOOK", "WHAT")
	}
}

func (p *logPrinter) line(w io.Writer, r *exchange.Record) {
	fmt.Fprintf(w, "%s %-3s %-*s %-6s %-4s %-4s %6s %s\n", r.At.UTC().Format(time.DateTime), r.Direction,
		p.partner, clip(printable(cmp.Or(r.Partner, "-")), p.partner), printable(r.Method), number(r.HTTP), number(int(r.Status)),
		took(r.Duration), printable(what(r)))
	if p.bodies {
		detail(w, r)
	}
}

// what is the object and what else there is to say, in short.
func what(r *exchange.Record) string {
	path, query, _ := strings.Cut(r.URL, "?")
	text := path
	if r.Module != "" {
		text = string(r.Module)
		if r.Object != "" {
			text += "/" + r.Object
		}
	}
	if query != "" {
		text += "?" + query
	}
	if n := len(r.Findings); n > 0 {
		text += fmt.Sprintf(" (findings: %d)", n)
	}
	if len(r.Losses) > 0 {
		text += " (losses)"
	}
	if len(r.Quirks) > 0 {
		text += " (" + strings.Join(r.Quirks, ", ") + ")"
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	return text
}

// detail prints what does not fit on the line.
func detail(w io.Writer, r *exchange.Record) {
	fmt.Fprintf(w, "    %s\n    request id %s, correlation id %s\n", printable(r.URL), printable(r.RequestID), printable(r.CorrelationID))
	for _, f := range r.Findings {
		fmt.Fprintf(w, "    finding %s\n", printable(f))
	}
	for _, l := range r.Losses {
		fmt.Fprintf(w, "    lost %s\n", printable(l))
	}
	for _, b := range []struct {
		name, text string
		size       int64
	}{{"request", r.Request, r.RequestSize}, {"answer", r.Response, r.ResponseSize}} {
		if b.size == 0 {
			continue
		}
		text := cmp.Or(b.text, fmt.Sprintf("[not kept, %d bytes]", b.size))
		fmt.Fprintf(w, "    %-7s %s\n", b.name, strings.Join(printableLines(text), "\n            "))
	}
}

// number is a status, or a dash where there was none.
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// took is a time in few letters.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// clip cuts a text to a width.
func clip(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// printable writes out what a terminal would obey rather than show, and what would begin another line or column. Partners
// decide on most of what is printed here.
func printable(text string) string { return withoutOdd(text, "") }

// printableLines are the lines of a text that may have several. It keeps the tabs.
func printableLines(text string) []string { return strings.Split(withoutOdd(text, "\n\t"), "\n") }

func withoutOdd(text, allowed string) string {
	odd := func(r rune) bool {
		return !unicode.IsGraphic(r) && !strings.ContainsRune(allowed, r) || r == utf8.RuneError
	}
	if strings.IndexFunc(text, odd) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if odd(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// An exchangeLine is an exchange as a line of JSON.
type exchangeLine struct {
	Time          time.Time       `json:"time"`
	Direction     ocpi.Direction  `json:"direction"`
	Partner       string          `json:"partner,omitempty"`
	Method        string          `json:"method"`
	URL           string          `json:"url"`
	Module        ocpi.ModuleID   `json:"module,omitempty"`
	Object        string          `json:"object,omitempty"`
	HTTP          int             `json:"http,omitzero"`
	Status        ocpi.StatusCode `json:"status,omitzero"`
	Microseconds  int64           `json:"microseconds"`
	RequestID     string          `json:"request_id"`
	CorrelationID string          `json:"correlation_id"`
	RequestSize   int64           `json:"request_size"`
	ResponseSize  int64           `json:"response_size"`
	Request       string          `json:"request,omitempty"`
	Response      string          `json:"response,omitempty"`
	Findings      []string        `json:"findings,omitempty"`
	Quirks        []string        `json:"quirks,omitempty"`
	Losses        []string        `json:"losses,omitempty"`
	Error         string          `json:"error,omitempty"`
}

func jsonLine(w io.Writer, r *exchange.Record) error {
	raw, err := json.Marshal(exchangeLine{
		Time: r.At.UTC(), Direction: r.Direction, Partner: r.Partner, Method: r.Method, URL: r.URL, Module: r.Module, Object: r.Object,
		HTTP: r.HTTP, Status: r.Status, Microseconds: r.Duration.Microseconds(), RequestID: r.RequestID, CorrelationID: r.CorrelationID,
		RequestSize: r.RequestSize, ResponseSize: r.ResponseSize, Request: r.Request, Response: r.Response,
		Findings: r.Findings, Quirks: r.Quirks, Losses: r.Losses, Error: r.Error,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}
