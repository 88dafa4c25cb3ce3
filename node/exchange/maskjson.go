package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A document masks one JSON body. It reads tokens as far as the body goes or is JSON, notes what must not be kept, and
// copies all the rest as it was. Nothing is kept of what it could not read.
type document struct {
	*masker
	raw []byte
	// module is where the body was sent to or came from.
	module ocpi.ModuleID
	dec    *jsontext.Decoder
	frames []frame
	edits  []edit
	// out is the memory of what is kept.
	out []byte
	// id is the id of the object that the body holds.
	id string
	// known is set where what the masker knows occurs in the body.
	known bool
}

// A frame is an object or array that is open.
type frame struct {
	object bool
	// class is that of the frame; next that of the member whose name has been read.
	class, next class
	named       bool
	// isID is set after the name "id".
	isID bool
	// token and evse tell that members were seen that only one of the two has.
	token, evse bool
	// edits is how many there were when the frame was opened.
	edits int
}

// An edit is a value that is not kept as it is.
type edit struct {
	start, end int
	class      class
	// text is the value; of the class rewritten, what is kept of it.
	text string
	// depth is how many frames were open.
	depth int
}

// mask returns what is kept of the body, which was size bytes long; complete tells that all of them are there.
func (d *document) mask(size int64, complete bool) string {
	d.dec.Reset(bytes.NewBuffer(d.raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	d.frames = append(d.frames[:0], frame{})
	d.edits = d.edits[:0]
	d.known = d.knows(d.raw)
	end, err := d.read()
	whole := errors.Is(err, io.EOF) && complete
	d.closeAll(whole)
	if errors.Is(err, io.EOF) {
		end = len(d.raw) // with the white space at its end
	}
	text := valid(string(d.apply(end)))
	switch {
	case whole:
		return text
	case end == 0 && complete:
		return fmt.Sprintf("[not JSON, %d bytes]", size)
	case complete:
		return text + fmt.Sprintf(" [from here on not JSON, %d bytes in all]", size)
	default:
		return text + fmt.Sprintf(" [cut, %d bytes in all]", size)
	}
}

// read reads tokens up to the end or to where it is no JSON, and returns the end of the last one.
func (d *document) read() (end int, err error) {
	for {
		switch d.dec.PeekKind() {
		case '{', '[':
			err = d.open()
		case '}', ']':
			err = d.close()
		case '"', '0':
			err = d.value()
		default: // null, true and false are kept; the end and what is no JSON are errors
			_, err = d.dec.ReadToken()
			d.top().named = false
		}
		if err != nil {
			return end, err
		}
		end = int(d.dec.InputOffset())
	}
}

func (d *document) top() *frame { return &d.frames[len(d.frames)-1] }

func (d *document) open() error {
	t, err := d.dec.ReadToken()
	if err != nil {
		return err
	}
	class := d.top().valueClass()
	if class == uid { // a uid is a text; what is more than that is not that of an EVSE
		class = id
	}
	d.top().named = false
	d.frames = append(d.frames, frame{object: t.Kind() == '{', class: class, edits: len(d.edits)})
	return nil
}

// valueClass is the class of the value that comes next.
func (f *frame) valueClass() class {
	if f.object {
		return f.next
	}
	return f.class
}

func (d *document) close() error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	d.decide(true)
	d.frames = d.frames[:len(d.frames)-1]
	return nil
}

// closeAll ends the frames that the end of the body has left open.
func (d *document) closeAll(whole bool) {
	for len(d.frames) > 0 {
		d.decide(whole)
		d.frames = d.frames[:len(d.frames)-1]
	}
}

// decide keeps the uid of the innermost frame where it is that of an EVSE. In what was cut, nobody knows what came later.
func (d *document) decide(whole bool) {
	f := d.top()
	isEVSE := f.evse || f.class == evse || whole && d.module == ocpi.ModuleLocations
	if f.token || !isEVSE {
		return
	}
	for i := f.edits; i < len(d.edits); i++ {
		if e := &d.edits[i]; e.class == uid && e.depth == len(d.frames) {
			e.class = plain
		}
	}
}

// value reads a text or a number, which may be the name of a member.
func (d *document) value() error {
	raw, err := d.dec.ReadValue()
	if err != nil {
		return err
	}
	f := d.top()
	if f.object && !f.named {
		d.name(f, unquoted(raw))
		return nil
	}
	f.named = false
	switch class := f.valueClass(); {
	case len(d.frames) == 1, class == token: // a document that is nothing but a text may be any secret
		d.edit(raw, secret, unquoted(raw))
	case class == plain, class == evse:
		d.keep(raw, f)
	default:
		d.edit(raw, class, unquoted(raw))
	}
	return nil
}

// name takes note of the name of a member.
func (d *document) name(f *frame, name []byte) {
	f.named, f.isID = true, string(name) == "id"
	f.token = f.token || ofToken(name)
	f.evse = f.evse || ofEVSE(name)
	f.next = classOf(name)
	switch f.class {
	case secret:
		f.next = secret
	case id:
		if f.next != secret && f.next != token {
			f.next = id
		}
	case token:
		switch {
		case f.next == uid:
			f.next = id
		case f.next == plain && !d.unmasked && !knownOfToken(name):
			f.next = token
		}
	default:
	}
}

// keep looks at a value that may stay: it may quote a secret all the same.
func (d *document) keep(raw jsontext.Value, f *frame) {
	if raw.Kind() != '"' {
		return
	}
	if f.isID && d.id == "" && d.outermost() {
		d.id = string(unquoted(raw))
	}
	url := len(raw) > 5 && bytes.EqualFold(raw[1:5], []byte("http"))
	quotes := bytes.IndexByte(raw, '\\') >= 0 || bytes.IndexByte(raw, '\'') >= 0
	if !url && !quotes && !d.known {
		return
	}
	text := string(unquoted(raw))
	kept := text
	if url {
		kept = d.url(&ocpi.Exchange{URL: text})
	}
	if kept = d.text(kept); quotes && quotesSecret(kept) {
		kept = stars
	}
	if kept != text {
		d.edit(raw, rewritten, []byte(kept))
	}
}

// outermost reports whether the innermost frame is the object that the body is, alone or in a list.
func (d *document) outermost() bool {
	return len(d.frames) == 2 || len(d.frames) == 3 && !d.frames[1].object
}

// quotesSecret reports whether a text quotes a document with names of secrets in it, as errors of partners do: in JSON, or
// in Python's manner.
func quotesSecret(text string) bool {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '"' || r == '\'' })
	for _, part := range parts[min(1, len(parts)):] {
		if c := classOf([]byte(part)); c != plain && c != evse {
			return true
		}
	}
	return false
}

func (d *document) edit(raw jsontext.Value, c class, text []byte) {
	if d.unmasked && (c == id || c == uid) {
		return
	}
	end := int(d.dec.InputOffset())
	d.edits = append(d.edits, edit{start: end - len(raw), end: end, class: c, text: string(text), depth: len(d.frames)})
}

// apply copies the body up to end with the edits made, and learns what they took out.
func (d *document) apply(end int) []byte {
	out, at := d.out[:0], 0
	for _, e := range d.edits {
		if e.class == plain {
			continue
		}
		kept := e.text
		if e.class != rewritten {
			kept = d.learn(e.text, e.class)
		}
		out = append(out, d.raw[at:e.start]...)
		out, _ = jsontext.AppendQuote(out, valid(kept)) // fails for invalid UTF-8 only
		at = e.end
	}
	out = append(out, d.raw[at:end]...)
	d.out = out
	return out
}

// unquoted is the text of a JSON string, or the digits of a number.
func unquoted(raw jsontext.Value) []byte {
	if raw.Kind() != '"' {
		return raw
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, raw) // fails for invalid UTF-8 only, and gives the rest
	return text
}
