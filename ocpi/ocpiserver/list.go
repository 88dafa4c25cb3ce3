package ocpiserver

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

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
		page, listed, err := readPage(c, s, sender, rendered, codec, q)
		if err != nil {
			return answer{}, err
		}
		c.pageHeaders(q, listed, page.Total, page.Next)
		if page.Items == nil {
			page.Items = []jsontext.Value{}
		}
		return answer{items: page.Items}, nil
	}
}

// readPage reads a page as the JSON the partner gets: the backend's own bytes, or each object translated. listed is how many
// objects of the list it stands for: some cannot be sent.
func readPage[T any](
	c *call, s *speaker, sender Sender[T], rendered RenderedSender, codec wire.Codec[T], q ocpi.Query,
) (page ocpi.Page[jsontext.Value], listed int, err error) {
	viewer := c.viewer()
	if rendered != nil {
		page, err := rendered.ListRendered(c.ctx(), viewer, s.version, q)
		c.losses.Merge(&page.Losses)
		return page, len(page.Items), err
	}
	objects, err := sender.List(c.ctx(), viewer, q)
	if err != nil {
		return page, 0, err
	}
	items, err := writeAll(c, s, codec, objects.Items)
	return ocpi.Page[jsontext.Value]{Items: items, Total: objects.Total, Next: objects.Next}, len(objects.Items), err
}

// writeAll writes the objects that can be sent, and tells the log how many cannot.
func writeAll[T any](c *call, s *speaker, codec wire.Codec[T], objects []T) ([]jsontext.Value, error) {
	items := make([]jsontext.Value, 0, len(objects))
	var withheld error
	env := s.env(c, ocpi.Party{})
	for i, object := range objects {
		raw, err := write(c, s, codec, object, env, "/"+strconv.Itoa(i))
		if errors.Is(err, errWithheld) {
			withheld = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("write element %d: %w", i, err)
		}
		items = append(items, raw)
	}
	if withheld != nil {
		s.config.Logger.InfoContext(c.ctx(), "objects are withheld from a partner", "partner", c.partner.ID, "request_id", c.requestID,
			"object", codec.Object, "count", len(objects)-len(items), "reason", withheld)
	}
	return items, nil
}

// errWithheld marks an object that would say something else in the partner's version, and is not sent.
var errWithheld = errors.New("withheld")

// write is an object as the partner gets it, and at its place in the answer. One that is withheld is not there for the
// partner.
func write[T any](c *call, s *speaker, codec wire.Codec[T], object T, env convert.Env, at string) ([]byte, error) {
	raw, losses, err := codec.Write(object, env)
	c.lost(ocpi.Outbound, at, losses)
	if i := slices.IndexFunc(losses, func(l convert.Loss) bool { return l.Withhold }); i >= 0 {
		e := ocpi.NotFound("this %s is not sent in version %s: %s", codec.Object, s.version, losses[i])
		e.Err = errWithheld
		return nil, e
	}
	return s.clean(raw), err
}

// clean takes out of a document what the model keeps of other versions. The codecs of 2.1.1 write none of it.
func (s *speaker) clean(raw []byte) []byte {
	if !s.since22() {
		return raw
	}
	return convert.StripLeftovers(raw)
}
