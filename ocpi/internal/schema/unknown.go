package schema

import (
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
)

// Unknown finds the members of a JSON document that the table o and the tables of the objects in it do not have. What has
// another type than its table says is passed over: that is for Check.
func Unknown(raw []byte, o *Object) ([]ocpi.Finding, error) {
	c := checkers.Get().(*checker)
	defer checkers.Put(c)
	c.begin(raw)
	if err := c.unknown(o); err != nil {
		return nil, c.syntaxError(err)
	}
	if more := c.counts[0] - maxFindings; more > 0 {
		c.findings = append(c.findings, ocpi.Finding{Code: ocpi.FindingMore, Message: fmt.Sprintf("%d more unknown members", more)})
	}
	return c.findings, nil
}

// unknown walks one value that should be an o.
func (c *checker) unknown(o *Object) error {
	if c.dec.PeekKind() != '{' {
		return c.dec.SkipValue()
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
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
			c.add(ocpi.FindingUnknown, false, "%s has no such member", o.Name)
			continue
		}
		next = i + 1
		if err := c.unknownIn(&o.Fields[i]); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}

// unknownIn walks the value of a field.
func (c *checker) unknownIn(f *Field) error {
	if f.Kind != KindObject {
		return c.dec.SkipValue()
	}
	if c.dec.PeekKind() != '[' {
		return c.unknown(f.Object)
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	for c.dec.PeekKind() != ']' {
		if err := c.unknown(f.Object); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}
