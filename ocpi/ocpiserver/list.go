package ocpiserver

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// list serves GET on a list of our objects. For sessions, date_from must be given (requirements SES-02, DS-10).
func list[T any](s *speaker, sender Sender[T], codec wire.Codec[T], needsDateFrom bool) handler {
	rendered, _ := sender.(RenderedSender)
	return func(c *call) (answer, error) {
		q, err := c.query()
		if err != nil {
			return answer{}, err
		}
		if needsDateFrom && c.r.URL.Query().Get("date_from") == "" {
			return answer{}, ocpi.InvalidParameters("date_from is required here")
		}
		page, err := readPage(c, s, sender, rendered, codec, q)
		if err != nil {
			return answer{}, err
		}
		c.pageHeaders(q, len(page.Items), page.Total, page.Next)
		if page.Items == nil {
			page.Items = []jsontext.Value{}
		}
		return answer{items: page.Items}, nil
	}
}

// readPage reads a page as the JSON the partner gets: the backend's own bytes, or each object translated.
func readPage[T any](c *call, s *speaker, sender Sender[T], rendered RenderedSender, codec wire.Codec[T], q ocpi.Query) (ocpi.Page[jsontext.Value], error) {
	if rendered != nil {
		page, err := rendered.ListRendered(c.ctx(), c.partner, s.version, q)
		page.Items = slices.Clone(page.Items) // the backend may have them still
		for i := range page.Items {
			page.Items[i] = s.clean(page.Items[i])
		}
		return page, err
	}
	page, err := sender.List(c.ctx(), c.partner, q)
	if err != nil {
		return ocpi.Page[jsontext.Value]{}, err
	}
	items, err := writeAll(c, s, codec, page.Items)
	return ocpi.Page[jsontext.Value]{Items: items, Total: page.Total, Next: page.Next}, err
}

func writeAll[T any](c *call, s *speaker, codec wire.Codec[T], objects []T) ([]jsontext.Value, error) {
	items := make([]jsontext.Value, len(objects))
	env := s.env(c, ocpi.Party{})
	for i, object := range objects {
		raw, err := write(s, codec, object, env)
		if err != nil {
			return nil, fmt.Errorf("write element %d: %w", i, err)
		}
		items[i] = raw
	}
	return items, nil
}

// write is an object as the partner gets it.
func write[T any](s *speaker, codec wire.Codec[T], object T, env convert.Env) ([]byte, error) {
	raw, _, err := codec.Write(object, env)
	return s.clean(raw), err
}

// clean takes out of a document what the model keeps of other versions. The codecs of 2.1.1 write none of it.
func (s *speaker) clean(raw []byte) []byte {
	if !s.since22() {
		return raw
	}
	return convert.StripLeftovers(raw)
}
