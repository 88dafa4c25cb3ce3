package ocpitest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Invite makes a registration token, token A, and returns what the other side needs to register with the Partner. An
// earlier token A that was not used is of no use any more. A Partner that is registered already can be registered with
// anew.
func (p *Partner) Invite() (versionsURL, tokenA string) {
	tokenA = p.newToken()
	p.relation.invite(tokenA)
	return p.versionsURL(), tokenA
}

// Claim changes the credentials that the Partner gives away from now on, whether it sends them or answers with them: its
// token is in them already. Nil brings back the truth.
func (p *Partner) Claim(change func(*v230.Credentials)) {
	p.relation.mu.Lock()
	defer p.relation.mu.Unlock()
	p.relation.claim = change
}

// Register registers with the platform that gave us its versions URL and a token A: it reads the versions, takes the
// highest that both speak, reads its endpoints, posts credentials and keeps what the answer says. Where it fails,
// nothing has changed, as far as the Partner knows. The error is an *ocpi.Error where the other side refused.
func (p *Partner) Register(ctx context.Context, versionsURL, tokenA string) error {
	found, err := p.discover(ctx, versionsURL, tokenA, p.config.Versions)
	if err != nil {
		return fmt.Errorf("ocpitest: register at %s: %w", versionsURL, err)
	}
	if err := p.exchangeCredentials(ctx, http.MethodPost, found, tokenA); err != nil {
		return fmt.Errorf("ocpitest: register at %s: %w", versionsURL, err)
	}
	return nil
}

// Rotate puts credentials with a new token to the other side, with what it offers now, and keeps the new token in the
// answer (requirement C-12).
func (p *Partner) Rotate(ctx context.Context) error {
	peer := p.Peer()
	if !peer.Registered {
		return errNotRegistered
	}
	found, err := p.discover(ctx, peer.Credentials.URL, peer.TheirToken, p.config.Versions)
	if err == nil {
		err = p.exchangeCredentials(ctx, http.MethodPut, found, peer.TheirToken)
	}
	if err != nil {
		return fmt.Errorf("ocpitest: rotate: %w", err)
	}
	return nil
}

// Unregister ends the registration at the other side, and here where that succeeds.
func (p *Partner) Unregister(ctx context.Context) error {
	peer := p.Peer()
	if !peer.Registered {
		return errNotRegistered
	}
	reply, err := p.call(ctx, http.MethodDelete, peer.Endpoint(ocpi.ModuleCredentials), peer.TheirToken, peer.Version, nil)
	if err == nil {
		err = reply.failure()
	}
	if err != nil {
		return fmt.Errorf("ocpitest: unregister: %w", err)
	}
	p.relation.part()
	return nil
}

var errNotRegistered = errors.New("ocpitest: the Partner is not registered with anybody")

// exchangeCredentials sends ours and keeps theirs.
func (p *Partner) exchangeCredentials(ctx context.Context, method string, found discovery, token string) error {
	own := p.credentials(p.newToken())
	defer p.relation.offer(own.Token)()
	body, err := writeCredentials(own, found.version, p.config.Roles[0])
	if err != nil {
		return err
	}
	body = p.flavour.dress(body, "Credentials")
	reply, err := p.call(ctx, method, found.endpoint(ocpi.ModuleCredentials), token, found.version, body)
	if err != nil {
		return err
	}
	if err := reply.failure(); err != nil {
		return err
	}
	theirs, err := readCredentials(reply.Data, found.version, opposite(p.config.Roles[0]))
	if err != nil {
		return fmt.Errorf("their credentials: %w", err)
	}
	p.keep(found, theirs, own.Token, "")
	return nil
}

func writeCredentials(own v230.Credentials, version ocpi.Version, role ocpi.Role) ([]byte, error) {
	return document(&own, version, convert.Env{Role: role}, convert.CredentialsTo211, convert.CredentialsTo221)
}

func readCredentials(raw []byte, version ocpi.Version, role ocpi.Role) (v230.Credentials, error) {
	switch version {
	case ocpi.V211:
		return translated(raw, v211.DecodeCredentials, convert.CredentialsFrom211, convert.Env{Role: role})
	case ocpi.V221:
		return translated(raw, v221.DecodeCredentials, convert.CredentialsFrom221, convert.Env{})
	default:
		theirs, _, err := v230.DecodeCredentials(raw)
		return theirs, err
	}
}

// translated reads an object of an older version into the model.
func translated[Old, T any](
	raw []byte, decode func([]byte) (Old, []ocpi.Finding, error), up func(Old, convert.Env) (T, []convert.Loss), env convert.Env,
) (T, error) {
	old, _, err := decode(raw)
	if err != nil {
		var none T
		return none, err
	}
	object, _ := up(old, env)
	return object, nil
}

// keep remembers what an exchange of credentials has brought.
func (p *Partner) keep(found discovery, theirs v230.Credentials, ourToken, usedUp string) {
	p.relation.become(Peer{
		Credentials: theirs, Versions: found.versions, Version: found.version, Endpoints: found.endpoints,
		OurToken: ourToken, TheirToken: theirs.Token,
	}, p.rolesOf(theirs, found.version), !p.config.ForgetOldToken, usedUp)
}

// rolesOf are the parties the other side may speak for, in their roles: in 2.1.1, which does not say the role, its party in
// the role opposite to each of ours.
func (p *Partner) rolesOf(theirs v230.Credentials, version ocpi.Version) []ocpi.PartyRole {
	var roles []ocpi.PartyRole
	if version.Compare("2.2") >= 0 {
		for _, r := range theirs.Roles {
			roles = append(roles, ocpi.PartyRole{Role: r.Role, Party: ocpi.NewParty(string(r.CountryCode), string(r.PartyID))})
		}
		return roles
	}
	for _, role := range p.config.Roles {
		for _, r := range theirs.Roles {
			roles = append(roles, ocpi.PartyRole{Role: opposite(role), Party: ocpi.NewParty(string(r.CountryCode), string(r.PartyID))})
		}
	}
	return slices.Compact(roles)
}

func opposite(role ocpi.Role) ocpi.Role {
	if role == ocpi.RoleCPO {
		return ocpi.RoleEMSP
	}
	return ocpi.RoleCPO
}

// credentials are what the other side gets to access us, as far as it is told the truth.
func (p *Partner) credentials(token string) v230.Credentials {
	own := v230.Credentials{Token: token, URL: p.versionsURL()}
	for _, role := range p.config.Roles {
		r := v230.CredentialsRole{Role: role, BusinessDetails: v230.BusinessDetails{Name: p.config.Name}}
		r.CountryCode, r.PartyID = owner(p.Party)
		own.Roles = append(own.Roles, r)
	}
	p.relation.mu.Lock()
	claim := p.relation.claim
	p.relation.mu.Unlock()
	if claim != nil {
		claim(&own)
	}
	return own
}

func (p *Partner) newToken() string {
	if p.flavour.newToken != nil {
		return p.flavour.newToken()
	}
	return rand.Text()
}

// A registrar lets the other side register with a Partner. It implements ocpiserver.Registrar.
type registrar struct{ p *Partner }

// Credentials implements ocpiserver.Credentials.
func (g registrar) Credentials(_ context.Context, _ *ocpi.Partner, _ ocpi.Role, token string) (v230.Credentials, error) {
	return g.p.credentials(token), nil
}

// Register implements ocpiserver.Registrar.
func (g registrar) Register(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return g.exchange(ctx, from, theirs, false)
}

// Update implements ocpiserver.Registrar.
func (g registrar) Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return g.exchange(ctx, from, theirs, true)
}

// exchange calls the other side back, while it waits, to see what it offers (requirement C-03), and only then keeps its
// credentials and makes new ones for it. Where it fails nothing has changed (requirement C-17).
func (g registrar) exchange(ctx context.Context, from ocpi.Caller, theirs v230.Credentials, registered bool) (v230.Credentials, error) {
	if err := g.p.relation.begin(from.Token, registered); err != nil {
		return v230.Credentials{}, err
	}
	defer g.p.relation.end()
	found, err := g.p.discover(ctx, theirs.URL, theirs.Token, []ocpi.Version{from.Version})
	if err != nil {
		return v230.Credentials{}, err
	}
	own := g.p.credentials(g.p.newToken())
	g.p.keep(found, theirs, own.Token, from.Token)
	return own, nil
}

// Unregister implements ocpiserver.Registrar.
func (g registrar) Unregister(context.Context, ocpi.Caller) error {
	g.p.relation.part()
	return nil
}

func conflict(message string) *ocpi.Error {
	return &ocpi.Error{HTTP: http.StatusConflict, Code: ocpi.StatusClientError, Message: message}
}
