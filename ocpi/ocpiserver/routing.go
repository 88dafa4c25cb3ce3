package ocpiserver

import (
	"context"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

type routingKey struct{}

// WithRouting returns a context that carries the routing of a message. The server makes one for each message with routing
// headers; tests of a backend can too.
func WithRouting(ctx context.Context, routing ocpi.Routing) context.Context {
	return context.WithValue(ctx, routingKey{}, routing)
}

// RoutingOf is which party of the partner's a message is from, and which of ours it is for, as its routing headers say. A Party
// is zero where the message does not say it, and where it says one that is not the partner's or ours, unless the partner
// is trusted (ocpi.RoutingTrust).
func RoutingOf(ctx context.Context) ocpi.Routing {
	routing, _ := ctx.Value(routingKey{}).(ocpi.Routing)
	return routing
}

// readRouting reads the routing headers and checks them against who the partner is, and who we are (requirements DT-18 to DT-21, DT-30).
// Whatever it finds, the answer has them swapped.
func (c *call) readRouting(res resource) error {
	if c.routed = ocpi.Routed(res.version, res.module) && !res.unrouted; !c.routed {
		return nil
	}
	given, unreadable := ocpi.ReadRouting(c.r.Header)
	ours := c.server.partiesFacing(c.partner, res.role)
	c.replyTo(given, ours)
	routing := given
	if unreadable != nil {
		if err := c.misrouted(&ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: unreadable.Error()}, ocpi.FindingFormat); err != nil {
			return err
		}
	}
	trusted := c.partner.Receive.Routing == ocpi.RoutingTrust
	for _, party := range []struct {
		it    *ocpi.Party
		known bool
		wrong *ocpi.Error
	}{
		{&routing.From, speaksFor(c.partner, given.From), ocpi.InvalidParameters("the message is from %s, which is no party of yours", given.From)},
		{&routing.To, c.server.serves(c.partner, given.To), unknownReceiver(given.To)},
	} {
		if *party.it == (ocpi.Party{}) || party.known {
			continue
		}
		if err := c.misrouted(party.wrong, ocpi.FindingMismatch); err != nil {
			return err
		}
		if !trusted {
			*party.it = ocpi.Party{}
		}
	}
	if err := c.unrouted(res, given, ours); err != nil && unreadable == nil {
		return err
	}
	if routing != (ocpi.Routing{}) {
		c.r = c.r.WithContext(WithRouting(c.ctx(), routing))
	}
	return nil
}

// unknownReceiver says that a message is for nobody here. The HTTP status is that of what is not there.
func unknownReceiver(party ocpi.Party) *ocpi.Error {
	e := ocpi.NotFound("the message is for %s, which is no party here that deals with you", party)
	e.Code = ocpi.StatusUnknownReceiver
	return e
}

// unrouted refuses a message that does not say whom it is from or for where there are several who could be meant. One about an
// object in whose URL the party stands is from that party.
func (c *call) unrouted(res resource, given ocpi.Routing, ours []ocpi.Party) error {
	theirs := c.partner.Parties(res.caller)
	if len(theirs) == 0 {
		theirs = distinct(c.partner.Roles)
	}
	switch {
	case given.From == (ocpi.Party{}) && len(theirs) > 1 && c.path("party_id") == "":
		return c.misrouted(ocpi.InvalidParameters("you have several parties here: the headers %s and %s must say which of them the message is from",
			ocpi.HeaderFromCountry, ocpi.HeaderFromParty), ocpi.FindingMissing)
	case given.To == (ocpi.Party{}) && len(ours) > 1:
		return c.misrouted(ocpi.InvalidParameters("we have several parties that deal with you: the headers %s and %s must say which of them the message is for",
			ocpi.HeaderToCountry, ocpi.HeaderToParty), ocpi.FindingMissing)
	default:
		return nil
	}
}

// misrouted is what becomes of a message whose parties are wrong, by the partner's policy: the error, or nil where it is taken.
func (c *call) misrouted(wrong *ocpi.Error, code ocpi.FindingCode) error {
	switch c.partner.Receive.Routing {
	case ocpi.RoutingTrust:
		return nil
	case ocpi.RoutingLog:
		c.count(quirk.RoutingMismatch)
		c.findings = append(c.findings, ocpi.Finding{Code: code, Message: wrong.Message})
		return nil
	default:
		c.count(quirk.RoutingMismatch)
		return wrong
	}
}

// replyTo sets the routing headers of the answer: those of the message swapped. Who is not named is filled in where there is
// only one who can be meant, as with a message whose receiver a hub has found. A message without them is answered without.
func (c *call) replyTo(given ocpi.Routing, ours []ocpi.Party) {
	if given == (ocpi.Routing{}) {
		return
	}
	if given.To == (ocpi.Party{}) && len(ours) == 1 {
		given.To = ours[0]
	}
	if theirs := distinct(c.partner.Roles); given.From == (ocpi.Party{}) && len(theirs) == 1 {
		given.From = theirs[0]
	}
	given.Reply().Set(c.w.Header())
}

// viewer is the partner as a backend knows it that shows objects of ours: one of our several parties that a message is for shows
// its own, as a system of its own would. Before 2.2 objects do not say whose they are, and the partner takes them for those of the
// party that it got credentials of, which is the first: so it is shown no others (requirement C-22).
func (c *call) viewer() *ocpi.Partner {
	ours := c.server.partiesFacing(c.partner, c.role)
	if len(ours) < 2 {
		return c.partner
	}
	meant := RoutingOf(c.ctx()).To
	if c.version.Compare("2.2") < 0 {
		meant = ours[0]
	}
	if !slices.Contains(ours, meant) {
		return c.partner
	}
	viewer := *c.partner
	viewer.Serves = []ocpi.Party{meant}
	return &viewer
}

// serves reports whether a party is one of ours that deals with the partner. A server that was not told of any serves all.
func (s *Server) serves(partner *ocpi.Partner, party ocpi.Party) bool {
	return len(s.config.Parties) == 0 || slices.Contains(s.partiesFacing(partner, ""), party)
}

// partiesFacing are our parties that deal with a partner in a role of ours, or in any where it is empty; each once.
func (s *Server) partiesFacing(partner *ocpi.Partner, role ocpi.Role) []ocpi.Party {
	return distinct(slices.DeleteFunc(slices.Clone(s.config.Parties), func(r ocpi.PartyRole) bool {
		return role != "" && r.Role != role || len(partner.Serves) > 0 && !slices.Contains(partner.Serves, r.Party)
	}))
}

func distinct(roles []ocpi.PartyRole) (parties []ocpi.Party) {
	for _, r := range roles {
		if !slices.Contains(parties, r.Party) {
			parties = append(parties, r.Party)
		}
	}
	return parties
}

// speaksFor reports whether a party is one of the partner's, in any role.
func speaksFor(partner *ocpi.Partner, party ocpi.Party) bool {
	return slices.ContainsFunc(partner.Roles, func(r ocpi.PartyRole) bool { return r.Party == party })
}

// callerParty is the partner's party in a role that a message is from: the one in its headers, or else the first. admit has seen
// to it that there is one.
func (c *call) callerParty(role ocpi.Role) ocpi.Party {
	if from := RoutingOf(c.ctx()).From; c.partner.Speaks(role, from) {
		return from
	}
	return c.partner.Parties(role)[0]
}
