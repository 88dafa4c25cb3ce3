package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A self is what a node that serves leaves in its data, for the commands that run beside it: they register partners in
// its name.
type self struct {
	URL          string             `json:"url"`
	Parties      []Party            `json:"parties"`
	Versions     []ocpi.Version     `json:"versions"`
	AllowPrivate bool               `json:"allow_private"`
	Registration RegistrationLimits `json:"registration"`
	Exchanges    exchange.Settings  `json:"exchanges"`
	// Keys are the ids of the keys that encrypt: a command must not encrypt with others.
	Keys []string `json:"keys"`
}

const selfNote = "self"

// RegistrationLimits bound exchanges of credentials in time. Zero values stand for the defaults of package handshake.
type RegistrationLimits struct {
	// CallTimeout bounds one call to a partner, Timeout an exchange from its first step to its last.
	CallTimeout time.Duration `json:"call_timeout"`
	Timeout     time.Duration `json:"timeout"`
	// Grace is how long a token that was replaced stays good while its successor is not used.
	Grace time.Duration `json:"grace"`
	// Window is how long a token A can be used again after a registration whose answer may have been lost.
	Window time.Duration `json:"window"`
	// UpdateEvery is how often versions and endpoints of partners are read again; zero for never.
	UpdateEvery time.Duration `json:"update_every"`
}

// errNeverServed is told by commands that need to know who the node is.
var errNeverServed = errors.New(`no node has served with this data yet: start "roamwire serve" first, and leave it running, because partners call back while they register`)

// Registration returns what registers partners, in the name of the node that serves with this data.
func (d *Data) Registration(ctx context.Context) (*handshake.Handshake, error) {
	if d.handshake != nil {
		return d.handshake, nil
	}
	own, err := d.self(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.sameKeys(own); err != nil {
		return nil, err
	}
	d.handshake, err = d.newHandshake(own)
	return d.handshake, err
}

// sameKeys refuses to encrypt with a key that the node does not have. The node reads its file again when it has changed, so
// any key in common will do for a file; keys from the environment are those it was started with.
func (d *Data) sameKeys(own self) error {
	ids, err := d.Keys.IDs()
	if err != nil {
		return err
	}
	if d.config.Key != "" {
		ids = ids[:1]
	}
	for _, id := range ids {
		if slices.Contains(own.Keys, id) {
			return nil
		}
	}
	if len(own.Keys) == 0 {
		return errors.New("the key file of the node is missing: bring back the one that belongs to this data")
	}
	return errors.New("the node encrypts partners' tokens with another key: give this command the --key-file or the variable ROAMWIRE_KEY of the node; a new key must be given to the node first")
}

// EncryptAnew encrypts the tokens of all partners and the secrets of all webhooks with a new key, and returns how many relations that were. With keys from
// the environment, it is the first of them, which the node must have been started with.
func (d *Data) EncryptAnew(ctx context.Context) (relations int, err error) {
	own, err := d.self(ctx)
	if err == nil {
		err = d.sameKeys(own)
	}
	if err != nil && !errors.Is(err, errNeverServed) {
		return 0, err
	}
	again := func() (err error) {
		if relations, err = d.Partners.EncryptAnew(ctx); err != nil {
			return err
		}
		return d.newEvents().Webhooks.Reseal(ctx)
	}
	if d.config.Key != "" {
		return relations, again()
	}
	err = d.Keys.Rotate(again)
	return relations, err
}

// VersionsURL is where a partner in this role finds our versions. The empty role gives the URL for every role.
func (d *Data) VersionsURL(ctx context.Context, role ocpi.Role) (string, error) {
	own, err := d.self(ctx)
	if err != nil {
		return "", err
	}
	switch role {
	case ocpi.RoleEMSP:
		return own.URL + sidePath(ocpi.RoleCPO) + "/versions", nil
	case ocpi.RoleCPO:
		return own.URL + sidePath(ocpi.RoleEMSP) + "/versions", nil
	default:
		return own.URL + "/versions", nil
	}
}

func sidePath(role ocpi.Role) string { return "/" + strings.ToLower(string(role)) }

// Parties are the node's own, as it last served; none before it has.
func (d *Data) Parties(ctx context.Context) ([]ocpi.Party, error) {
	own, err := d.self(ctx)
	if err != nil && !errors.Is(err, errNeverServed) {
		return nil, err
	}
	var parties []ocpi.Party
	for _, p := range own.Parties {
		parties = append(parties, p.Party)
	}
	return parties, nil
}

func (d *Data) self(ctx context.Context) (self, error) {
	var own self
	raw, err := d.db.ReadNote(ctx, selfNote)
	if errors.Is(err, store.ErrNotFound) {
		return own, errNeverServed
	}
	if err == nil {
		err = json.Unmarshal(raw, &own)
	}
	if err != nil {
		return own, fmt.Errorf("read who the node is: %w", err)
	}
	return own, nil
}

// introduce leaves who the node is in its data.
func (n *Node) introduce(ctx context.Context) (self, error) {
	own := self{
		URL: n.URL(), Parties: n.config.Parties, Versions: n.config.Versions,
		AllowPrivate: n.config.AllowPrivate, Registration: n.config.Registration, Exchanges: n.config.Exchanges,
	}
	var err error
	if own.Keys, err = n.Keys.IDs(); err != nil {
		return own, err
	}
	raw, err := json.Marshal(&own)
	if err != nil {
		return own, err
	}
	n.introduced = own
	return own, n.db.Note(ctx, selfNote, raw)
}

// introduceAgain does so when the keys in the file have changed.
func (n *Node) introduceAgain(ctx context.Context) error {
	ids, err := n.Keys.IDs()
	if err != nil || slices.Equal(ids, n.introduced.Keys) {
		return err
	}
	_, err = n.introduce(ctx)
	return err
}

func (d *Data) newHandshake(own self) (*handshake.Handshake, error) {
	limits := own.Registration
	return handshake.New(handshake.Config{
		Store: d.Partners, Own: &credentials{url: own.URL, parties: own.Parties}, Parties: partyRoles(own.Parties), Versions: own.Versions,
		Transport:   ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: own.AllowPrivate}),
		CallTimeout: limits.CallTimeout, Timeout: limits.Timeout, Grace: limits.Grace, Window: limits.Window, UpdateEvery: limits.UpdateEvery,
		Logger: d.config.Logger, Now: d.config.Now, OnStep: d.config.OnStep, Observe: d.observeCall, Capture: d.Exchanges.Capture(),
		Location: d.ownLocation,
	})
}

// recoverEvery is how often the node looks after exchanges of credentials that were interrupted.
const recoverEvery = time.Second

// recoverRegistrations looks after interrupted exchanges until ctx ends.
func (n *Node) recoverRegistrations(ctx context.Context) {
	every := time.NewTicker(recoverEvery)
	defer every.Stop()
	for {
		if err := errors.Join(n.handshake.Recover(ctx), n.introduceAgain(ctx)); err != nil && ctx.Err() == nil {
			n.config.Logger.ErrorContext(ctx, "cannot look after registrations", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
