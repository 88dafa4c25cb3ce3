package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

type partnerPolicyCmd struct {
	nameFlags
	Push              *bool          `help:"Push our objects to the partner." negatable:"" env:"ROAMWIRE_PARTNER_PUSH" setting:"partner-push"`
	PushExcept        listFlag       `help:"Modules that are not pushed. Can be repeated; empty for none." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_PUSH_EXCEPT" setting:"partner-push-except"`
	PushParties       listFlag       `help:"The parties of ours whose objects are pushed. Can be repeated; empty for all." placeholder:"PARTY" env:"ROAMWIRE_PARTNER_PUSH_PARTIES" setting:"partner-push-parties"`
	PushWhole         *bool          `help:"Push whole objects in place of PATCH." negatable:"" env:"ROAMWIRE_PARTNER_PUSH_WHOLE" setting:"partner-push-whole"`
	PushRate          *int           `help:"The largest number of messages of a module in a second; 0 for no limit." placeholder:"N" env:"ROAMWIRE_PARTNER_PUSH_RATE" setting:"partner-push-rate"`
	PushConcurrency   *int           `help:"How many messages of a module can be under way at once; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PUSH_CONCURRENCY" setting:"partner-push-concurrency"`
	PushTimeout       *time.Duration `help:"How long the sending of one object may take; 0 for as long as its requests take." placeholder:"TIME" env:"ROAMWIRE_PARTNER_PUSH_TIMEOUT" setting:"partner-push-timeout"`
	PushFromNow       *bool          `help:"Let pushes of a module that begins to be pushed begin with what changes from the registration on, and not with all there is." negatable:"" env:"ROAMWIRE_PARTNER_PUSH_FROM_NOW" setting:"partner-push-from-now"`
	Pull              *bool          `help:"Pull the partner's objects." negatable:"" env:"ROAMWIRE_PARTNER_PULL" setting:"partner-pull"`
	PullExcept        listFlag       `help:"Modules that are not pulled. Can be repeated; empty for none." placeholder:"MODULE" env:"ROAMWIRE_PARTNER_PULL_EXCEPT" setting:"partner-pull-except"`
	PullEvery         *time.Duration `help:"Time between pulls of what is new; 0 for the default." placeholder:"TIME" env:"ROAMWIRE_PARTNER_PULL_EVERY" setting:"partner-pull-every"`
	PullFullEvery     *time.Duration `help:"Time between pulls of everything; 0 for the default." placeholder:"TIME" env:"ROAMWIRE_PARTNER_PULL_FULL_EVERY" setting:"partner-pull-full-every"`
	PullGoneAfter     *int           `help:"How many pulls of everything in a row an object must be missing from to count as gone; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PULL_GONE_AFTER" setting:"partner-pull-gone-after"`
	PullLimit         *int           `help:"Objects on a page; 0 for the default." placeholder:"N" env:"ROAMWIRE_PARTNER_PULL_LIMIT" setting:"partner-pull-limit"`
	AllowOlder        *bool          `help:"Let objects of the partner replace ones with a later last_updated." negatable:"" env:"ROAMWIRE_PARTNER_ALLOW_OLDER" setting:"partner-allow-older"`
	PatchedEVSEs      *string        `help:"What becomes of EVSEs in the PATCH of a location: merge, replace or reject." name:"patched-evses" placeholder:"HOW" env:"ROAMWIRE_PARTNER_PATCHED_EVSES" setting:"partner-patched-evses"`
	Routing           *string        `help:"What becomes of messages that name parties which are not the partner's: strict refuses them, log takes and tells them, trust takes them, as for hubs." placeholder:"HOW" env:"ROAMWIRE_PARTNER_ROUTING" setting:"partner-routing"`
	Authorize         *bool          `help:"Ask the partner whether its drivers may charge." negatable:"" env:"ROAMWIRE_PARTNER_AUTHORIZE" setting:"partner-authorize"`
	AuthorizeRealtime *bool          `help:"Ask it about tokens too whose whitelist leaves that to us." negatable:"" env:"ROAMWIRE_PARTNER_AUTHORIZE_REALTIME" setting:"partner-authorize-realtime"`
	AuthorizeDeadline *time.Duration `help:"How long it may take to answer that; 0 for the default." placeholder:"TIME" env:"ROAMWIRE_PARTNER_AUTHORIZE_DEADLINE" setting:"partner-authorize-deadline"`
	PriceTolerance    *string        `help:"How far an amount of the partner's CDRs may be from the one that its tariff gives, in its currency; empty for the default, one of its smallest units." placeholder:"AMOUNT" env:"ROAMWIRE_PARTNER_PRICE_TOLERANCE" setting:"partner-price-tolerance"`
	PriceRules        listFlag       `help:"How the partner reads what OCPI leaves open about prices, where that is not the default: a rule as in flat=each. Can be repeated; empty for none. All are in docs/pricing.md." placeholder:"RULE=VALUE" env:"ROAMWIRE_PARTNER_PRICE_RULES" setting:"partner-price-rules"`
	ResultHosts       *[]string      `help:"Hosts besides the partner's own that may get its token with the result of a command." placeholder:"HOST" env:"ROAMWIRE_PARTNER_RESULT_HOSTS" setting:"partner-result-hosts"`
}

// Run changes the policy for a partner, and prints it.
func (c *partnerPolicyCmd) Run(ctx context.Context, s streams) (err error) {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	own, err := data.Parties(ctx)
	if err != nil {
		return err
	}
	if err := data.Partners.ChangePolicy(ctx, c.Name, func(p *partner.Policy) error { return c.change(p, own) }); err != nil {
		return fmt.Errorf("policy for %s: %w", c.Name, err)
	}
	policy, err := data.Partners.Policy(ctx, c.Name)
	if err != nil {
		return err
	}
	err = json.MarshalWrite(s.out, &policy, jsontext.WithIndent("  "), json.WithMarshalers(json.MarshalToFunc(durationText)))
	fmt.Fprintln(s.out)
	return err
}

// durationText writes a time as people read it.
func durationText(to *jsontext.Encoder, d time.Duration) error {
	return to.WriteToken(jsontext.String(d.String()))
}

// Bounds of numbers in a policy.
const (
	shortestPause  = time.Minute
	maxConcurrency = 256
	maxRate        = 10_000
)

func (c *partnerPolicyCmd) change(p *partner.Policy, own []ocpi.Party) error {
	set(&p.Push.Whole, c.PushWhole)
	set(&p.Push.Rate, c.PushRate)
	set(&p.Push.Concurrency, c.PushConcurrency)
	set(&p.Push.Timeout, c.PushTimeout)
	set(&p.Push.FromNow, c.PushFromNow)
	set(&p.Pull.Every, c.PullEvery)
	set(&p.Pull.FullEvery, c.PullFullEvery)
	set(&p.Pull.GoneAfter, c.PullGoneAfter)
	set(&p.Pull.Limit, c.PullLimit)
	set(&p.Receive.AllowOlder, c.AllowOlder)
	set(&p.ResultHosts, c.ResultHosts)
	set(&p.Authorize.Realtime, c.AuthorizeRealtime)
	set(&p.Authorize.Deadline, c.AuthorizeDeadline)
	if c.Authorize != nil {
		p.Authorize.Off = !*c.Authorize
	}
	if c.Push != nil {
		p.Push.Off = !*c.Push
	}
	if c.Pull != nil {
		p.Pull.Off = !*c.Pull
	}
	if err := c.pushed(&p.Push, own); err != nil {
		return err
	}
	if err := checkNumbers(p); err != nil {
		return err
	}
	if err := c.receive(&p.Receive); err != nil {
		return err
	}
	if err := c.price(&p.Price); err != nil {
		return err
	}
	return errors.Join(moved(&p.Push.Except, c.PushExcept), moved(&p.Pull.Except, c.PullExcept))
}

// pushed reads whose objects are pushed.
func (c *partnerPolicyCmd) pushed(p *partner.PushPolicy, own []ocpi.Party) error {
	if !c.PushParties.given {
		return nil
	}
	chosen, err := c.PushParties.parties()
	if err != nil {
		return err
	}
	for _, party := range chosen {
		if !slices.Contains(own, party) {
			return fmt.Errorf("%s is no party of this node", party)
		}
	}
	p.Parties = chosen
	return nil
}

// checkNumbers refuses what would hurt: a partner, or us.
func checkNumbers(p *partner.Policy) error {
	for _, number := range []int{p.Push.Rate, p.Push.Concurrency, p.Pull.GoneAfter, p.Pull.Limit, int(p.Push.Timeout), int(p.Pull.Every), int(p.Pull.FullEvery),
		int(p.Authorize.Deadline)} {
		if number < 0 {
			return errors.New("no number in it can be negative")
		}
	}
	for _, every := range []time.Duration{p.Pull.Every, p.Pull.FullEvery} {
		if every > 0 && every < shortestPause {
			return fmt.Errorf("a partner is pulled from every %s at the most, %s is too often", shortestPause, every)
		}
	}
	if p.Push.Concurrency > maxConcurrency || p.Push.Rate > maxRate {
		return fmt.Errorf("at most %d messages can be under way at once, and %d be sent in a second", maxConcurrency, maxRate)
	}
	return nil
}

func (c *partnerPolicyCmd) receive(r *ocpi.Receiving) error {
	if c.PatchedEVSEs != nil {
		switch how := ocpi.PatchedEVSEs(*c.PatchedEVSEs); how {
		case "merge":
			r.EVSEs = ocpi.MergeEVSEs
		case ocpi.ReplaceEVSEs, ocpi.RejectEVSEs:
			r.EVSEs = how
		default:
			return fmt.Errorf("EVSEs in the PATCH of a location are merged, replaced or rejected; %q is none of merge, replace, reject", how)
		}
	}
	if c.Routing != nil {
		switch how := ocpi.RoutingPolicy(*c.Routing); how {
		case "strict":
			r.Routing = ocpi.RoutingStrict
		case ocpi.RoutingLog, ocpi.RoutingTrust:
			r.Routing = how
		default:
			return fmt.Errorf("messages that name other parties are refused, logged or trusted; %q is none of strict, log, trust", how)
		}
	}
	return nil
}

// price reads how the partner's tariffs are read.
func (c *partnerPolicyCmd) price(p *partner.PricePolicy) error {
	if c.PriceTolerance != nil && *c.PriceTolerance != "" {
		if _, err := tariff.ParseTolerance(*c.PriceTolerance); err != nil {
			return err
		}
	}
	set(&p.Tolerance, c.PriceTolerance)
	if !c.PriceRules.given {
		return nil
	}
	p.Rules = map[string]string{}
	for _, rule := range c.PriceRules.items {
		name, value, _ := strings.Cut(rule, "=")
		if err := new(tariff.Policy).Set(name, value); err != nil {
			return err
		}
		p.Rules[name] = value
	}
	return nil
}

func set[T any](setting, value *T) {
	if value != nil {
		*setting = *value
	}
}

// moved reads the names of modules whose objects move.
func moved(setting *[]ocpi.ModuleID, names listFlag) error {
	if !names.given {
		return nil
	}
	*setting = nil
	for _, name := range names.items {
		switch module := ocpi.ModuleID(name); module {
		case ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens:
			*setting = append(*setting, module)
		default:
			return fmt.Errorf("%q is no module that is pushed or pulled", name)
		}
	}
	return nil
}
