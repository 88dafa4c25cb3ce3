package ocpitest

import (
	"context"
	"slices"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Peer is what a Partner knows of the other side.
type Peer struct {
	// Registered tells whether the two are registered with each other.
	Registered bool
	// Credentials are those the other side gave last. Their token is TheirToken.
	Credentials v230.Credentials
	// Versions are those the other side offers, Version the one in use and Endpoints what it has there.
	Versions  []ocpi.Version
	Version   ocpi.Version
	Endpoints []ocpi.Endpoint
	// OurToken is what the other side calls us with, TheirToken what we call it with.
	OurToken, TheirToken string
}

// Endpoint is where the other side serves a module; empty where it does not.
func (p Peer) Endpoint(module ocpi.ModuleID) string {
	at := slices.IndexFunc(p.Endpoints, func(e ocpi.Endpoint) bool { return e.Module == module })
	if at < 0 {
		return ""
	}
	return p.Endpoints[at].URL
}

// EndpointOf is where the other side serves one side of a module; empty where it does not. Before 2.2 endpoints have no sides,
// and this is Endpoint.
func (p Peer) EndpointOf(module ocpi.ModuleID, side ocpi.InterfaceRole) string {
	at := slices.IndexFunc(p.Endpoints, func(e ocpi.Endpoint) bool { return e.Module == module && (e.Role == "" || e.Role == side) })
	if at < 0 {
		return ""
	}
	return p.Endpoints[at].URL
}

// Peer returns what the Partner knows of the other side now.
func (p *Partner) Peer() Peer {
	p.relation.mu.Lock()
	defer p.relation.mu.Unlock()
	return clone(p.relation.peer)
}

// Registered tells whether the Partner and the other side are registered with each other.
func (p *Partner) Registered() bool { return p.Peer().Registered }

// PeerID is a Partner's own name for the other side, by which its backends keep what they get:
// p.CPO.Tokens.From(ocpitest.PeerID).
const PeerID = "peer"

// A relation is how a Partner and the other side stand, and who may call. It implements ocpiserver.Partners.
type relation struct {
	mu   sync.Mutex
	peer Peer
	// roles are the other side's: in 2.1.1 one for each of ours.
	roles []ocpi.PartyRole
	// invitation is the token A that is open.
	invitation string
	// offered is the token that credentials on their way to the other side have.
	offered string
	// previous is the token before OurToken, until OurToken is first used.
	previous string
	// busy is while the other side's credentials are looked into.
	busy bool
	// claim changes our credentials.
	claim func(*v230.Credentials)
}

// PartnerByToken implements ocpiserver.Partners.
func (l *relation) PartnerByToken(_ context.Context, token string) (*ocpi.Partner, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	partner := ocpi.Partner{ID: PeerID, Roles: slices.Clone(l.roles), Version: l.peer.Version}
	switch token {
	case "":
		return nil, ocpi.ErrUnauthorized
	case l.peer.OurToken:
		l.previous = ""
	case l.previous:
	case l.invitation:
		return &ocpi.Partner{ID: PeerID, Access: ocpi.AccessRegistration}, nil
	case l.offered:
		if !l.peer.Registered {
			partner.Access = ocpi.AccessRegistration
		}
	default:
		return nil, ocpi.ErrUnauthorized
	}
	return &partner, nil
}

// invite opens the relation to whoever comes with this token.
func (l *relation) invite(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.invitation = token
}

// begin makes sure that one set of credentials is looked into at a time, and that the token they came with is still
// good: another call may have used it up meanwhile.
func (l *relation) begin(token string, registered bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		return conflict("another call is just exchanging credentials with you; wait for its answer")
	}
	if !registered && token != l.invitation || registered && !l.peer.Registered {
		return conflict("another call has exchanged credentials with you meanwhile")
	}
	l.busy = true
	return nil
}

func (l *relation) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
}

// offer makes a token good that the other side is about to be sent. Done takes it back.
func (l *relation) offer(token string) (done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offered = token
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.offered == token {
			l.offered = ""
		}
	}
}

// become is the end of an exchange of credentials: everything changes at once. usedUp is the token it was begun with.
func (l *relation) become(peer Peer, roles []ocpi.PartyRole, keepOldToken bool, usedUp string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.previous = ""
	if keepOldToken && l.peer.Registered {
		l.previous = l.peer.OurToken
	}
	peer.Registered = true
	l.peer, l.roles = clone(peer), roles
	if usedUp == l.invitation {
		l.invitation = "" // requirement C-09
	}
}

// part ends the relation: no token is good any more (requirement C-13).
func (l *relation) part() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peer, l.roles, l.invitation, l.offered, l.previous = Peer{}, nil, "", "", ""
}
