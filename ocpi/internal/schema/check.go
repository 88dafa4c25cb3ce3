package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// Check finds everything that is wrong with a JSON document that should be an o. The error is not nil only where raw
// is not a JSON document at all; it says where it broke.
func Check(raw []byte, o *Object) ([]ocpi.Finding, error) {
	findings, _, err := check(raw, o, full)
	return findings, err
}

type mode uint8

const (
	full    mode = iota
	patch        // the body of a PATCH: nothing is required, null clears an optional field and is wrong for a required one
	element      // an element of a list that a PATCH merges: a patch that must name what it is about
)

// check also reports whether the document is odd, as a checker's odd says.
func check(raw []byte, o *Object, m mode) (findings []ocpi.Finding, odd bool, err error) {
	c := checkers.Get().(*checker)
	defer checkers.Put(c)
	c.begin(raw)
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, false, notJSON("the document is empty", nil)
	}
	if err := c.value(o, m); err != nil {
		return nil, false, c.syntaxError(err)
	}
	for kind, name := range []string{"findings", "findings that make it unusable"} {
		if more := c.counts[kind] - maxFindings; more > 0 {
			c.findings = append(c.findings, ocpi.Finding{
				Code: ocpi.FindingMore, Message: fmt.Sprintf("%d more %s", more, name), Unusable: kind == 1,
			})
		}
	}
	if _, err := c.dec.ReadToken(); err == nil {
		return nil, false, notJSON(fmt.Sprintf("something follows the document %s", position(raw, c.dec.InputOffset())), nil)
	} else if !errors.Is(err, io.EOF) {
		return nil, false, c.syntaxError(err)
	}
	return c.findings, c.odd, nil
}

// A checker walks one document. Checkers are reused: they hold the decoder's buffers.
type checker struct {
	raw      []byte
	buf      bytes.Buffer
	dec      jsontext.Decoder
	findings []ocpi.Finding
	// counts are how many findings there were, usable and unusable, with those that are not kept.
	counts [2]int
	// odd tells that a whole number is not written as one, which needs a special way to decode.
	odd bool
}

// begin makes the checker ready for a document.
func (c *checker) begin(raw []byte) {
	c.raw, c.findings, c.counts, c.odd = raw, nil, [2]int{}, false
	c.buf = *bytes.NewBuffer(raw)
	c.dec.Reset(&c.buf)
}

var checkers = sync.Pool{New: func() any { return new(checker) }}

func notJSON(message string, err error) *ocpi.Error {
	return &ocpi.Error{
		HTTP: http.StatusBadRequest, Code: ocpi.StatusInvalidParameters,
		Message: "not a JSON document: " + message, Err: err,
	}
}

// syntaxError turns the decoder's error into one that says where the document broke.
func (c *checker) syntaxError(err error) error {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return notJSON(err.Error(), err)
	}
	reason := "unexpected end"
	if !errors.Is(syntactic.Err, io.ErrUnexpectedEOF) {
		reason = strings.TrimPrefix(syntactic.Err.Error(), "jsontext: ")
	}
	where := position(c.raw, syntactic.ByteOffset)
	if syntactic.JSONPointer != "" {
		where += ", in " + string(syntactic.JSONPointer)
	}
	return notJSON(reason+" "+where, nil)
}

func position(raw []byte, offset int64) string {
	before := raw[:min(int(offset), len(raw))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("at line %d, column %d (byte %d)", line, column, offset)
}

// maxFindings bounds the findings of one document, those that make it unusable and the others each. A document with
// more is broken all over, and need not take all memory to say so.
const maxFindings = 1000

// add records a finding at the value just read.
func (c *checker) add(code ocpi.FindingCode, unusable bool, format string, args ...any) {
	c.record(ocpi.Finding{Code: code, Unusable: unusable}, format, args...)
}

// wanted records that something else, or nothing, is where a value belongs: at the value just read, or below it.
func (c *checker) wanted(want ocpi.Wanted, below string, code ocpi.FindingCode, format string, args ...any) {
	c.record(ocpi.Finding{Pointer: below, Code: code, Unusable: true, Want: want}, format, args...)
}

// record completes a finding whose pointer is relative to the value just read.
func (c *checker) record(f ocpi.Finding, format string, args ...any) {
	kind := 0
	if f.Unusable {
		kind = 1
	}
	if c.counts[kind]++; c.counts[kind] > maxFindings {
		return
	}
	f.Pointer = c.here() + f.Pointer
	f.Message = fmt.Sprintf(format, args...)
	c.findings = append(c.findings, f)
}

// here is the pointer of the value just read.
func (c *checker) here() string { return string(c.dec.StackPointer()) }

// value checks an object of the table o, from the position before it.
func (c *checker) value(o *Object, m mode) error {
	if c.dec.PeekKind() != '{' {
		return c.wrongType(KindObject)
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	start := c.dec.InputOffset() - 1
	found := len(c.findings)
	var seen uint64
	next := 0
	for c.dec.PeekKind() != '}' {
		name, err := c.dec.ReadValue()
		if err != nil {
			return err
		}
		i := o.field(unquoted(name), next)
		if i < 0 {
			if err := c.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		next = i + 1
		present, err := c.field(&o.Fields[i], m)
		if err != nil {
			return err
		}
		if present {
			seen |= 1 << i
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	c.missing(o, m, seen)
	c.together(o, m, c.raw[start:c.dec.InputOffset()], found)
	return nil
}

// missing reports required fields that are absent.
func (c *checker) missing(o *Object, m mode, seen uint64) {
	if m == patch {
		return
	}
	for i := range o.Fields {
		f := &o.Fields[i]
		if !f.Card.required() || seen&(1<<i) != 0 || m == element && !f.ID {
			continue
		}
		c.wanted(f.want(), "/"+f.Name, ocpi.FindingMissing, "required field is missing")
	}
}

// together runs the checks over several fields, unless the object's own fields are unusable.
func (c *checker) together(o *Object, m mode, object []byte, found int) {
	if m != full || len(o.Checks) == 0 {
		return
	}
	for _, f := range c.findings[found:] {
		if f.Unusable {
			return
		}
	}
	at := c.here()
	for _, run := range o.Checks {
		for _, f := range run(object) {
			f.Pointer = at + f.Pointer
			c.findings = append(c.findings, f)
		}
	}
}

// field checks the value of one field; present is false for a null that stands for nothing.
func (c *checker) field(f *Field, m mode) (present bool, err error) {
	kind := c.dec.PeekKind()
	if kind == 'n' {
		return c.null(f, m)
	}
	if !f.Card.list() {
		return true, c.single(f, full)
	}
	if kind != '[' {
		if err := c.dec.SkipValue(); err != nil {
			return true, err
		}
		c.wanted(ocpi.WantList, "", ocpi.FindingType, "must be a list, not %s", kindName(kind))
		return true, nil
	}
	return true, c.list(f, m)
}

func (c *checker) null(f *Field, m mode) (present bool, err error) {
	if err := c.dec.SkipValue(); err != nil {
		return false, err
	}
	if !f.Card.required() {
		return m != full, nil
	}
	want := f.want()
	if m != full {
		want = ocpi.WantAbsent
	}
	c.wanted(want, "", ocpi.FindingNull, "required field is null")
	return true, nil
}

func (c *checker) list(f *Field, m mode) error {
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	elements := full
	if m != full && f.MergeBy != "" {
		elements = element
	}
	n := 0
	for ; c.dec.PeekKind() != ']'; n++ {
		if err := c.single(f, elements); err != nil {
			return err
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	if n == 0 && f.Card == Some {
		c.add(ocpi.FindingEmpty, false, "must have at least one element")
	}
	return nil
}

// single checks one value that is not a list.
func (c *checker) single(f *Field, m mode) error {
	switch f.Kind {
	case KindObject:
		return c.value(f.Object, m)
	case KindBool:
		return c.boolean()
	case KindInt, KindNumber:
		return c.number(f)
	default:
		return c.text(f)
	}
}

func (c *checker) boolean() error {
	if k := c.dec.PeekKind(); k != 't' && k != 'f' {
		return c.wrongType(KindBool)
	}
	return c.dec.SkipValue()
}

func (c *checker) number(f *Field) error {
	if c.dec.PeekKind() != '0' {
		return c.wrongType(f.Kind)
	}
	value, err := c.dec.ReadValue()
	if err != nil {
		return err
	}
	text := string(value)
	if c.readable(f, text) {
		c.rules(f, text)
	}
	return nil
}

// readable checks that a number is one that can be computed with, and whole where it must be.
func (c *checker) readable(f *Field, text string) bool {
	if f.Kind == KindNumber {
		_, err := ocpi.ParseNumber(text)
		if err != nil {
			c.add(ocpi.FindingRange, true, "%v", err)
		}
		return err == nil
	}
	n, err := wholeNumber(text)
	if err != nil {
		c.wanted(ocpi.WantInt, "", ocpi.FindingType, "must be a whole number, not %s", clip(text))
		return false
	}
	if strings.ContainsAny(text, ".eE") {
		c.add(ocpi.FindingFormat, false, "%s is written with a fraction or an exponent", clip(text))
		c.odd = true
	}
	if digits := len(strings.TrimPrefix(strconv.FormatInt(n, 10), "-")); f.Max > 0 && digits > f.Max {
		c.add(ocpi.FindingLength, false, "%d digits, %d are allowed", digits, f.Max)
	}
	return true
}

// wholeNumber reads a whole number in any of the forms JSON has for it: 230, 230.0, 2.3e2.
func wholeNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, strconv.IntSize)
	if err == nil {
		return n, nil
	}
	number, err := ocpi.ParseNumber(text)
	if err != nil {
		return 0, err
	}
	d := number.Decimal()
	if !d.IsInteger() || !d.BigInt().IsInt64() {
		return 0, fmt.Errorf("%s is no whole number", text)
	}
	return strconv.ParseInt(d.BigInt().String(), 10, strconv.IntSize)
}

func (c *checker) text(f *Field) error {
	if c.dec.PeekKind() != '"' {
		return c.wrongType(f.Kind)
	}
	quoted, err := c.dec.ReadValue()
	if err != nil {
		return err
	}
	value := unquoted(quoted)
	switch f.Kind {
	case KindEnum:
		if f.ID && len(value) == 0 {
			c.add(ocpi.FindingEmpty, true, "required field is empty")
			return nil
		}
		if !f.Enum.has(value) && !f.Enum.Open {
			c.record(ocpi.Finding{Code: ocpi.FindingEnum, Want: ocpi.WantEnum, Meant: f.Enum.meant(string(value))},
				"%q is no value of %s", clip(string(value)), f.Enum.Name)
		}
		return nil
	case KindDateTime:
		c.dateTime(string(value))
		return nil
	case KindURL:
		c.url(string(value))
	case KindString, KindCiString:
		c.characters(f, value)
	default:
	}
	if n := utf8.RuneCount(value); f.Max > 0 && n > f.Max {
		c.add(ocpi.FindingLength, false, "%d characters, %d are allowed", n, f.Max)
	}
	if len(value) == 0 && f.Card == One {
		c.add(ocpi.FindingEmpty, f.ID, "required field is empty") // nothing can be told apart by an empty id
		return nil
	}
	if len(f.Rules) > 0 && len(value) > 0 {
		c.rules(f, string(value))
	}
	return nil
}

func (c *checker) rules(f *Field, value string) {
	for _, r := range f.Rules {
		if finding := r(value); finding != nil {
			c.add(finding.Code, finding.Unusable, "%s", finding.Message)
		}
	}
}

func (c *checker) dateTime(value string) {
	readable, canonical := ocpi.IsCanonicalDateTime(value)
	switch {
	case !readable:
		c.wanted(ocpi.WantTimestamp, "", ocpi.FindingTimestamp, "%q is not a timestamp such as 2026-01-31T12:00:00Z", clip(value))
	case !canonical:
		c.record(ocpi.Finding{Code: ocpi.FindingTimestamp, Want: ocpi.WantTimestamp}, "%q is not written in UTC with Z", clip(value))
	}
}

// wrongType skips the value and reports it.
func (c *checker) wrongType(want Kind) error {
	kind := c.dec.PeekKind()
	if err := c.dec.SkipValue(); err != nil {
		return err
	}
	c.wanted(want.want(), "", ocpi.FindingType, "must be %s, not %s", want.jsonType(), kindName(kind))
	return nil
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	default:
		return "something else"
	}
}

// unquoted returns the text of a JSON string. Nearly all have no escapes and need no copy.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil { // the decoder has accepted it
		return quoted
	}
	return text
}

// clip shortens a foreign text for a message.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
