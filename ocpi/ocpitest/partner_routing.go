package ocpitest

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

type routingKey struct{}

// WithRouting makes the calls of a Partner under ctx carry these routing headers, of parties that are not zero, whoever they
// name. Without it, calls of modules since 2.2 are from the Partner's party and for the first one in the other side's
// credentials (requirement DT-21).
func WithRouting(ctx context.Context, routing ocpi.Routing) context.Context {
	return context.WithValue(ctx, routingKey{}, routing)
}

// address gives a call what messages have since 2.2: ids of their own, and in modules whom they are for and from.
func (p *Partner) address(ctx context.Context, request *http.Request, peer Peer, version ocpi.Version) {
	if version.Compare("2.2") < 0 {
		return
	}
	request.Header.Set("X-Request-ID", rand.Text())
	request.Header.Set("X-Correlation-ID", rand.Text())
	if !ocpi.Routed(version, peer.moduleAt(request.URL.String())) {
		return
	}
	if given, ok := ctx.Value(routingKey{}).(ocpi.Routing); ok {
		given.Set(request.Header)
		return
	}
	routing := ocpi.Routing{From: p.Party}
	if roles := peer.Credentials.Roles; len(roles) > 0 {
		routing.To = ocpi.NewParty(string(roles[0].CountryCode), string(roles[0].PartyID))
	}
	routing.Set(request.Header)
}

// moduleAt is the module whose endpoint a URL lies below; empty for none.
func (p Peer) moduleAt(url string) ocpi.ModuleID {
	url, _, _ = strings.Cut(url, "?")
	for _, e := range p.Endpoints {
		if base := strings.TrimRight(e.URL, "/"); url == base || strings.HasPrefix(url, base+"/") {
			return e.Module
		}
	}
	return ""
}
