package ocpiserver

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A parsed is what an ocpi.Partner's Quirks stand for.
type parsed struct {
	profile quirk.Profile
	err     error
}

// profile is what is put right in what the partner sends with this call. A partner whose profile cannot be read gets
// the default: a mistake of ours must not cut it off.
func (c *call) profile() quirk.Profile {
	p := c.server.quirks(c.partner.Quirks)
	if p.err != nil {
		c.server.config.Logger.WarnContext(c.ctx(), "the partner's quirks cannot be read, the default is used",
			"partner", c.partner.ID, "request_id", c.requestID, "error", p.err)
	}
	return p.profile.At(c.server.config.Now())
}

// quirks parses an expression. Every request needs one, and there are only a few.
func (s *Server) quirks(expression string) parsed {
	if known, ok := s.profiles.Load(expression); ok {
		return known.(parsed)
	}
	var p parsed
	if p.profile, p.err = quirk.Parse(expression); p.err != nil {
		p.profile = quirk.Default()
	}
	s.profiles.Store(expression, p)
	return p
}

// note keeps what was found in what the partner sent, for the log and the observer.
func (c *call) note(report wire.Report) {
	c.findings = append(c.findings, report.Findings...)
	for _, name := range report.Quirks {
		c.count(name)
	}
	c.lost(ocpi.Inbound, "", report.Losses)
}

// lost keeps what did not cross between the partner's version and the model, for the observer. at is the place of the object
// in the message.
func (c *call) lost(d ocpi.Direction, at string, losses []convert.Loss) {
	convert.Tell(&c.losses, d, at, losses)
}

// count notes a deviation for the observer, once.
func (c *call) count(name quirk.Name) {
	if !slices.Contains(c.quirks, string(name)) {
		c.quirks = append(c.quirks, string(name))
	}
}
