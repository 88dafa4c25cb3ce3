package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
)

type partnerPolicyCmd struct {
	nameFlags
	Push            *bool          `help:"Push our objects to the partner." negatable:"" env:"ROAMWIRE_PARTNER_PUSH" setting:"partner-push"`
	PushExcept      *[]string      `help:"Modules that are not pushed." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_PUSH_EXCEPT" setting:"partner-push-except"`
	PushParties     *[]partyFlag   `help:"The parties of ours whose objects are pushed." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_PUSH_PARTIES" setting:"partner-push-parties"`
	PushWhole       *bool          `help:"Push whole objects in place of PATCH." negatable:"" env:"ROAMWIRE_PARTNER_PUSH_WHOLE" setting:"partner-push-whole"`
	PushRate        *int           `help:"The largest number of messages of a module in a second; 0 for no limit." placeholder:"N" env:"ROAMWIRE_PARTNER_PUSH_RATE" setting:"partner-push-rate"`
	PushConcurrency *int           `help:"How many messages of a module can be under way at once; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PUSH_CONCURRENCY" setting:"partner-push-concurrency"`
	Pull            *bool          `help:"Pull the partner's objects." negatable:"" env:"ROAMWIRE_PARTNER_PULL" setting:"partner-pull"`
	PullExcept      *[]string      `help:"Modules that are not pulled." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_PULL_EXCEPT" setting:"partner-pull-except"`
	PullEvery       *time.Duration `help:"Time between pulls of what is new; 0 for the default." placeholder:"TIME" env:"ROAMWIRE_PARTNER_PULL_EVERY" setting:"partner-pull-every"`
	PullFullEvery   *time.Duration `help:"Time between pulls of everything; 0 for the default." placeholder:"TIME" env:"ROAMWIRE_PARTNER_PULL_FULL_EVERY" setting:"partner-pull-full-every"`
	PullGoneAfter   *int           `help:"How many pulls of everything in a row an object must be missing from to count as gone; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PULL_GONE_AFTER" setting:"partner-pull-gone-after"`
	PullLimit       *int           `help:"Objects on a page; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PULL_LIMIT" setting:"partner-pull-limit"`
	AllowOlder      *bool          `help:"Let objects of the partner replace ones with a later last_updated." negatable:"" env:"ROAMWIRE_PARTNER_ALLOW_OLDER" setting:"partner-allow-older"`
	PatchedEVSEs    *string        `help:"What becomes of EVSEs in the PATCH of a location: merge, replace or reject." name:"patched-evses" placeholder:"HOW" env:"ROAMWIRE_PARTNER_PATCHED_EVSES" setting:"partner-patched-evses"`
	ResultHosts     *[]string      `help:"Hosts besides the partner's own that may get its token with the result of a command." placeholder:"HOST" env:"ROAMWIRE_PARTNER_RESULT_HOSTS" setting:"partner-result-hosts"`
}

// Run changes the policy for a partner, and prints it.
func (c *partnerPolicyCmd) Run(ctx context.Context, s streams) (err error) {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	if err := data.Partners.ChangePolicy(ctx, c.Name, c.change); err != nil {
		return fmt.Errorf("policy for %s: %w", c.Name, err)
	}
	policy, err := data.Partners.Policy(ctx, c.Name)
	if err != nil {
		return err
	}
	out := json.NewEncoder(s.out)
	out.SetIndent("", "  ")
	return out.Encode(&policy)
}

func (c *partnerPolicyCmd) change(p *partner.Policy) error {
	set(&p.Push.Whole, c.PushWhole)
	set(&p.Push.Rate, c.PushRate)
	set(&p.Push.Concurrency, c.PushConcurrency)
	set(&p.Pull.Every, c.PullEvery)
	set(&p.Pull.FullEvery, c.PullFullEvery)
	set(&p.Pull.GoneAfter, c.PullGoneAfter)
	set(&p.Pull.Limit, c.PullLimit)
	set(&p.Receive.AllowOlder, c.AllowOlder)
	set(&p.ResultHosts, c.ResultHosts)
	if c.Push != nil {
		p.Push.Off = !*c.Push
	}
	if c.Pull != nil {
		p.Pull.Off = !*c.Pull
	}
	if c.PushParties != nil {
		p.Push.Parties = parties(*c.PushParties)
	}
	for _, number := range []int{p.Push.Rate, p.Push.Concurrency, p.Pull.GoneAfter, p.Pull.Limit, int(p.Pull.Every), int(p.Pull.FullEvery)} {
		if number < 0 {
			return errors.New("no number in it can be negative")
		}
	}
	if err := c.receive(&p.Receive); err != nil {
		return err
	}
	return errors.Join(moved(&p.Push.Except, c.PushExcept), moved(&p.Pull.Except, c.PullExcept))
}

func (c *partnerPolicyCmd) receive(r *ocpi.Receiving) error {
	if c.PatchedEVSEs == nil {
		return nil
	}
	switch how := ocpi.PatchedEVSEs(*c.PatchedEVSEs); how {
	case "merge":
		r.EVSEs = ocpi.MergeEVSEs
	case ocpi.ReplaceEVSEs, ocpi.RejectEVSEs:
		r.EVSEs = how
	default:
		return fmt.Errorf("EVSEs in the PATCH of a location are merged, replaced or rejected; %q is none of merge, replace, reject", how)
	}
	return nil
}

func set[T any](setting, value *T) {
	if value != nil {
		*setting = *value
	}
}

// moved reads the names of modules whose objects move.
func moved(setting *[]ocpi.ModuleID, names *[]string) error {
	if names == nil {
		return nil
	}
	*setting = nil
	for _, name := range *names {
		switch module := ocpi.ModuleID(name); module {
		case ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens:
			*setting = append(*setting, module)
		default:
			return fmt.Errorf("%q is no module that is pushed or pulled", name)
		}
	}
	return nil
}
