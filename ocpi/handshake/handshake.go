package handshake

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Config says who we are. Store, Own and Parties are required; every other field works at its zero value.
type Config struct {
	Store Store
	// Own are the credentials partners get from us.
	Own Own
	// Parties are ours, in their roles.
	Parties []ocpi.PartyRole
	// Versions to speak. Default all that the library has types for.
	Versions []ocpi.Version

	// Transport makes the calls. The default refuses private addresses and URLs without TLS.
	Transport *ocpiclient.Transport
	// Location looks up a location of ours for the Clients, as in ocpiclient.Config: sessions of 2.1.1 carry a copy of it.
	// Without it they carry one that says where it is not known.
	Location func(ctx context.Context, owner ocpi.Party, id string) (v230.Location, bool)
	// CallTimeout bounds one call to a partner. Default 10 seconds.
	CallTimeout time.Duration
	// Timeout bounds an exchange of credentials, from the first step to the last. Default 1 minute.
	Timeout time.Duration
	// Grace is how long a token that was replaced stays good while its successor has not been used. Default 24 hours.
	Grace time.Duration
	// Window is how long a token A can be used again after the registration it was for, while the token that we answered
	// with has not been used: the answer may have been lost (requirement C-18). Default 15 minutes.
	Window time.Duration
	// UpdateEvery is how often Recover reads the versions and endpoints of registered partners again: some move without
	// saying so. Zero for never.
	UpdateEvery time.Duration

	// Logger gets what happens. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Observe is told of every call to a partner; nil for nobody. Capture is how much of each body it is given.
	Observe func(context.Context, ocpi.Exchange)
	Capture int
	// OnStep is told when a step begins, after the Relation says so in the Store; nil for nobody.
	OnStep func(context.Context, Step)
}

// Own tells partners how they reach us. ocpiserver.Credentials is the same interface.
type Own interface {
	Credentials(ctx context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error)
}

// A Step is the progress of an attempt.
type Step struct {
	Partner   string
	Kind      Kind
	Direction ocpi.Direction
	// Number counts as the package's documentation does; Done comes after the last of them.
	Number int
	Done   bool
	// Text says what is done in this step.
	Text string
}

// A Handshake registers partners. It is an ocpiserver.Partners, and its Registrar is an ocpiserver.Registrar.
type Handshake struct {
	config Config
	// started is when this process began.
	started time.Time
}

// New returns a Handshake.
func New(config Config) (*Handshake, error) {
	switch {
	case config.Store == nil:
		return nil, errors.New("handshake: Store is required")
	case config.Own == nil:
		return nil, errors.New("handshake: Own is required")
	case len(config.Parties) == 0:
		return nil, errors.New("handshake: Parties is required")
	}
	h := &Handshake{config: config.withDefaults()}
	h.started = h.now()
	return h, nil
}

func (c Config) withDefaults() Config {
	if len(c.Versions) == 0 {
		c.Versions = ocpi.Versions()
	}
	if c.Transport == nil {
		c.Transport = ocpiclient.NewTransport(ocpiclient.TransportConfig{})
	}
	c.CallTimeout = cmp.Or(c.CallTimeout, 10*time.Second)
	c.Timeout = cmp.Or(c.Timeout, time.Minute)
	c.Grace = cmp.Or(c.Grace, 24*time.Hour)
	c.Window = cmp.Or(c.Window, 15*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// HashToken returns the hash by which a token is kept and found. Tokens are random and long, so a plain hash gives nothing
// away, and looking one up compares no secret bytes.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

const tokenBytes = 32

// NewToken returns a random token of 256 bits: 64 hexadecimal digits, the longest a token may be (requirement TF-02).
// Digits alone are read in the same way by partners that take every token for Base64.
func NewToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// now is the present without the parts of a second that stores may not keep.
func (h *Handshake) now() time.Time { return h.config.Now().UTC().Truncate(time.Microsecond) }

// Relation returns a relation by name, or ErrUnknown.
func (h *Handshake) Relation(ctx context.Context, name string) (Relation, error) {
	return h.config.Store.Relation(ctx, name)
}

// Client returns a client that calls the partner with what was agreed on. It fails for a partner that is not registered,
// or suspended.
func (h *Handshake) Client(ctx context.Context, name string) (*ocpiclient.Client, error) {
	r, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return nil, err
	}
	if r.State != Registered || len(r.Outbound) == 0 {
		return nil, fmt.Errorf("partner %s is %s: there is no token to call it with", name, r.Words())
	}
	if r.Suspended {
		return nil, fmt.Errorf("partner %s is suspended", name)
	}
	return h.client(&r, r.Outbound[0].Token)
}

// client makes a client for a relation as it stands.
func (h *Handshake) client(r *Relation, token string) (*ocpiclient.Client, error) {
	if rest, unreadable := strings.CutPrefix(token, Unreadable); unreadable {
		reason, _, _ := strings.Cut(rest, Unreadable)
		return nil, errors.New(reason)
	}
	partner := r.Partner()
	theirs := h.roleOf(r)
	config := ocpiclient.Config{
		Partner: partner, Token: token, Encoding: r.Encoding, Version: r.Remote.Version, Endpoints: r.Remote.Endpoints,
		OwnRole: opposite(theirs), PartnerRole: theirs, Own: h.ownParty(r), Transport: h.config.Transport,
		Timeout: h.config.CallTimeout, Capture: h.config.Capture, Observe: h.config.Observe, Now: h.config.Now,
		Location: h.config.Location,
	}
	return ocpiclient.New(config)
}

// roleOf is the partner's role, and where it has several, the one agreed on, or else the first that deals with a role of
// ours; empty where it is not known yet.
func (h *Handshake) roleOf(r *Relation) ocpi.Role {
	roles := r.Remote.Roles
	if len(roles) == 0 || slices.ContainsFunc(roles, func(p ocpi.PartyRole) bool { return p.Role == r.Terms.Role }) {
		return r.Terms.Role
	}
	i := slices.IndexFunc(roles, func(theirs ocpi.PartyRole) bool {
		return slices.ContainsFunc(h.config.Parties, func(own ocpi.PartyRole) bool { return own.Role == opposite(theirs.Role) })
	})
	return roles[max(i, 0)].Role
}

// ownRole is the role of ours that credentials are about in a version; empty for all, as since 2.2.
func (h *Handshake) ownRole(r *Relation, v ocpi.Version) ocpi.Role {
	if v.Compare("2.2") >= 0 {
		return ""
	}
	return opposite(h.roleOf(r))
}

// ownParty is the party of ours that deals with the partner, the first where several do.
func (h *Handshake) ownParty(r *Relation) ocpi.Party {
	role := opposite(h.roleOf(r))
	for _, own := range h.config.Parties {
		if (role == "" || own.Role == role) && (len(r.Terms.Serves) == 0 || slices.Contains(r.Terms.Serves, own.Party)) {
			return own.Party
		}
	}
	return ocpi.Party{}
}

// opposite is the role on the other side of a connection.
func opposite(role ocpi.Role) ocpi.Role {
	switch role {
	case ocpi.RoleCPO:
		return ocpi.RoleEMSP
	case ocpi.RoleEMSP:
		return ocpi.RoleCPO
	default:
		return ""
	}
}

// theirRole is the role a partner has if nobody says: the opposite of ours, where we have only one.
func (h *Handshake) theirRole() ocpi.Role {
	role := h.config.Parties[0].Role
	for _, own := range h.config.Parties {
		if own.Role != role {
			return ""
		}
	}
	return opposite(role)
}

// checkTerms completes and checks what the operator has decided.
func (h *Handshake) checkTerms(t *Terms) error {
	if t.Role == "" {
		t.Role = h.theirRole()
	}
	if _, ok := ocpi.ParseRole(string(t.Role)); t.Role != "" && !ok {
		return fmt.Errorf("there is no role %s", t.Role)
	}
	for _, party := range t.Serves {
		if !h.ours(party) {
			return fmt.Errorf("%s is no party of ours", party)
		}
	}
	if h.ours(t.Party) {
		return fmt.Errorf("%s is a party of ours", t.Party)
	}
	for _, m := range t.Modules {
		if !m.Known() && !strings.Contains(string(m), "-") { // modules that partners agree on have a prefix (requirement V-07)
			return fmt.Errorf("there is no module %q", m)
		}
	}
	if t.Pin != "" && !slices.Contains(h.config.Versions, t.Pin) {
		return fmt.Errorf("version %s is not spoken here", t.Pin)
	}
	for _, v := range t.Hide {
		if !v.Known() {
			return fmt.Errorf("there is no version %q", v)
		}
	}
	spoken := h.spoken(*t)
	if len(spoken) == 0 {
		return errors.New("no version is left to use with the partner: those that are spoken here are hidden from it")
	}
	if latest := slices.MaxFunc(spoken, ocpi.Version.Compare); t.Role != "" && opposite(t.Role) == "" && latest.Compare("2.2") < 0 {
		return fmt.Errorf("a partner is CPO or EMSP, not %s", t.Role)
	}
	if _, err := quirk.Parse(t.Quirks); err != nil {
		return err
	}
	return nil
}

// ours reports whether a party is one of ours.
func (h *Handshake) ours(party ocpi.Party) bool {
	return slices.ContainsFunc(h.config.Parties, func(own ocpi.PartyRole) bool { return own.Party == party })
}
