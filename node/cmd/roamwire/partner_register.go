package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// termsFlags are what we decide about a partner. party and role are ours in settings, so these have other names there.
type termsFlags struct {
	Role   roleFlag    `help:"A role that the partner has, such as CPO or EMSP. Default: the one opposite to ours, where we have only one." placeholder:"ROLE" env:"ROAMWIRE_PARTNER_ROLE" setting:"partner-role"`
	Party  partyFlag   `help:"The party the partner must be, such as NL/ABC. Default: any that is not another partner's." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_PARTY" setting:"partner-party"`
	Serves []partyFlag `help:"A party of ours that deals with this partner. Can be repeated. Default: all of them." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_SERVES" setting:"partner-serves"`
	Need   []string    `help:"A module the partner must offer, such as locations. Can be repeated." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_NEED" setting:"partner-need"`
	Hide   []string    `help:"A version of OCPI that is neither used with this partner nor offered to it. Can be repeated." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_HIDE" setting:"partner-hide"`
	Pin    string      `help:"The only version of OCPI to use with this partner. Default: the highest that both speak." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_PIN" setting:"partner-pin"`
	Quirks string      `help:"How the partner deviates from OCPI: standard, lenient, ocpi-python, or a list of quirks (docs/quirks.md). Default: lenient." placeholder:"PROFILE" env:"ROAMWIRE_PARTNER_QUIRKS" setting:"partner-quirks"`
}

func (f termsFlags) terms() handshake.Terms {
	return handshake.Terms{
		Role: ocpi.Role(f.Role), Party: f.Party.party, Serves: parties(f.Serves), Modules: modules(f.Need),
		Pin: ocpi.Version(f.Pin), Hide: hidden(f.Hide), Quirks: f.Quirks,
	}
}

func parties(flags []partyFlag) []ocpi.Party {
	var parties []ocpi.Party
	for _, f := range flags {
		parties = append(parties, f.party)
	}
	return parties
}

func hidden(names []string) []ocpi.Version {
	var versions []ocpi.Version
	for _, name := range names {
		versions = append(versions, ocpi.Version(name))
	}
	return versions
}

func modules(names []string) []ocpi.ModuleID {
	var modules []ocpi.ModuleID
	for _, name := range names {
		modules = append(modules, ocpi.ModuleID(name))
	}
	return modules
}

// registering opens the data and runs something that registers partners, telling its steps.
func (d dataFlag) registering(ctx context.Context, io streams, do func(*node.Data, *handshake.Handshake) error) error {
	if err := d.exists(); err != nil {
		return err
	}
	config := d.config()
	config.OnStep = func(ctx context.Context, s handshake.Step) {
		if s.Direction == ocpi.Outbound && !s.Done {
			fmt.Fprintf(io.out, "step %d: %s\n", s.Number, s.Text)
		}
		if onStep != nil {
			onStep(ctx, s)
		}
	}
	config.Logger = quietLogger(io.err)
	data, err := node.OpenData(ctx, config)
	if err != nil {
		return err
	}
	h, err := data.Registration(ctx)
	if err == nil {
		err = do(data, h)
	}
	return errors.Join(err, data.Close())
}

type partnerInviteCmd struct {
	dataFlag
	termsFlags
	Name string `arg:"" help:"Our name for the partner."`
}

// Help is what partner invite --help teaches beside its flags.
func (partnerInviteCmd) Help() string {
	return `The partner registers with us: send it the versions URL and the token that this command prints, by a way nobody else
can read. The token is good for registering and nothing else, until the registration has succeeded. Inviting again makes
a new token, and the one before is good no longer.

Example:
  roamwire partner invite greenwheels`
}

// Run invites a partner.
func (p *partnerInviteCmd) Run(ctx context.Context, io streams) error {
	return p.registering(ctx, io, func(data *node.Data, h *handshake.Handshake) error {
		token, err := h.Invite(ctx, p.Name, p.terms())
		if err != nil {
			return err
		}
		r, err := h.Relation(ctx, p.Name)
		if err != nil {
			return err
		}
		url, err := data.VersionsURL(ctx, r.Terms.Role)
		if err != nil {
			return err
		}
		fmt.Fprintf(io.out, "partner %s is invited. Send it these two, by a way nobody else can read:\n\n", p.Name)
		fmt.Fprintf(io.out, "versions URL  %s\ntoken A       %s\n\n", url, token)
		if r.Terms.Role == "" {
			asCPO, err := data.VersionsURL(ctx, ocpi.RoleCPO)
			if err != nil {
				return err
			}
			asEMSP, err := data.VersionsURL(ctx, ocpi.RoleEMSP)
			if err != nil {
				return err
			}
			fmt.Fprintf(io.out, "OCPI 2.1.1 has a URL for each role: an eMSP uses %s, a CPO %s\n\n", asEMSP, asCPO)
		}
		fmt.Fprintf(io.out, "The token is not shown again. \"roamwire partner show %s\" tells when it has registered.\n", p.Name)
		return nil
	})
}

type partnerRegisterCmd struct {
	dataFlag
	termsFlags
	Name   string `arg:"" help:"Our name for the partner."`
	URL    string `help:"The partner's versions URL." required:"" placeholder:"URL" env:"ROAMWIRE_PARTNER_URL" setting:"partner-url"`
	TokenA string `help:"The token A the partner has sent. Better given by the variable: flags can be seen by others on the machine." required:"" placeholder:"TOKEN" env:"ROAMWIRE_PARTNER_TOKEN_A" setting:"partner-token-a"`
}

// Help is what partner register --help teaches beside its flags.
func (partnerRegisterCmd) Help() string {
	return `The node must be running and reachable, because the partner calls back while it registers us.

Example:
  roamwire partner register greenwheels --url https://ocpi.example.com/versions --token-a 7b6f...`
}

// Run registers with a partner.
func (p *partnerRegisterCmd) Run(ctx context.Context, io streams) error {
	return p.registering(ctx, io, func(_ *node.Data, h *handshake.Handshake) error {
		err := h.Register(ctx, p.Name, handshake.Invitation{VersionsURL: p.URL, Token: p.TokenA, Terms: p.terms()})
		return told(ctx, io, h, p.Name, err)
	})
}

// told says what came of an exchange.
func told(ctx context.Context, io streams, h *handshake.Handshake, name string, err error) error {
	switch {
	case errors.Is(err, handshake.ErrRole):
		return fmt.Errorf("%w, with --role", err)
	case errors.Is(err, ocpiclient.ErrPrivate):
		return fmt.Errorf("%w; a node that is started with --allow-private may call such addresses", err)
	case err != nil:
		return err
	}
	r, err := h.Relation(ctx, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "partner %s is %s", name, oneLine(r.Words()))
	if r.State == handshake.Registered {
		fmt.Fprintf(io.out, ", as %s, with OCPI %s", partyRoles(r.Remote.Roles), r.Remote.Version)
	}
	fmt.Fprintln(io.out)
	return nil
}
