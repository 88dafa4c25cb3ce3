package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// nameFlags are what most commands about a partner take.
type nameFlags struct {
	dataFlag
	Name string `arg:"" help:"Our name for the partner."`
}

// manage does something to the relation with the partner, and says where we then stand.
func (n nameFlags) manage(ctx context.Context, io streams, do func(h *handshake.Handshake) error) error {
	return n.registering(ctx, io, func(_ *node.Data, h *handshake.Handshake) error {
		return told(ctx, io, h, n.Name, do(h))
	})
}

type partnerRotateCmd struct{ nameFlags }

// Run exchanges new tokens.
func (p *partnerRotateCmd) Run(ctx context.Context, io streams) error {
	return p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Rotate(ctx, p.Name) })
}

type partnerUpdateCmd struct{ nameFlags }

// Run reads versions and endpoints again.
func (p *partnerUpdateCmd) Run(ctx context.Context, io streams) error {
	return p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Update(ctx, p.Name) })
}

type partnerRetryCmd struct{ nameFlags }

// Run goes on with what failed.
func (p *partnerRetryCmd) Run(ctx context.Context, io streams) error {
	return p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Retry(ctx, p.Name) })
}

type partnerRollbackCmd struct {
	nameFlags
	Force bool `help:"Give up even though the partner may have taken our credentials. It may then be left with tokens that do not work."`
}

// Run gives up what failed.
func (p *partnerRollbackCmd) Run(ctx context.Context, io streams) error {
	err := p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Rollback(ctx, p.Name, p.Force) })
	if errors.Is(err, handshake.ErrUnclear) {
		return fmt.Errorf("%w; use \"roamwire partner retry\" first, or --force", err)
	}
	return err
}

type partnerSetCmd struct {
	nameFlags
	Quirks *string  `help:"How the partner deviates from OCPI, as for \"partner invite\"." placeholder:"PROFILE" env:"ROAMWIRE_PARTNER_QUIRKS" setting:"partner-quirks"`
	Pin    *string  `help:"The only version of OCPI to use with this partner; empty for the highest that both speak." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_PIN" setting:"partner-pin"`
	Hide   listFlag `help:"The versions of OCPI that are neither used with this partner nor offered to it. Can be repeated; empty for none." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_HIDE" setting:"partner-hide"`
	Serves listFlag `help:"The parties of ours that deal with this partner. Can be repeated; empty for all." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_SERVES" setting:"partner-serves"`
	Need   listFlag `help:"The modules the partner must offer. Can be repeated; empty for none." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_NEED" setting:"partner-need"`
}

// Run changes what was decided about a partner.
func (p *partnerSetCmd) Run(ctx context.Context, io streams) error {
	serves, err := p.Serves.parties()
	if err != nil {
		return err
	}
	return p.manage(ctx, io, func(h *handshake.Handshake) error {
		return h.Change(ctx, p.Name, func(t *handshake.Terms) {
			if p.Quirks != nil {
				t.Quirks = *p.Quirks
			}
			if p.Pin != nil {
				t.Pin = ocpi.Version(*p.Pin)
			}
			if p.Hide.given {
				t.Hide = hidden(p.Hide.items)
			}
			if p.Serves.given {
				t.Serves = serves
			}
			if p.Need.given {
				t.Modules = modules(p.Need.items)
			}
		})
	})
}

type partnerSuspendCmd struct{ nameFlags }

// Run stops the exchange of data.
func (p *partnerSuspendCmd) Run(ctx context.Context, io streams) error {
	return p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Suspend(ctx, p.Name, true) })
}

type partnerResumeCmd struct{ nameFlags }

// Run lets the exchange of data go on.
func (p *partnerResumeCmd) Run(ctx context.Context, io streams) error {
	return p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Suspend(ctx, p.Name, false) })
}

type partnerUnregisterCmd struct {
	nameFlags
	Force bool `help:"End the registration here even though the partner cannot be told."`
}

// Run ends the registration.
func (p *partnerUnregisterCmd) Run(ctx context.Context, io streams) error {
	err := p.manage(ctx, io, func(h *handshake.Handshake) error { return h.Unregister(ctx, p.Name, p.Force) })
	if errors.Is(err, handshake.ErrNotTold) {
		return fmt.Errorf("%w; with --force it ends on our side alone", err)
	}
	return err
}
