// Package transfer moves objects in and out of files: JSON arrays, OCPI envelopes and JSON lines.
package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Document is one object of a file.
type Document struct {
	// Index is the object's place in the file, from 0.
	Index int
	// Raw is the object as it stands in the file.
	Raw jsontext.Value
	// Err tells that this place of the file is not JSON.
	Err error
	// Broken tells that nothing behind this place can be read. It comes with Err.
	Broken bool
}

// A File is a sequence of documents.
type File struct {
	// List tells that the file holds a list, even if of one object. It is known when Documents begins to yield.
	List bool

	in *bufio.Reader
}

// Read returns the file behind a reader. It reads as it goes; only an envelope is held in memory whole.
func Read(r io.Reader) *File { return &File{in: bufio.NewReaderSize(r, 64<<10)} }

// Documents yields the file's objects, whichever of the three forms the file has. Each Raw is valid until the next.
func (f *File) Documents() iter.Seq[Document] {
	return func(yield func(Document) bool) {
		first, err := f.firstByte()
		switch {
		case err != nil:
			yield(Document{Err: err, Broken: true})
		case first == '[':
			f.arrays(yield)
		default:
			f.linesOrEnvelope(yield)
		}
	}
}

// firstByte skips white space, and the mark that some programs put before UTF-8.
func (f *File) firstByte() (byte, error) {
	if mark, err := f.in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = f.in.Discard(len(mark))
	}
	for {
		b, err := f.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("the file is empty")
		}
		if err != nil {
			return 0, err
		}
		if b == ' ' || b == '\t' || b == '\n' || b == '\r' {
			continue
		}
		return b, f.in.UnreadByte()
	}
}

// arrays yields the elements of an array, or of several one after the other, as they come.
func (f *File) arrays(yield func(Document) bool) {
	f.List = true
	dec := newDecoder(f.in)
	next := 0
	for {
		switch kind := dec.PeekKind(); kind {
		case '[':
			var ok bool
			if next, ok = array(dec, next, yield); !ok {
				return
			}
		default:
			if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
				yield(Document{Index: next, Broken: true, Err: fmt.Errorf("something follows the array at byte %d", dec.InputOffset())})
			}
			return
		}
	}
}

// newDecoder reads duplicate names and broken UTF-8 too: they are the fault of one object, which is refused by itself.
func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// array yields the elements of one array, numbered from next on. After a syntax error there is no way to find the next
// element.
func array(dec *jsontext.Decoder, next int, yield func(Document) bool) (int, bool) {
	if _, err := dec.ReadToken(); err != nil {
		yield(Document{Index: next, Err: err, Broken: true})
		return next, false
	}
	for ; dec.PeekKind() != ']'; next++ {
		raw, err := dec.ReadValue()
		if !yield(Document{Index: next, Raw: raw, Err: err, Broken: err != nil}) || err != nil {
			return next, false
		}
	}
	_, err := dec.ReadToken()
	return next, err == nil
}

// linesOrEnvelope tells JSON lines, whose first line is an object by itself, from a document over several lines.
func (f *File) linesOrEnvelope(yield func(Document) bool) {
	line, err := f.in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		yield(Document{Err: err, Broken: true})
		return
	}
	if isJSON(line) && envelopeData(line) == nil {
		f.lines(line, yield)
		return
	}
	rest, err := io.ReadAll(f.in)
	if err != nil {
		yield(Document{Err: err, Broken: true})
		return
	}
	whole := slices.Concat(line, rest)
	if data := envelopeData(whole); data != nil {
		f.List = data.Kind() == '['
		f.enveloped(data, yield)
		return
	}
	if !readable(whole) && startsWithLine(rest) { // lines after all, and the first is broken
		f.in = bufio.NewReader(bytes.NewReader(rest))
		f.lines(line, yield)
		return
	}
	f.values(whole, yield)
}

// readable reports whether text is nothing but JSON.
func readable(text []byte) bool {
	dec := newDecoder(bytes.NewReader(text))
	for {
		if err := dec.SkipValue(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// startsWithLine reports whether the first line that is not empty is an object by itself.
func startsWithLine(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line[0] == '{' && isJSON(line)
		}
	}
	return false
}

// isJSON reports whether raw is one JSON value, if one whose names may be duplicates.
func isJSON(raw jsontext.Value) bool {
	return raw.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// envelopeData returns the data of an OCPI envelope, or nil where raw is none.
func envelopeData(raw []byte) jsontext.Value {
	var envelope struct {
		Data       jsontext.Value `json:"data"`
		StatusCode *int           `json:"status_code"`
	}
	options := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if json.Unmarshal(raw, &envelope, options) != nil || envelope.StatusCode == nil {
		return nil
	}
	return envelope.Data
}

func (f *File) enveloped(data jsontext.Value, yield func(Document) bool) {
	if f.List {
		array(newDecoder(bytes.NewReader(data)), 0, yield)
		return
	}
	yield(Document{Raw: data})
}

// lines yields each line. A broken line does not stop the rest.
func (f *File) lines(line []byte, yield func(Document) bool) {
	for i := 0; ; {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			d := Document{Index: i, Raw: text}
			if i > 0 {
				f.List = true
			}
			if !isJSON(d.Raw) {
				d.Raw, d.Err = nil, fmt.Errorf("the line is not JSON")
			}
			if !yield(d) {
				return
			}
			i++
		}
		next, err := f.in.ReadBytes('\n')
		if err != nil && len(next) == 0 {
			if !errors.Is(err, io.EOF) {
				yield(Document{Index: i, Err: err, Broken: true})
			}
			return
		}
		line = next
	}
}

// values yields documents that follow one another in any layout.
func (f *File) values(whole []byte, yield func(Document) bool) {
	dec := newDecoder(bytes.NewReader(whole))
	for i := 0; ; i++ {
		raw, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			return
		}
		f.List = f.List || i > 0
		if !yield(Document{Index: i, Raw: raw, Err: err, Broken: err != nil}) || err != nil {
			return
		}
	}
}
