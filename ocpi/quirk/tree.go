package quirk

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A document is JSON that is being changed.
type document struct {
	root *node
	// parts is how many more members and elements may be opened.
	parts int
	// received is when the document came; zero where that is not known.
	received time.Time

	dec jsontext.Decoder
	buf bytes.Buffer
}

// Bounds of what is opened. Documents beyond them stay as they are: nothing that OCPI knows is that large.
const (
	maxParts   = 50_000 // of a document
	maxMembers = 1_000  // of an object, which are searched one by one
)

func newDocument(raw []byte) *document {
	return &document{root: &node{raw: bytes.TrimSpace(raw)}, parts: maxParts}
}

// A node is one value of a document. It is opened one level at a time, along the pointers of what was found; what is
// not opened is written as it came, with the digits of its numbers, unknown members and all.
type node struct {
	raw    jsontext.Value
	opened bool
	// members and elements are what is inside an opened object or list. Neither order nor duplicate names change.
	members  []member
	elements []*node
	// gone marks a value that was taken out. It keeps its place until the document is written, so that pointers do not
	// lead elsewhere meanwhile.
	gone bool
}

type member struct {
	name  jsontext.Value // with its quotes, as it came
	value *node
}

func (n *node) kind() jsontext.Kind { return n.raw.Kind() }

// set puts another value in the place of n.
func (n *node) set(raw jsontext.Value) { *n = node{raw: raw} }

// setText puts a string in the place of n.
func (n *node) setText(text string) { n.set(quote(text)) }

func quote(text string) jsontext.Value {
	quoted, _ := jsontext.AppendQuote(nil, text) // fails for invalid UTF-8 only, which no document that was read has
	return quoted
}

// text returns what a string says.
func (n *node) text() (string, bool) {
	if n.kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, n.raw)
	return string(text), err == nil
}

// open reads the members or elements of n, and reports whether n is an object or a list that is not too large.
func (d *document) open(n *node) bool {
	if n.opened {
		return true
	}
	d.buf = *bytes.NewBuffer(n.raw)
	d.dec.Reset(&d.buf, jsontext.AllowDuplicateNames(true))
	switch n.kind() {
	case '{':
		n.opened = d.openObject(n)
	case '[':
		n.opened = d.openList(n)
	default:
	}
	return n.opened
}

func (d *document) openObject(n *node) bool {
	if _, err := d.dec.ReadToken(); err != nil {
		return false
	}
	var members []member
	for ; d.dec.PeekKind() != '}'; d.parts-- {
		m := member{value: &node{}}
		if d.parts <= 0 || len(members) >= maxMembers || !d.next(n, &m.name) || !d.next(n, &m.value.raw) {
			return false
		}
		members = append(members, m)
	}
	n.members = members
	return true
}

func (d *document) openList(n *node) bool {
	if _, err := d.dec.ReadToken(); err != nil {
		return false
	}
	var elements []*node
	for ; d.dec.PeekKind() != ']'; d.parts-- {
		e := &node{}
		if d.parts <= 0 || !d.next(n, &e.raw) {
			return false
		}
		elements = append(elements, e)
	}
	n.elements = elements
	return true
}

// next reads a value as a part of n's own bytes: what the decoder returns lives only until the next one.
func (d *document) next(n *node, into *jsontext.Value) bool {
	value, err := d.dec.ReadValue()
	if err != nil {
		return false
	}
	end := d.dec.InputOffset()
	*into = n.raw[end-int64(len(value)) : end : end]
	return true
}

// member returns a member of an object; nil for none.
func (d *document) member(n *node, name string) *node {
	if i := d.find(n, name); i >= 0 {
		return n.members[i].value
	}
	return nil
}

// find returns the index of a member, or -1.
func (d *document) find(n *node, name string) int {
	if n.kind() != '{' || !d.open(n) {
		return -1
	}
	return slices.IndexFunc(n.members, func(m member) bool { return !m.value.gone && is(m.name, name) })
}

// is reports whether a quoted name says the same as one without quotes.
func is(quoted jsontext.Value, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == name
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return err == nil && string(text) == name
}

// add gives an object a member that it does not have.
func (d *document) add(n *node, name string, raw jsontext.Value) bool {
	if n.kind() != '{' || !d.open(n) {
		return false
	}
	n.members = append(n.members, member{name: quote(name), value: &node{raw: raw}})
	return true
}

// rename gives a member another name. It keeps its place.
func (d *document) rename(n *node, from, to string) bool {
	i := d.find(n, from)
	if i < 0 {
		return false
	}
	n.members[i].name = quote(to)
	return true
}

// only returns the one element of a list of one.
func (d *document) only(n *node) *node {
	if n.kind() != '[' || !d.open(n) || len(n.elements) != 1 {
		return nil
	}
	return n.elements[0]
}

// A place is where a finding points to.
type place struct {
	// parents lead from the document to what contains the value.
	parents []*node
	// name is the value's name or number.
	name string
	// value is nil where nothing is.
	value *node
}

func (p place) parent() *node { return p.parents[len(p.parents)-1] }

// at follows a pointer. It reports false where the document has no such place.
func (d *document) at(pointer string) (place, bool) {
	p := place{value: d.root}
	for token := range jsontext.Pointer(pointer).Tokens() {
		if p.value == nil || !d.open(p.value) {
			return place{}, false
		}
		p.parents, p.name = append(p.parents, p.value), token
		p.value = d.child(p.value, token)
	}
	return p, p.value != nil || len(p.parents) > 0 && p.parent().kind() == '{'
}

func (d *document) child(n *node, token string) *node {
	if n.kind() == '{' {
		return d.member(n, token)
	}
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || i >= len(n.elements) || n.elements[i].gone {
		return nil
	}
	return n.elements[i]
}

// write appends n to b. Values that were opened lose the white space between their parts.
func (n *node) write(b []byte) []byte {
	switch {
	case !n.opened:
		return append(b, n.raw...)
	case n.kind() == '{':
		b = append(b, '{')
		first := true
		for _, m := range n.members {
			if m.value.gone {
				continue
			}
			b = comma(b, &first)
			b = append(append(b, m.name...), ':')
			b = m.value.write(b)
		}
		return append(b, '}')
	default:
		b = append(b, '[')
		first := true
		for _, e := range n.elements {
			if !e.gone {
				b = e.write(comma(b, &first))
			}
		}
		return append(b, ']')
	}
}

func comma(b []byte, first *bool) []byte {
	if *first {
		*first = false
		return b
	}
	return append(b, ',')
}
