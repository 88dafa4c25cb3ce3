package ocpiclient

import (
	"context"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

type routingKey struct{}

// WithRouting makes the calls under ctx carry these routing headers, in the place of those the Client would choose. A zero
// Party is left out, as that of the receiver is where a hub is to find it (2.2.1 transport and format, open routing). It
// changes nothing where messages have no routing headers: before 2.2, and in versions, credentials and hubclientinfo.
//
// Without it a call is from the party of ours that owns its object, or else from Config.Own, and for the party of the partner's
// that the object is about, or else its first one in the role that is called, or a hub itself.
func WithRouting(ctx context.Context, routing ocpi.Routing) context.Context {
	return context.WithValue(ctx, routingKey{}, routing)
}

type receiverKey struct{}

// WithReceiver makes the calls under ctx be for this party of the partner's, and from whom they would be without it. It is for
// partners with several parties where the call itself does not tell which is meant, such as lists and commands, and changes
// nothing for the zero Party. WithRouting goes before it.
func WithReceiver(ctx context.Context, party ocpi.Party) context.Context {
	if party == (ocpi.Party{}) {
		return ctx
	}
	return context.WithValue(ctx, receiverKey{}, party)
}

// routingOf is whom a call is for and from (requirements DT-18 to DT-22). The call may name either; a receiver that it names
// counts where the partner speaks for it.
func (c *Client) routingOf(ctx context.Context, r *request) ocpi.Routing {
	if !ocpi.Routed(c.config.Version, r.module) {
		return ocpi.Routing{}
	}
	if given, ok := ctx.Value(routingKey{}).(ocpi.Routing); ok {
		return given
	}
	routing := ocpi.Routing{To: c.receiver(r.role, r.routing.To), From: c.owner(r.routing.From)}
	if party, ok := ctx.Value(receiverKey{}).(ocpi.Party); ok {
		routing.To = party
	}
	return routing
}

// receiver is the party of the partner's that a call is for. A hub reaches parties that it does not tell us about.
func (c *Client) receiver(role ocpi.Role, named ocpi.Party) ocpi.Party {
	partner := c.config.Partner
	hubs, parties := partner.Parties(ocpi.RoleHub), partner.Parties(role)
	switch {
	case named != (ocpi.Party{}) && (len(hubs) > 0 || partner.Speaks(role, named)):
		return named
	case len(hubs) > 0:
		return hubs[0]
	case len(parties) > 0:
		return parties[0]
	case len(partner.Roles) > 0: // a platform of another role, such as one of navigators that takes locations
		return partner.Roles[0].Party
	default:
		return ocpi.Party{}
	}
}

// checkRouting notes an answer whose routing headers are not those of the request with the parties swapped (requirement DT-20).
// It may have none (requirement DT-19), and it names whom it likes where the request left the receiver to a hub.
func (c *Client) checkRouting(a *reply) {
	sent := a.routing
	if sent == (ocpi.Routing{}) {
		return
	}
	got, err := ocpi.ReadRouting(a.header)
	var problem string
	code := ocpi.FindingMismatch
	switch {
	case err != nil:
		code, problem = ocpi.FindingFormat, "the answer: "+err.Error()
	case differ(got.To, sent.From), differ(got.From, sent.To):
		problem = fmt.Sprintf("the answer is from %s for %s, and the message was from %s for %s", got.From, got.To, sent.From, sent.To)
	default:
		return
	}
	c.count(a, quirk.RoutingMismatch)
	a.exchange.Findings = append(a.exchange.Findings, ocpi.Finding{Code: code, Message: problem})
}

// differ reports whether two parties are known and not the same.
func differ(a, b ocpi.Party) bool {
	return a != (ocpi.Party{}) && b != (ocpi.Party{}) && a != b
}
