package ocpiclient

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An EMSP is a partner with drivers, as a CPO calls it.
type EMSP struct {
	// Locations, Sessions, CDRs and Tariffs take our objects.
	Locations LocationReceiver
	Sessions  Receiver[v230.Session]
	CDRs      CDRReceiver
	Tariffs   TariffReceiver
	Tokens    TokenSender

	client *Client
}

// EMSP returns the calls to a partner that is an eMSP.
func (c *Client) EMSP() EMSP {
	return EMSP{
		Locations: LocationReceiver{Receiver[v230.Location]{client: c, kind: c.locations(), role: ocpi.RoleEMSP}},
		Sessions:  Receiver[v230.Session]{client: c, kind: c.sessions(), role: ocpi.RoleEMSP},
		CDRs:      CDRReceiver{client: c},
		Tariffs:   TariffReceiver{Receiver[v230.Tariff]{client: c, kind: c.tariffs(), role: ocpi.RoleEMSP}},
		Tokens:    TokenSender{Sender[v230.Token]{client: c, kind: c.tokens(), role: ocpi.RoleEMSP}},
		client:    c,
	}
}

// CommandResult tells an eMSP what came of its command, at exactly the URL it gave for that (requirement CMD-05). The
// URL must be on a host where the eMSP has endpoints, or on one of Config.TokenHosts: no other gets its token (requirement
// CMD-17).
func (e EMSP) CommandResult(ctx context.Context, responseURL string, result v230.CommandResult) error {
	c := e.client
	r := request{method: http.MethodPost, url: responseURL, module: ocpi.ModuleCommands, role: ocpi.RoleEMSP}
	if err := c.checkOurs(&r); err != nil {
		return err
	}
	if err := write(c, &r, c.codecs.CommandResults, result, convert.Env{}); err != nil {
		return err
	}
	return c.order(ctx, r)
}

// CheckResponseURL says whether CommandResult would call a URL, as far as that is known without resolving its host.
func (e EMSP) CheckResponseURL(responseURL string) error {
	if err := e.client.checkOurs(&request{method: http.MethodPost, url: responseURL}); err != nil {
		return err
	}
	return e.client.config.Transport.CheckURL(responseURL)
}

// A TokenSender is a Sender of tokens that says whether their drivers may charge.
type TokenSender struct {
	Sender[v230.Token]
}

// An AuthorizeRequest is the question whether a driver may charge.
type AuthorizeRequest struct {
	TokenUID string
	// TokenType is RFID where it is empty (requirement TOK-06).
	TokenType v230.TokenType
	// Owner is the party of the eMSP's that the token belongs to; the zero Party where it is not known. It is said since 2.2.
	Owner ocpi.Party
	// At says where the driver wants to charge; nil where that does not matter.
	At *v230.LocationReferences
}

// Authorize asks whether a driver may charge (requirements TOK-06 to TOK-12). A refusal is an answer and not an error; an
// error that is ocpi.ErrNotFound means that the eMSP does not know the token, which is a refusal too. Version 2.1.1
// answers without the token: Token is zero then, and who asked has it.
func (s TokenSender) Authorize(ctx context.Context, question AuthorizeRequest) (v230.AuthorizationInfo, error) {
	c := s.client
	endpoint, err := c.endpoint(ocpi.ModuleTokens, ocpi.Sender, s.role)
	if err != nil {
		return v230.AuthorizationInfo{}, err
	}
	target, quirks, err := c.below(endpoint, c.tokenType(question.TokenType), question.TokenUID, "authorize")
	if err != nil {
		return v230.AuthorizationInfo{}, err
	}
	r := request{
		method: http.MethodPost, url: target, module: ocpi.ModuleTokens, role: s.role, routing: ocpi.Routing{To: question.Owner}, quirks: quirks,
	}
	env := c.env(ctx, c.only(s.role))
	if question.At != nil {
		if err := write(c, &r, c.codecs.LocationReferences, *question.At, env); err != nil {
			return v230.AuthorizationInfo{}, err
		}
	}
	info, _, err := ask(ctx, c, r, c.codecs.AuthorizationInfos, env)
	return info, err
}

// tokenType is the type of a token as a parameter. The text of 2.1.1 calls it type and its table token_type, so it is
// sent under both names there (requirement TOK-06). Since 2.2 it is type.
func (c *Client) tokenType(t v230.TokenType) url.Values {
	if t == "" {
		t = v230.TokenTypeRFID
	}
	t = c.typeName(t)
	if c.config.Version.Compare("2.2") >= 0 {
		return url.Values{"type": {string(t)}}
	}
	return url.Values{"type": {string(t)}, "token_type": {string(t)}}
}

// typeName is what the partner's version calls a type of tokens.
func (c *Client) typeName(t v230.TokenType) v230.TokenType {
	if raw, _, err := c.codecs.Tokens.Write(v230.Token{Type: t}, convert.Env{}); err == nil {
		var token struct {
			Type v230.TokenType `json:"type"`
		}
		if json.Unmarshal(raw, &token) == nil && token.Type != "" {
			return token.Type
		}
	}
	return t
}

// A CDRReceiver takes our CDRs, which are sent once and never change.
type CDRReceiver struct {
	client *Client
}

// Post sends a CDR, and returns the URL where the partner has it, absolute, or nothing where it does not say (requirements
// CDR-04, CDR-05). A URL on another host than the partner's endpoints is returned too, but cannot be used with Get.
func (r CDRReceiver) Post(ctx context.Context, cdr v230.CDR) (location string, err error) {
	m, err := r.ComposePost(ctx, cdr)
	if err != nil {
		return "", err
	}
	sent, err := r.client.Send(ctx, m)
	return sent.Location, err
}

// cdrLocation is where the partner says it has the CDR it was sent, or has it where it says nothing that can be called.
func (c *Client) cdrLocation(a *reply, m Message) string {
	if a.http == http.StatusOK {
		c.count(a, quirk.CreatedAs200)
	}
	location := absolute(a.from, a.header.Get("Location"))
	if c.profile.Has(quirk.LocationUnusable) {
		endpoint, err := c.endpoint(m.module, ocpi.Receiver, m.role)
		if known, _, failed := c.below(endpoint, nil, m.id); err == nil && failed == nil {
			c.count(a, quirk.LocationUnusable)
			return known
		}
	}
	if u, err := url.Parse(location); location != "" && (err != nil || !c.ours(u)) {
		a.exchange.Findings = append(a.exchange.Findings, ocpi.Finding{
			Code: ocpi.FindingMismatch, Message: "the Location of the CDR is on another host than the endpoints: " + shown(location, a.exchange.Secrets),
		})
	}
	return location
}

// Get returns a CDR of ours as the partner has it, at the URL that Post returned.
func (r CDRReceiver) Get(ctx context.Context, location string) (v230.CDR, error) {
	return r.get(ctx, location, r.client.env(ctx, r.client.config.Own))
}
