package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

type partnerCmd struct {
	Invite     partnerInviteCmd     `cmd:"" help:"Make a token A, and print what to send to a partner that is to register with us."`
	Register   partnerRegisterCmd   `cmd:"" help:"Register with a partner that has sent us its URL and a token A."`
	Show       partnerShowCmd       `cmd:"" help:"Tell where we stand with a partner."`
	List       partnerListCmd       `cmd:"" help:"List partners."`
	Rotate     partnerRotateCmd     `cmd:"" help:"Exchange new tokens with a partner."`
	Update     partnerUpdateCmd     `cmd:"" help:"Read a partner's versions and endpoints again."`
	Retry      partnerRetryCmd      `cmd:"" help:"Go on with an exchange that failed."`
	Rollback   partnerRollbackCmd   `cmd:"" help:"Give up an exchange that failed."`
	Set        partnerSetCmd        `cmd:"" help:"Change what was decided about a partner."`
	Policy     partnerPolicyCmd     `cmd:"" help:"Change and show what a partner is sent, what is fetched from it, and how its objects are taken."`
	Suspend    partnerSuspendCmd    `cmd:"" help:"Stop exchanging data with a partner; the registration stays."`
	Resume     partnerResumeCmd     `cmd:"" help:"Exchange data with a suspended partner again."`
	Unregister partnerUnregisterCmd `cmd:"" help:"End the registration, on the partner's side too."`
	Add        partnerAddCmd        `cmd:"" help:"Add a partner by hand, without a registration, and print its token."`
	Remove     partnerRemoveCmd     `cmd:"" help:"Forget a partner without telling it; its tokens are refused from then on."`
}

type partnerAddCmd struct {
	dataFlag
	Name string `arg:"" help:"Our name for the partner."`
	// party and role are ours everywhere else, so the partner's have other names in settings and variables.
	Party  []partyFlag `help:"The partner's party, such as NL/ABC. Can be repeated." required:"" placeholder:"PARTY" env:"ROAMWIRE_PARTNER_PARTY" setting:"partner-party"`
	Role   []roleFlag  `help:"The partner's roles: CPO, EMSP or both." required:"" placeholder:"ROLE" env:"ROAMWIRE_PARTNER_ROLE" setting:"partner-role"`
	Token  string      `help:"The token the partner calls with: 1 to 64 printable characters. Default: a random one." placeholder:"TOKEN" env:"ROAMWIRE_PARTNER_TOKEN" setting:"partner-token"`
	Serves []partyFlag `help:"A party of ours that deals with this partner. Can be repeated. Default: all of them." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_SERVES" setting:"partner-serves"`
	Pin    string      `help:"The only version of OCPI that is offered to this partner. Default: all." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_PIN" setting:"partner-pin"`
	Hide   []string    `help:"A version of OCPI that is not offered to this partner. Can be repeated." placeholder:"VERSION" env:"ROAMWIRE_PARTNER_HIDE" setting:"partner-hide"`
	Quirks string      `help:"How the partner deviates from OCPI, as for \"partner invite\"." placeholder:"PROFILE" env:"ROAMWIRE_PARTNER_QUIRKS" setting:"partner-quirks"`
}

// Help is what partner add --help teaches beside its flags.
func (partnerAddCmd) Help() string {
	return `The partner calls us with its token. In settings and variables these flags are named partner-party, partner-role and so
on, because party and role are our own there. With several parties of ours, name the one that deals with the partner by
--serves: a 2.1.1 connection is between two parties.

Example:
  roamwire partner add greenwheels --party NL/GWH --role EMSP`
}

// Run adds the partner.
func (p *partnerAddCmd) Run(ctx context.Context, io streams) error {
	if _, err := quirk.Parse(p.Quirks); err != nil {
		return err
	}
	data, err := p.open(ctx)
	if err != nil {
		return err
	}
	added := ocpi.Partner{ID: p.Name, Pin: ocpi.Version(p.Pin), Hide: hidden(p.Hide), Quirks: p.Quirks}
	for _, v := range append(added.Hide, added.Pin) {
		if v != "" && !v.Known() {
			return fmt.Errorf("there is no version %q", v)
		}
	}
	for _, party := range p.Party {
		for _, role := range roles(p.Role) {
			added.Roles = append(added.Roles, ocpi.PartyRole{Role: role, Party: party.party})
		}
	}
	for _, party := range p.Serves {
		added.Serves = append(added.Serves, party.party)
	}
	token, err := data.Partners.Add(ctx, added, p.Token)
	if err = errors.Join(err, data.Close()); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%w: choose another name or token, or remove the partner first", err)
		}
		return err
	}
	fmt.Fprintf(io.out, "partner %s calls with this token, which is not shown again:\n%s\n", added.ID, token)
	return nil
}

type partnerListCmd struct {
	dataFlag
}

// Run lists the partners.
func (p *partnerListCmd) Run(ctx context.Context, io streams) error {
	data, err := p.existing(ctx)
	if err != nil {
		return err
	}
	partners, err := data.Partners.Relations(ctx)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	if len(partners) == 0 {
		fmt.Fprintln(io.out, "no partners; invite one with \"roamwire partner invite\"")
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPARTIES\tSERVED BY\tADDED\tSTATE")
	for _, r := range partners {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, orDash(partyRoles(r.Remote.Roles)), servedBy(r.Terms.Serves), stamp(r.Added), oneLine(r.Words()))
	}
	return w.Flush()
}

func partyRoles(roles []ocpi.PartyRole) string {
	texts := make([]string, len(roles))
	for i, r := range roles {
		texts[i] = r.Party.String() + " " + string(r.Role)
	}
	return strings.Join(texts, ", ")
}

func servedBy(parties []ocpi.Party) string {
	if len(parties) == 0 {
		return "all"
	}
	texts := make([]string, len(parties))
	for i, p := range parties {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

type partnerRemoveCmd struct {
	dataFlag
	Name string `arg:"" help:"Our name for the partner."`
}

// Run removes the partner.
func (p *partnerRemoveCmd) Run(ctx context.Context, io streams) error {
	data, err := p.existing(ctx)
	if err != nil {
		return err
	}
	err = data.Partners.Remove(ctx, p.Name)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "partner %s is removed\n", p.Name)
	return nil
}
