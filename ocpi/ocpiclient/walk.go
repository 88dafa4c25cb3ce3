package ocpiclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// walk reads a JSON document. Where it is an object or a list, it hands out each member or element, without a copy:
// they are parts of raw. The error is not nil where raw is not exactly one document; what came before was handed out.
// Names that come twice and broken characters are let pass: one such text must not cost a whole page, and what an object
// may be is for its codec to judge.
func walk(raw []byte, each func(name string, value jsontext.Value)) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := walkValue(raw, dec, each); err != nil {
		return err
	}
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("something follows the document at byte %d", dec.InputOffset())
	}
}

func walkValue(raw []byte, dec *jsontext.Decoder, each func(name string, value jsontext.Value)) error {
	kind := dec.PeekKind()
	if kind != '{' && kind != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		name := ""
		if kind == '{' {
			token, err := dec.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(dec.InputOffset())
		each(name, raw[end-len(value):end:end])
	}
	_, err := dec.ReadToken()
	return err
}
